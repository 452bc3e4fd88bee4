//! The grammar of the attributes: which options there are, where, and what they look like.

use std::time::Duration;

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Expr, ExprLit, ExprUnary, Ident, Lit, LitStr, Meta, Path, Token, UnOp,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
    token,
};

use crate::{errors::Errors, span};

/// The options that one attribute takes in one place.
pub(crate) struct Grammar {
    attribute: &'static str,
    place: &'static str,
    options: &'static [Usage],
}

/// An option as one writes it: `public`, or `timeout = "5s"`.
struct Usage(&'static str);

const NAME: Usage = Usage(r#"name = "user.create""#);
const NAMESPACE: Usage = Usage(r#"namespace = "chat""#);
const PUBLIC: Usage = Usage("public");
const ALLOW: Usage = Usage(r#"allow = "admin""#);
const TIMEOUT: Usage = Usage(r#"timeout = "5s""#);
const ORDERED: Usage = Usage("ordered");
const IDEMPOTENT: Usage = Usage("idempotent");
const DEPRECATED: Usage = Usage("deprecated");
const SKIP: Usage = Usage("skip");
const CRATE: Usage = Usage("crate = path::to::conduit");
const DEFAULT: Usage = Usage("default = value");
const FLATTEN: Usage = Usage("flatten");
const CODE: Usage = Usage("code = 404");
const INTERNAL: Usage = Usage("internal");
/// The name of an event stands by itself.
const EVENT: Usage = Usage(r#""chat""#);
/// For conduit's own methods; in no list that a user sees.
const BUILTIN: Usage = Usage("builtin");
/// For the errors of somebody else's methods, which may have reserved codes; in no list that a user sees.
const IMPORTED: Usage = Usage("imported");

pub(crate) const FUNCTION: Grammar = Grammar {
    attribute: "rpc",
    place: "a function",
    options: &[NAME, PUBLIC, ALLOW, TIMEOUT, ORDERED, IDEMPOTENT, DEPRECATED, CRATE, BUILTIN],
};
pub(crate) const BLOCK: Grammar = Grammar { attribute: "rpc", place: "an `impl` block", options: &[NAMESPACE, CRATE] };
pub(crate) const METHOD: Grammar = Grammar {
    attribute: "rpc",
    place: "a function of an `impl` block",
    options: &[NAME, PUBLIC, ALLOW, TIMEOUT, ORDERED, IDEMPOTENT, DEPRECATED, SKIP],
};
pub(crate) const HANDLER: Grammar = Grammar {
    attribute: "on",
    place: "a function",
    options: &[EVENT, PUBLIC, ALLOW, TIMEOUT, ORDERED, DEPRECATED, CRATE],
};
pub(crate) const SERVICE_HANDLER: Grammar = Grammar {
    attribute: "on",
    place: "a function of an `impl` block",
    options: &[EVENT, PUBLIC, ALLOW, TIMEOUT, ORDERED, DEPRECATED],
};
/// That of `#[on_startup]` and its like.
pub(crate) fn hook(attribute: &'static str) -> Grammar {
    Grammar { attribute, place: "a function", options: &[CRATE] }
}
pub(crate) const EVENT_TYPE: Grammar =
    Grammar { attribute: "event", place: "a struct or an enum", options: &[EVENT, CRATE] };
pub(crate) const PARAMETER: Grammar = Grammar { attribute: "arg", place: "a parameter", options: &[DEFAULT, FLATTEN] };
pub(crate) const ERROR_ENUM: Grammar = Grammar { attribute: "rpc", place: "an enum", options: &[CRATE, IMPORTED] };
pub(crate) const ERROR_STRUCT: Grammar =
    Grammar { attribute: "rpc", place: "a struct", options: &[CODE, INTERNAL, CRATE] };
pub(crate) const VARIANT: Grammar = Grammar { attribute: "rpc", place: "a variant", options: &[CODE, INTERNAL] };
pub(crate) const FIELD: Grammar = Grammar { attribute: "rpc", place: "a field", options: &[SKIP] };

/// Where a misplaced option would be right.
const PLACES: [&Grammar; 8] = [&FUNCTION, &BLOCK, &METHOD, &PARAMETER, &VARIANT, &FIELD, &ERROR_STRUCT, &ERROR_ENUM];

impl Usage {
    fn key(&self) -> &'static str {
        self.0.split(' ').next().unwrap_or(self.0)
    }

    fn takes_value(&self) -> bool {
        self.0.contains('=')
    }
}

impl Grammar {
    /// Reads the tokens between the attribute's parentheses.
    pub(crate) fn read(&self, tokens: TokenStream, errors: &mut Errors) -> Options {
        let mut options = Options::default();
        for entry in entries(tokens, errors) {
            if let Some(entry) = self.accept(entry, &options, errors) {
                options.0.push(entry);
            }
        }
        options
    }

    /// Reads every attribute of this grammar among `attributes`.
    pub(crate) fn read_attributes(&self, attributes: &[Attribute], errors: &mut Errors) -> Options {
        let tokens = self.tokens(attributes, errors);
        self.read(tokens, errors)
    }

    /// Reads attributes that have names of events among their options: the one between whose parentheses `tokens`
    /// stand, and those among `attributes`. That there is no name is an error on `culprit`, unless something else is
    /// wrong that may have been meant as one.
    pub(crate) fn read_events(
        &self,
        mut tokens: TokenStream,
        attributes: &[Attribute],
        culprit: impl ToTokens,
        errors: &mut Errors,
    ) -> (Vec<LitStr>, Options) {
        let mut here = Errors::default();
        if !tokens.is_empty() {
            tokens.extend(<Token![,]>::default().into_token_stream());
        }
        tokens.extend(self.tokens(attributes, &mut here));
        let (names, rest) = split_names(tokens, &mut here);
        let options = self.read(rest, &mut here);
        if names.is_empty() && here.is_empty() {
            here.on(culprit, format_args!("which event is it? write its name: `#[{}({})]`", self.attribute, EVENT.0));
        }
        errors.append(here);
        (names, options)
    }

    /// What stands between the parentheses of every attribute of this grammar among `attributes`.
    fn tokens(&self, attributes: &[Attribute], errors: &mut Errors) -> TokenStream {
        let mut tokens = TokenStream::new();
        for attribute in attributes.iter().filter(|attribute| is_called(attribute, self.attribute)) {
            match &attribute.meta {
                Meta::Path(_) => {}
                Meta::List(list) => {
                    tokens.extend(list.tokens.clone());
                    tokens.extend(<Token![,]>::default().into_token_stream());
                }
                Meta::NameValue(pair) => {
                    errors.on(pair, format_args!("write `#[{}(..)]`: {}", self.attribute, self.takes()));
                }
            }
        }
        tokens
    }

    fn accept(&self, entry: Entry, seen: &Options, errors: &mut Errors) -> Option<Entry> {
        let key = entry.key.to_string();
        let Some(usage) = self.options.iter().find(|usage| usage.key() == key) else {
            errors.on(&entry.key, self.unknown(&key));
            return None;
        };
        if seen.entry(&key).is_some() {
            errors.on(&entry.key, format_args!("option `{key}` is given twice"));
            return None;
        }
        match (usage.takes_value(), &entry.value) {
            (true, Value::Expr(_)) | (false, Value::None) => Some(entry),
            (true, _) => {
                errors.on(&entry.key, format_args!("option `{key}` takes a value: write `{}`", usage.0));
                None
            }
            (false, _) => {
                errors.on(&entry, format_args!("option `{key}` takes no value: write `{}`", usage.0));
                None
            }
        }
    }

    /// unknown option `publc`: did you mean `public`? on a function `#[rpc]` takes ..
    fn unknown(&self, key: &str) -> String {
        let elsewhere = PLACES.into_iter().find(|place| {
            ![BUILTIN.key(), IMPORTED.key()].contains(&key) && place.options.iter().any(|usage| usage.key() == key)
        });
        if key == "name" && self.listed().any(|usage| usage.0 == EVENT.0) {
            return format!("the name of an event stands by itself: write `#[{}({})]`", self.attribute, EVENT.0);
        }
        let near = self.listed().map(Usage::key).min_by_key(|known| strsim::damerau_levenshtein(known, key));
        let near = near.filter(|known| strsim::damerau_levenshtein(known, key) <= known.len() / 3);
        match (elsewhere, near) {
            (Some(other), _) if other.place == self.place => {
                format!("option `{key}` belongs to `#[{}]`; {}", other.attribute, self.takes())
            }
            (Some(other), _) => {
                format!("option `{key}` of `#[{}]` belongs on {}; {}", other.attribute, other.place, self.takes())
            }
            (None, Some(known)) => format!("unknown option `{key}`: did you mean `{known}`? {}", self.takes()),
            (None, None) => format!("unknown option `{key}`: {}", self.takes()),
        }
    }

    fn takes(&self) -> String {
        let options: Vec<_> = self.listed().map(|usage| format!("`{}`", usage.0)).collect();
        format!("on {} `#[{}]` takes {}", self.place, self.attribute, options.join(", "))
    }

    fn listed(&self) -> impl Iterator<Item = &'static Usage> {
        self.options.iter().filter(|usage| ![BUILTIN.0, IMPORTED.0].contains(&usage.0))
    }
}

/// The options of one attribute: each known, each once, each with a value if it takes one.
#[derive(Default)]
pub(crate) struct Options(Vec<Entry>);

impl Options {
    fn entry(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key == key)
    }

    /// The word itself, if it is there.
    pub(crate) fn flag(&self, key: &str) -> Option<&Ident> {
        Some(&self.entry(key)?.key)
    }

    pub(crate) fn value(&self, key: &str) -> Option<&Expr> {
        match &self.entry(key)?.value {
            Value::Expr(value) => Some(value),
            Value::None | Value::List(_) => None,
        }
    }

    /// `key = "text"`
    fn text(&self, key: &str, example: &str, errors: &mut Errors) -> Option<LitStr> {
        let value = self.value(key)?;
        if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = value {
            return Some(text.clone());
        }
        errors.on(value, format_args!("`{key}` takes a string literal: write `{example}`"));
        None
    }

    /// `name = ".."` or `namespace = ".."`, fit to be part of a method's name.
    pub(crate) fn name(&self, key: &str, errors: &mut Errors) -> Option<LitStr> {
        let example = if key == "name" { NAME.0 } else { NAMESPACE.0 };
        let text = self.text(key, example, errors)?;
        let value = text.value();
        if value.is_empty() || value.contains(|c: char| c.is_whitespace() || c.is_control()) {
            errors.on(&text, format_args!("`{key}` takes a name without spaces, such as `{example}`; found {value:?}"));
        } else if value.starts_with('.') || value.ends_with('.') {
            errors
                .on(&text, format_args!("dots stand between the parts of a name: write `{}`", value.trim_matches('.')));
        }
        Some(text)
    }

    /// `allow = "admin"`, or several roles with commas between them.
    pub(crate) fn allow(&self, errors: &mut Errors) -> Vec<String> {
        let Some(text) = self.text("allow", ALLOW.0, errors) else { return Vec::new() };
        let roles: Vec<String> = text.value().split(',').map(|role| role.trim().to_owned()).collect();
        if roles.iter().any(String::is_empty) {
            errors.on(
                &text,
                format_args!(
                    "`allow` takes the name of a role, or several with commas between them, such as `{}`; found {:?}",
                    ALLOW.0,
                    text.value()
                ),
            );
        }
        if let Some(public) = self.flag("public") {
            errors.on(public, "`public` lets everybody call, `allow` only some: write one of them");
        }
        roles
    }

    /// `timeout = "5s"`
    pub(crate) fn timeout(&self, errors: &mut Errors) -> Option<Duration> {
        let text = self.text("timeout", TIMEOUT.0, errors)?;
        match humantime::parse_duration(&text.value()) {
            Ok(timeout) if !timeout.is_zero() => return Some(timeout),
            Ok(_) => errors.on(&text, r#"a timeout of zero gives no call a chance: write one such as "5s" or "250ms""#),
            Err(reason) => errors.on(
                &text,
                format_args!(
                    r#"`timeout` takes a time such as "5s", "250ms" or "1m 30s"; found {text:?}: {reason}"#,
                    text = text.value()
                ),
            ),
        }
        None
    }

    /// `code = 404`, with the place to complain about it.
    pub(crate) fn code(&self, errors: &mut Errors) -> Option<(i64, Span)> {
        let value = self.value("code")?;
        let digits = match value {
            Expr::Lit(ExprLit { lit: Lit::Int(digits), .. }) => Some(digits.base10_digits().to_owned()),
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match &**expr {
                Expr::Lit(ExprLit { lit: Lit::Int(digits), .. }) => Some(format!("-{}", digits.base10_digits())),
                _ => None,
            },
            _ => None,
        };
        let code = digits.and_then(|digits| digits.parse().ok());
        if code.is_none() {
            errors.on(value, "`code` takes an integer literal of 64 bits: write `code = 404`");
        }
        code.map(|code| (code, syn::spanned::Spanned::span(value)))
    }

    /// `crate = path`, or conduit as everybody calls it.
    pub(crate) fn krate(&self, errors: &mut Errors) -> Path {
        match self.value("crate") {
            None => syn::parse_quote!(::conduit),
            Some(Expr::Path(path)) if path.qself.is_none() => {
                syn::parse2(span::as_ours(&path.path)).unwrap_or_else(|_| path.path.clone())
            }
            Some(other) => {
                errors.on(other, "`crate` takes the path of the conduit crate: write `crate = path::to::conduit`");
                syn::parse_quote!(::conduit)
            }
        }
    }
}

/// Whether it is conduit's attribute of this name: `#[on(..)]`, or `#[conduit::on(..)]`.
fn is_called(attribute: &Attribute, name: &str) -> bool {
    let path = attribute.path();
    let qualified = path.segments.len() == 2 && path.segments.first().is_some_and(|first| first.ident == "conduit");
    path.is_ident(name) || (qualified && path.segments.last().is_some_and(|last| last.ident == name))
}

/// Takes conduit's attributes of this name off an item.
pub(crate) fn take(attributes: &mut Vec<Attribute>, name: &str) -> Vec<Attribute> {
    attributes.extract_if(.., |attribute| is_called(attribute, name)).collect()
}

/// `"a", public, "b"` -> `"a"` and `"b"`, `public`. What is wrong with a name is an error on it.
fn split_names(tokens: TokenStream, errors: &mut Errors) -> (Vec<LitStr>, TokenStream) {
    let (mut names, mut rest) = (Vec::new(), TokenStream::new());
    let parser = |input: ParseStream| {
        while !input.is_empty() {
            if input.peek(Lit) {
                accept_name(&input.parse()?, &mut names, errors);
                if !input.is_empty() && !input.peek(Token![,]) {
                    errors.at(input.span(), "expected `,` after the name of an event");
                }
                skip_to_comma(input)?;
            } else {
                while !input.is_empty() && !input.peek(Token![,]) {
                    rest.extend([input.parse::<TokenTree>()?]);
                }
                rest.extend(<Token![,]>::default().into_token_stream());
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(())
    };
    // The closure itself never fails: it takes whatever tokens there are.
    parser.parse2(tokens).unwrap_or_default();
    (names, rest)
}

/// Takes the name of an event in, unless no event can have it.
fn accept_name(literal: &Lit, names: &mut Vec<LitStr>, errors: &mut Errors) {
    let Lit::Str(name) = literal else {
        errors.on(literal, format_args!("the name of an event is a string literal: write `{}`", EVENT.0));
        return;
    };
    let text = name.value();
    if text.is_empty() {
        errors.on(name, format_args!("the name of an event is empty: write one such as `{}`", EVENT.0));
    } else if is_reserved(&text) {
        errors.on(name, reserved(&text));
    } else if names.iter().any(|other| other.value() == text) {
        errors.on(name, format_args!("the event `{text}` is named twice: drop one of the two"));
    }
    names.push(name.clone());
}

pub(crate) fn is_reserved(name: &str) -> bool {
    name.starts_with("rpc.")
}

/// Why no method or event is called `name`.
pub(crate) fn reserved(name: &str) -> String {
    format!(
        "the name `{name}` is taken: \"Method names that begin with the word rpc followed by a period \
         character are reserved for rpc-internal methods and extensions\" (JSON-RPC 2.0, section 4)"
    )
}

/// `key`, `key = value` or `key(..)`.
pub(crate) struct Entry {
    pub(crate) key: Ident,
    pub(crate) value: Value,
}

pub(crate) enum Value {
    None,
    Expr(Expr),
    List(Group),
}

/// Every entry that can be read; what can't is an error, and reading goes on behind the next comma.
pub(crate) fn entries(tokens: TokenStream, errors: &mut Errors) -> Vec<Entry> {
    let parser = |input: ParseStream| {
        let mut found = Vec::new();
        while !input.is_empty() {
            if let Some(entry) = errors.keep(input.parse::<Entry>()) {
                if input.is_empty() || input.peek(Token![,]) {
                    found.push(entry);
                } else {
                    errors.at(input.span(), format_args!("expected `=` or `,` after `{}`", entry.to_token_stream()));
                }
            }
            skip_to_comma(input)?;
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(found)
    };
    // The closure itself never fails: what it can't read it skips.
    parser.parse2(tokens).unwrap_or_default()
}

fn skip_to_comma(input: ParseStream) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

impl Parse for Entry {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if input.peek(Lit) {
            let literal: Lit = input.parse()?;
            let message = format!("expected the name of an option and `=` before `{}`", literal.to_token_stream());
            return Err(syn::Error::new_spanned(literal, message));
        }
        let key = input.call(Ident::parse_any)?;
        let value = if input.parse::<Option<Token![=]>>()?.is_some() {
            Value::Expr(input.parse()?)
        } else if input.peek(token::Paren) {
            Value::List(input.parse()?)
        } else {
            Value::None
        };
        Ok(Self { key, value })
    }
}

impl ToTokens for Entry {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.key.to_tokens(tokens);
        match &self.value {
            Value::None => {}
            Value::Expr(value) => value.to_tokens(tokens),
            Value::List(list) => list.to_tokens(tokens),
        }
    }
}
