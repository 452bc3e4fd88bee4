//! Parameters, and the rule of all of them: owned ones come from the caller, borrowed ones from the server.

use syn::{Attribute, Expr, ExprLit, FnArg, Ident, Lit, Pat, PatType, Type, TypeReference, ext::IdentExt};

use super::{
    callable::Role,
    hook::Moment,
    types::{borrows, has_impl_trait, is_named, owned, plain, text},
};
use crate::{
    attr::{self, Value},
    errors::Errors,
    span,
};

/// One parameter of a method.
pub(crate) enum Param {
    /// In the schema and on the wire.
    Argument(Box<Argument>),
    /// Lent by the server: the `T` of `&T`.
    Borrow(Box<Type>),
}

/// A parameter that the caller gives; for an event, the payload.
pub(crate) struct Argument {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// The name on the wire.
    pub(crate) name: String,
    /// Doc comments, `#[serde(..)]`, `#[schemars(..)]`: what belongs on the field.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) default: Option<Expr>,
    pub(crate) flatten: bool,
    /// Whether an attribute may put something else in the place of its type's own impls.
    pub(crate) custom: bool,
}

impl Param {
    pub(crate) fn read(param: &PatType, role: Role, errors: &mut Errors) -> Self {
        refuse_cfg(&param.attrs, errors);
        match plain(&param.ty) {
            Type::Reference(reference) if !is_meant_as_argument(reference) => {
                refuse_on_borrowed(param, role, errors);
                if matches!(role, Role::Hook(_)) && is_named(&reference.elem, "Disconnected") {
                    errors.on(reference, "take it by value: `Disconnected`");
                }
                Self::Borrow(Box::new(borrowed(reference, errors)))
            }
            _ => Self::Argument(Box::new(match role {
                Role::Method => Argument::read(param, errors),
                Role::Handler => Argument::read_payload(param, errors),
                Role::Hook(moment) => Argument::read_end(param, moment, errors),
            })),
        }
    }
}

/// Whether an attribute goes to the field of the arguments' struct, and off the function.
pub(crate) fn belongs_on_field(attribute: &Attribute) -> bool {
    ["serde", "schemars", "doc", "cfg_attr"].iter().any(|name| attribute.path().is_ident(name))
}

/// Takes away what Rust does not accept on a parameter.
pub(crate) fn strip(param: &mut FnArg) {
    if let FnArg::Typed(param) = param {
        param.attrs.retain(|attribute| !attribute.path().is_ident("arg") && !belongs_on_field(attribute));
    }
}

/// `&str` and `&[T]`: no server lends those.
fn is_meant_as_argument(reference: &TypeReference) -> bool {
    matches!(plain(&reference.elem), Type::Slice(_)) || is_named(&reference.elem, "str")
}

fn borrowed(reference: &TypeReference, errors: &mut Errors) -> Type {
    let elem = plain(&reference.elem);
    let name = text(elem);
    if reference.mutability.is_some() {
        errors.on(
            reference,
            format_args!(
                "many calls share what the server lends: take `&{name}`, and keep what changes in a `Mutex` inside it"
            ),
        );
    } else if matches!(elem, Type::TraitObject(_)) {
        errors.on(
            reference,
            format_args!(
                "the server finds what it lends by its type: take the concrete type, \
                 or `&Arc<{name}>` given with `.state(..)`"
            ),
        );
    } else if has_impl_trait(elem) {
        errors.on(reference, format_args!("the server finds what it lends by its type: name it instead of `{name}`"));
    } else if borrows(elem) {
        errors.on(
            reference,
            format_args!("what the server lends has to be owned by it: no reference or lifetime inside `{name}`"),
        );
    }
    elem.clone()
}

fn refuse_cfg(attributes: &[Attribute], errors: &mut Errors) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")) {
        errors.on(attribute, "a parameter can't come and go: put `#[cfg(..)]` on two functions of the same name");
    }
}

