//! The enum or struct that derives `RpcError`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Data, DeriveInput, Fields, Ident, LitStr, Member, Meta, Path, Type};

use super::{inherited, named};
use crate::{
    attr::{self, Options},
    errors::Errors,
};

/// An error type, and what each of its cases becomes on the wire.
pub(crate) struct ErrorType {
    pub(crate) krate: Path,
    pub(crate) ident: Ident,
    pub(crate) inherited: Vec<Attribute>,
    pub(crate) generics: syn::Generics,
    pub(crate) variants: Vec<Variant>,
}

/// A variant of an enum, or a struct as a whole.
pub(crate) struct Variant {
    pub(crate) ident: Ident,
    /// `Self::NotFound`, or `Self` for a struct.
    pub(crate) path: TokenStream,
    pub(crate) kind: Kind,
    /// What the discovery documents say of it.
    pub(crate) message: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) named: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Code {
        code: i64,
        span: Span,
    },
    /// The caller learns nothing but "internal error".
    Internal(Span),
    /// Neither was said, which is an error already.
    Unknown,
}

pub(crate) struct Field {
    pub(crate) member: Member,
    pub(crate) ty: Type,
    /// `#[serde(..)]`, `#[schemars(..)]` and doc comments.
    pub(crate) attributes: Vec<Attribute>,
    /// Left out of the data.
    pub(crate) skip: bool,
}

impl ErrorType {
    pub(crate) fn read(input: &DeriveInput, errors: &mut Errors) -> Self {
        refuse_generics(input, errors);
        let (krate, variants) = match &input.data {
            Data::Enum(data) => {
                let options = attr::ERROR_ENUM.read_attributes(&input.attrs, errors);
                let own = options.flag("imported").is_none();
                let krate = options.krate(errors);
                (krate, data.variants.iter().map(|variant| Variant::of_enum(variant, own, errors)).collect())
            }
            Data::Struct(data) => {
                let options = attr::ERROR_STRUCT.read_attributes(&input.attrs, errors);
                let path = quote!(Self);
                let kind = Kind::read(&input.ident, &options, true, errors);
                let variant = Variant::read(&input.ident, path, &input.attrs, &data.fields, kind, errors);
                (options.krate(errors), vec![variant])
            }
            Data::Union(data) => {
                errors.on(
                    data.union_token,
                    "a union can't say which error it is: derive `RpcError` on an enum or a struct",
                );
                (Options::default().krate(errors), Vec::new())
            }
        };
        let inherited = inherited(&input.attrs);
        Self { krate, ident: input.ident.clone(), inherited, generics: input.generics.clone(), variants }
    }
}

fn refuse_generics(input: &DeriveInput, errors: &mut Errors) {
    if !input.generics.params.is_empty() {
        errors.on(
            &input.generics.params,
            "an error has one schema and is read back on the other side, so it can't be generic or borrow: \
             name the types",
        );
    }
}

impl Variant {
    /// One of the program's `own` enums, or of one that was imported.
    fn of_enum(variant: &syn::Variant, own: bool, errors: &mut Errors) -> Self {
        let options = attr::VARIANT.read_attributes(&variant.attrs, errors);
        let ident = &variant.ident;
        let kind = Kind::read(ident, &options, own, errors);
        Self::read(ident, quote!(Self::#ident), &variant.attrs, &variant.fields, kind, errors)
    }

    fn read(
        ident: &Ident,
        path: TokenStream,
        attributes: &[Attribute],
        fields: &Fields,
        kind: Kind,
        errors: &mut Errors,
    ) -> Self {
        Self {
            ident: ident.clone(),
            path,
            kind,
            message: message(ident, attributes),
            fields: fields.members().zip(fields).map(|(member, field)| Field::read(member, field, errors)).collect(),
            named: matches!(fields, Fields::Named(_)),
        }
    }

    /// The fields that travel.
    pub(crate) fn data(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| !field.skip)
    }

    pub(crate) fn has_data(&self) -> bool {
        self.data().next().is_some()
    }

    /// Whether what travels is all there is.
    pub(crate) fn is_whole(&self) -> bool {
        self.fields.iter().all(|field| !field.skip)
    }
}

impl Kind {
    fn read(ident: &Ident, options: &Options, own: bool, errors: &mut Errors) -> Self {
        let code = options.code(errors);
        match (options.value("code"), options.flag("internal")) {
            (Some(_), Some(internal)) => {
                errors.on(internal, "an internal error has no code of its own: drop `internal` or `code`");
                Self::Unknown
            }
            (None, None) => {
                errors.on(
                    ident,
                    format_args!(
                        "`{ident}` needs a code: put `#[rpc(code = 404)]` on it, or `#[rpc(internal)]` \
                         if the caller must not learn of it"
                    ),
                );
                Self::Unknown
            }
            (Some(_), None) => code.map_or(Self::Unknown, |(code, span)| Self::code(code, span, own, errors)),
            (None, Some(internal)) => Self::Internal(internal.span()),
        }
    }

