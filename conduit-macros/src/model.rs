//! What was written, with everything wrong with a single item noted on the way.

pub(crate) mod callable;
pub(crate) mod event;
pub(crate) mod hook;
pub(crate) mod param;
pub(crate) mod rpc_error;
pub(crate) mod service;
pub(crate) mod types;

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Expr, Ident, ItemFn, LitStr, Meta, Path, Visibility, ext::IdentExt, parse_quote};

use crate::{
    attr::{self, Options},
    errors::Errors,
    span,
};
use callable::{Callable, Role};
use param::Argument;

/// A free function with `#[rpc]` or `#[on]`.
pub(crate) struct Function {
    /// The path of the conduit crate.
    pub(crate) krate: Path,
    pub(crate) method: Method,
    /// The function without our attributes.
    pub(crate) item: ItemFn,
}

/// What is called by name, or handles events, whichever way it was written.
pub(crate) struct Method {
    /// The function's name.
    pub(crate) ident: Ident,
    /// Where it stands, as the user's own code.
    pub(crate) place: Span,
    /// That of the function and of what is made for it.
    pub(crate) vis: Visibility,
    /// See [`inherited`].
    pub(crate) inherited: Vec<Attribute>,
    pub(crate) docs: Vec<Attribute>,
    /// Rust's own `#[deprecated]`.
    pub(crate) deprecation: Option<Attribute>,
    /// That of the method, or of the first event.
    pub(crate) name: Name,
    /// What it handles; none for a method.
    pub(crate) events: Vec<String>,
    pub(crate) public: bool,
    /// The roles that may call it; none for everybody who is logged in.
    pub(crate) allow: Vec<String>,
    pub(crate) deprecated: bool,
    /// Whether the calls of one connection run one after the other.
    pub(crate) ordered: bool,
    /// Whether a call may be sent again when it may have run.
    pub(crate) idempotent: bool,
    /// One of conduit's own: it may be called `rpc.`, and no program registers it.
    pub(crate) builtin: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) callable: Callable,
}

/// A name on the wire, and the token to blame for it.
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Span,
}

impl Function {
    pub(crate) fn read(options: TokenStream, mut item: ItemFn, errors: &mut Errors) -> Self {
        let options = attr::FUNCTION.read(options, errors);
        refuse_other_roles(&mut item.attrs, None, errors);
        let krate = options.krate(errors);
        let callable = Callable::read(&item.sig, Role::Method, errors);
        let method = Method::read(&options, None, &item.vis, &item.attrs, &item.sig.ident, callable, errors);
        item.sig.inputs.iter_mut().for_each(param::strip);
        Self { krate, method, item }
    }

    /// A function with `#[on]`, or with several: `#[on("a")] #[on("b")]` is `#[on("a", "b")]`.
    pub(crate) fn read_handler(options: TokenStream, mut item: ItemFn, errors: &mut Errors) -> Self {
        refuse_other_roles(&mut item.attrs, Some("on"), errors);
        let more = attr::take(&mut item.attrs, "on");
        let (events, options) = attr::HANDLER.read_events(options, &more, &item.sig.ident, errors);
        let krate = options.krate(errors);
        let callable = Callable::read(&item.sig, Role::Handler, errors);
        let mut method = Method::read(&options, None, &item.vis, &item.attrs, &item.sig.ident, callable, errors);
        method.handle(&events);
        item.sig.inputs.iter_mut().for_each(param::strip);
        Self { krate, method, item }
    }
}

/// A function has one of these attributes; takes the others off, so that they do not expand by themselves.
fn refuse_other_roles(attributes: &mut Vec<Attribute>, repeatable: Option<&str>, errors: &mut Errors) {
    let others = ["rpc", "on"].into_iter().chain(HOOKS).filter(|name| Some(*name) != repeatable);
    for attribute in others.flat_map(|name| attr::take(attributes, name)) {
        errors.on(attribute, ONE_ROLE);
    }
}

pub(crate) const HOOKS: [&str; 4] = ["on_startup", "on_client_connect", "on_client_disconnect", "on_shutdown"];

pub(crate) const ONE_ROLE: &str =
    "a function is one of a method, a handler of events and a hook: keep one of its attributes";