fn refuse_on_borrowed(param: &PatType, role: Role, errors: &mut Errors) {
    for attribute in &param.attrs {
        let path = attribute.path();
        if ["arg", "serde", "schemars"].iter().any(|name| path.is_ident(name)) {
            if matches!(role, Role::Hook(_)) {
                errors.on(attribute, format_args!("`#[{}(..)]` is for arguments, and a hook has none", text(path)));
                continue;
            }
            errors.on(
                attribute,
                format_args!(
                    "`#[{}(..)]` is for arguments, and this parameter is borrowed from the server: \
                     take `{}` by value to make it an argument",
                    text(path),
                    text(&*param.ty).trim_start_matches('&')
                ),
            );
        }
    }
}

fn refuse_on_payload(param: &PatType, errors: &mut Errors) {
    let ty = text(&param.ty);
    for attribute in &param.attrs {
        let advice = match attribute.path() {
            path if path.is_ident("arg") => "put `#[serde(..)]` instead of `#[arg(..)]`".to_owned(),
            path if path.is_ident("doc") => "write what it is".to_owned(),
            path if ["serde", "schemars"].iter().any(|name| path.is_ident(name)) => {
                format!("put `#[{}(..)]`", text(path))
            }
            _ => continue,
        };
        errors.on(
            attribute,
            format_args!(
                "the payload of an event is the type itself: {advice} on the fields of `{ty}`, or of a struct around it"
            ),
        );
    }
}

impl Argument {
    /// Its name in expanded code, where it is a field and a parameter.
    pub(crate) fn field(&self) -> Ident {
        span::ident(&self.ident)
    }

    fn read(param: &PatType, errors: &mut Errors) -> Self {
        let options = attr::PARAMETER.read_attributes(&param.attrs, errors);
        let ident = name_of(&param.pat, errors);
        refuse_type(&param.ty, Role::Method, errors);
        let default = options.value("default").cloned();
        let flatten = options.flag("flatten");
        if let (Some(_), Some(flatten)) = (&default, flatten) {
            errors.on(
                flatten,
                "a flattened argument has no default of its own: put `#[serde(default)]` on the fields of its struct",
            );
        }
        let mut argument = Self {
            name: ident.unraw().to_string(),
            ident,
            ty: (*param.ty).clone(),
            attributes: param.attrs.iter().filter(|attribute| belongs_on_field(attribute)).cloned().collect(),
            default,
            flatten: flatten.is_some(),
            custom: param.attrs.iter().any(is_custom),
        };
        argument.read_serde(errors);
        argument
    }

    /// A payload is a value as a whole: no name on the wire, no attributes, and a pattern may take it apart.
    fn read_payload(param: &PatType, errors: &mut Errors) -> Self {
        refuse_on_payload(param, errors);
        refuse_type(&param.ty, Role::Handler, errors);
        Self::whole(param)
    }

    /// A value that is given as it is.
    fn whole(param: &PatType) -> Self {
        let ident = match &*param.pat {
            Pat::Ident(pattern) => pattern.ident.clone(),
            other => Ident::new("payload", syn::spanned::Spanned::span(other)),
        };
        Self {
            name: ident.unraw().to_string(),
            ident,
            ty: (*param.ty).clone(),
            attributes: Vec::new(),
            default: None,
            flatten: false,
            custom: false,
        }
    }

    /// What a hook may own: why a connection ended.
    fn read_end(param: &PatType, moment: Moment, errors: &mut Errors) -> Self {
        let attribute = moment.attribute();
        if !is_named(&param.ty, "Disconnected") {
            let (name, or) = (
                text(owned(&param.ty).as_ref().unwrap_or(&param.ty)),
                match moment {
                    Moment::ClientDisconnect => ", or take `Disconnected`",
                    _ => "",
                },
            );
            errors.on(&param.ty, format_args!("nobody gives a hook arguments: borrow `&{name}` from the server{or}"));
        } else if moment != Moment::ClientDisconnect {
            errors.on(
                &param.ty,
                format_args!("in `#[{attribute}]` no connection has ended: `#[on_client_disconnect]` takes this"),
            );
        }
        Self::whole(param)
    }