    fn code(code: i64, span: Span, own: bool, errors: &mut Errors) -> Self {
        if own && (-32768..=-32000).contains(&code) {
            errors.at(
                span,
                format_args!(
                    "code {code} is taken: \"The error codes from and including -32768 to -32000 are reserved for \
                     pre-defined errors\" (JSON-RPC 2.0, section 5.1); take one outside that range"
                ),
            );
        }
        Self::Code { code, span }
    }
}

impl Field {
    fn read(member: Member, field: &syn::Field, errors: &mut Errors) -> Self {
        let options = attr::FIELD.read_attributes(&field.attrs, errors);
        let kept =
            |attribute: &&Attribute| ["serde", "schemars", "doc"].iter().any(|name| attribute.path().is_ident(name));
        Self {
            member,
            ty: field.ty.clone(),
            attributes: field.attrs.iter().filter(kept).cloned().collect(),
            skip: options.flag("skip").is_some(),
        }
    }
}

/// The template of thiserror's `#[error("..")]`, else the first line of the doc comment, else the name in words.
fn message(ident: &Ident, attributes: &[Attribute]) -> String {
    template(attributes).or_else(|| first_line(attributes)).unwrap_or_else(|| in_words(ident))
}

fn template(attributes: &[Attribute]) -> Option<String> {
    named(attributes, "error").iter().find_map(|attribute| match &attribute.meta {
        Meta::List(list) => {
            let first = list.tokens.clone().into_iter().next()?;
            let text: LitStr = syn::parse2(first.into_token_stream()).ok()?;
            Some(without_formats(&text.value()))
        }
        Meta::Path(_) | Meta::NameValue(_) => None,
    })
}

/// `{id:>5} of {name:?}` -> `{id} of {name}`
fn without_formats(template: &str) -> String {
    let mut text = String::new();
    let mut in_format = false;
    for c in template.chars() {
        match c {
            ':' if text.rfind('{') > text.rfind('}') => in_format = true,
            '}' => in_format = false,
            _ => {}
        }
        if !in_format {
            text.push(c);
        }
    }
    text
}

fn first_line(attributes: &[Attribute]) -> Option<String> {
    let docs = named(attributes, "doc");
    let first = super::doc_line(&docs.first()?.meta)?;
    let text = super::literal_text(&first)?;
    let line = text.trim().trim_end_matches('.');
    (!line.is_empty()).then(|| line.to_owned())
}

/// `NotFound` -> `not found`
fn in_words(ident: &Ident) -> String {
    let mut words = String::new();
    for c in ident.to_string().chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_the_discovery_documents() {
        let variant: syn::Variant = syn::parse_quote!(
            #[error("user {id:?} of {0:>5}: {{gone}}", extra = 1)]
            NotFound
        );
        assert_eq!(message(&variant.ident, &variant.attrs), "user {id} of {0}: {{gone}}");
        let variant: syn::Variant = syn::parse_quote!(
            /// No such user.
            ///
            /// More of it.
            NotFound
        );
        assert_eq!(message(&variant.ident, &variant.attrs), "No such user");
        let variant: syn::Variant = syn::parse_quote!(
            #[error(transparent)]
            NotFound
        );
        assert_eq!(message(&variant.ident, &variant.attrs), "not found");
    }
}