impl Method {
    fn read(
        options: &Options,
        namespace: Option<&str>,
        vis: &Visibility,
        attributes: &[Attribute],
        ident: &Ident,
        callable: Callable,
        errors: &mut Errors,
    ) -> Self {
        let deprecation = named(attributes, "deprecated").pop();
        let method = Self {
            name: Name::read(options, namespace, ident, errors),
            ident: span::ident(ident),
            place: ident.span(),
            vis: syn::parse2(span::as_ours(vis)).unwrap_or_else(|_| vis.clone()),
            inherited: inherited(attributes),
            docs: named(attributes, "doc"),
            public: options.flag("public").is_some(),
            allow: options.allow(errors),
            deprecated: options.flag("deprecated").is_some() || deprecation.is_some(),
            ordered: options.flag("ordered").is_some(),
            idempotent: options.flag("idempotent").is_some(),
            builtin: options.flag("builtin").is_some(),
            timeout: options.timeout(errors),
            events: Vec::new(),
            deprecation,
            callable,
        };
        method.refuse_reserved_name(errors);
        method
    }

    /// Gives a handler its events.
    fn handle(&mut self, events: &[LitStr]) {
        if let Some(first) = events.first() {
            self.name = Name { text: first.value(), span: first.span() };
        }
        self.events = events.iter().map(LitStr::value).collect();
    }

    pub(crate) fn is_handler(&self) -> bool {
        self.callable.role == Role::Handler
    }

    fn refuse_reserved_name(&self, errors: &mut Errors) {
        let Name { text, span } = &self.name;
        if attr::is_reserved(text) && !self.builtin {
            errors.at(*span, attr::reserved(text));
        }
    }

    /// The parameters that the caller gives. A handler has one at most: the payload.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &Argument> {
        self.callable.arguments()
    }

    /// The doc comment as an expression, one leading space off each line.
    pub(crate) fn description(&self) -> TokenStream {
        description(&self.docs)
    }
}

impl Name {
    fn read(options: &Options, namespace: Option<&str>, ident: &Ident, errors: &mut Errors) -> Self {
        let (own, span) = match options.name("name", errors) {
            Some(name) => (name.value(), name.span()),
            None => (ident.unraw().to_string(), ident.span()),
        };
        let text = namespace.map_or_else(|| own.clone(), |namespace| format!("{namespace}.{own}"));
        Self { text, span }
    }
}

/// What holds for everything made for an item as it does for the item: its conditions, and the lints that it allows,
/// since its types stand there once more.
pub(crate) fn inherited(attributes: &[Attribute]) -> Vec<Attribute> {
    let inherited = attributes.iter().filter_map(|attribute| {
        let path = attribute.path();
        match &attribute.meta {
            _ if path.is_ident("cfg") || path.is_ident("allow") => Some(attribute.clone()),
            // What is expected has been found in the item itself.
            Meta::List(list) if path.is_ident("expect") => {
                let lints = &list.tokens;
                Some(parse_quote!(#[allow(#lints)]))
            }
            _ if path.is_ident("deprecated") => Some(parse_quote!(#[allow(deprecated)])),
            _ => None,
        }
    });
    inherited.collect()
}

/// The attributes called `name`.
pub(crate) fn named(attributes: &[Attribute], name: &str) -> Vec<Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident(name)).cloned().collect()
}

fn description(docs: &[Attribute]) -> TokenStream {
    let lines: Vec<_> = docs.iter().filter_map(|attribute| doc_line(&attribute.meta)).collect();
    let literals: Option<Vec<String>> = lines.iter().map(literal_text).collect();
    match literals {
        Some(lines) => {
            let text = lines.join("\n");
            text.lines()
                .map(|line| line.strip_prefix(' ').unwrap_or(line))
                .collect::<Vec<_>>()
                .join("\n")
                .trim()
                .to_token_stream()
        }
        // `#[doc = include_str!("add.md")]` is text to the compiler alone.
        None => quote!(::core::concat!(#(#lines, "\n"),*)),
    }
}

fn doc_line(meta: &Meta) -> Option<&Expr> {
    match meta {
        Meta::NameValue(pair) => Some(&pair.value),
        Meta::Path(_) | Meta::List(_) => None,
    }
}

pub(crate) fn literal_text(expr: &&Expr) -> Option<String> {
    match expr {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}