    /// Looks through `#[serde(..)]` for the name on the wire, and for what an argument can't have.
    fn read_serde(&mut self, errors: &mut Errors) {
        for attribute in self.attributes.clone() {
            if !attribute.path().is_ident("serde") {
                continue;
            }
            let Some(list) = errors.keep(attribute.meta.require_list()) else { continue };
            for entry in attr::entries(list.tokens.clone(), errors) {
                self.read_serde_entry(&entry, errors);
            }
        }
    }

    fn read_serde_entry(&mut self, entry: &attr::Entry, errors: &mut Errors) {
        let key = entry.key.to_string();
        if key == "rename"
            && let Value::Expr(Expr::Lit(ExprLit { lit: Lit::Str(name), .. })) = &entry.value
        {
            self.name = name.value();
            return;
        }
        let advice = match key.as_str() {
            "rename" => r#"an argument has one name for both sides: write `#[serde(rename = "..")]`"#,
            "alias" => "an alias would be accepted but not published: choose one name with `#[serde(rename = \"..\")]`",
            "skip" | "skip_serializing" | "skip_deserializing" | "skip_serializing_if" => {
                "an argument is never skipped: take `Option<T>` or `#[arg(default = ..)]` for one that may be left out"
            }
            "borrow" => "an argument is owned, so it can't borrow from the message: drop `borrow`",
            "flatten" => "write `#[arg(flatten)]`: the arguments' struct has to know of it",
            "default" if self.default.is_some() => "this argument has a default already, from `#[arg(default = ..)]`",
            _ => return,
        };
        errors.on(entry, advice);
    }
}

/// `#[serde(with = "..")]` and its like; what is behind `#[cfg_attr(..)]`, one can't know.
pub(crate) fn is_custom(attribute: &Attribute) -> bool {
    const KEYS: [&str; 5] = ["with", "serialize_with", "deserialize_with", "schema_with", "getter"];
    let path = attribute.path();
    if !path.is_ident("serde") && !path.is_ident("schemars") {
        return path.is_ident("cfg_attr");
    }
    let Ok(list) = attribute.meta.require_list() else { return false };
    let entries = attr::entries(list.tokens.clone(), &mut Errors::default());
    entries.iter().any(|entry| KEYS.iter().any(|key| entry.key == key))
}

/// `a` of `a: i64` and of `mut a: i64`.
fn name_of(pattern: &Pat, errors: &mut Errors) -> Ident {
    match pattern {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => pattern.ident.clone(),
        other => {
            errors.on(
                other,
                format_args!("give the argument a name instead of `{}`: it is the name on the wire", text(other)),
            );
            Ident::new("__unnamed", syn::spanned::Spanned::span(other))
        }
    }
}

/// What every server lends, by its own name or as `conduit::Connection`. Behind another path it is a type of the user's.
fn is_lent(ty: &Type) -> bool {
    let Type::Path(path) = plain(ty) else { return false };
    let segments: Vec<_> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let name = match &segments[..] {
        [name] => name,
        [krate, name] if krate == "conduit" => name,
        _ => return false,
    };
    path.qself.is_none() && ["Connection", "Server", "Call"].contains(&name.as_str())
}

fn refuse_type(ty: &Type, role: Role, errors: &mut Errors) {
    let (name, given) = (text(ty), role.given());
    if has_impl_trait(ty) {
        errors.on(ty, format_args!("{given} has one type and one schema: name the type instead of `{name}`"));
    } else if is_lent(ty) {
        errors.on(
            ty,
            format_args!(
                "the server lends it, so borrow it: `&{name}`; a type of your own that has this name is taken by its \
                 path, such as `self::{}`",
                name.trim_start_matches("conduit::")
            ),
        );
    } else if borrows(ty) {
        let instead =
            owned(ty).map_or_else(|| "take a type without lifetimes".to_owned(), |ty| format!("take `{}`", text(ty)));
        errors.on(
            ty,
            format_args!(
                "{instead} instead of `{name}`: {given} is owned, a borrowed parameter (`&T`) comes from the server"
            ),
        );
    }
}
