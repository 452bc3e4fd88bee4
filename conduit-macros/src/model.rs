//! What was written, with everything wrong with a single item noted on the way.

pub(crate) mod param;
pub(crate) mod rpc_error;
pub(crate) mod types;

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{
    Attribute, Expr, FnArg, Ident, ImplItem, ImplItemFn, ItemFn, ItemImpl, Meta, Path, Receiver, ReceiverKind,
    ReturnType, Safety, Signature, Type, Visibility, ext::IdentExt, spanned::Spanned, visit_mut::VisitMut,
};

use crate::{
    attr::{self, Options},
    errors::Errors,
};
use param::{Argument, Param};
use types::{ReplaceSelf, borrows, has_impl_trait, is_named, plain, text};

/// A free function with `#[rpc]`.
pub(crate) struct Function {
    /// The path of the conduit crate.
    pub(crate) krate: Path,
    pub(crate) method: Method,
    /// The function without our attributes.
    pub(crate) item: ItemFn,
}

/// An `impl` block with `#[rpc]`.
pub(crate) struct Service {
    pub(crate) krate: Path,
    pub(crate) ty: Type,
    pub(crate) methods: Vec<Method>,
    pub(crate) cfg: Vec<Attribute>,
    /// The block without our attributes.
    pub(crate) item: ItemImpl,
}

/// What is called by name, whichever way it was written.
pub(crate) struct Method {
    /// The function's name.
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) cfg: Vec<Attribute>,
    pub(crate) docs: Vec<Attribute>,
    /// Rust's own `#[deprecated]`.
    pub(crate) deprecation: Option<Attribute>,
    pub(crate) name: Name,
    pub(crate) public: bool,
    pub(crate) deprecated: bool,
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

/// A signature by conduit's rules; an event's handler has one just as a method has.
pub(crate) struct Callable {
    pub(crate) is_async: bool,
    pub(crate) params: Vec<Param>,
    pub(crate) output: Output,
}

/// What a function returns.
pub(crate) enum Output {
    Unit,
    /// The result; the function can't fail.
    Plain(Type),
    /// A type called `Result`.
    Fallible(Type),
}

impl Function {
    pub(crate) fn read(options: TokenStream, mut item: ItemFn, errors: &mut Errors) -> Self {
        let options = attr::FUNCTION.read(options, errors);
        let krate = options.krate(errors);
        let callable = Callable::read(&item.sig, errors);
        let method = Method::read(&options, None, &item.vis, &item.attrs, &item.sig.ident, callable, errors);
        item.sig.inputs.iter_mut().for_each(param::strip);
        Self { krate, method, item }
    }
}

impl Service {
    pub(crate) fn read(options: TokenStream, mut item: ItemImpl, errors: &mut Errors) -> Self {
        let options = attr::BLOCK.read(options, errors);
        let namespace = options.name("namespace", errors).map(|name| name.value());
        refuse_block(&item, errors);
        let ty = (*item.self_ty).clone();
        let functions = item.items.iter_mut().filter_map(|item| match item {
            ImplItem::Fn(function) => Some(function),
            _ => None,
        });
        let methods =
            functions.filter_map(|function| read_method(function, &ty, namespace.as_deref(), errors)).collect();
        Self { krate: options.krate(errors), ty, methods, cfg: named(&item.attrs, "cfg"), item }
    }

    /// `Chat`, also of `chat::Chat`; `None` for a type without a name.
    pub(crate) fn ident(&self) -> Option<&Ident> {
        match plain(&self.ty) {
            Type::Path(path) => Some(&path.path.segments.last()?.ident),
            _ => None,
        }
    }
}

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
            ident: ident.clone(),
            vis: vis.clone(),
            cfg: named(attributes, "cfg"),
            docs: named(attributes, "doc"),
            public: options.flag("public").is_some(),
            deprecated: options.flag("deprecated").is_some() || deprecation.is_some(),
            builtin: options.flag("builtin").is_some(),
            timeout: options.timeout(errors),
            deprecation,
            callable,
        };
        method.refuse_reserved_name(errors);
        method
    }

    fn refuse_reserved_name(&self, errors: &mut Errors) {
        let Name { text, span } = &self.name;
        if text.starts_with("rpc.") && !self.builtin {
            errors.at(
                *span,
                format_args!(
                    "the name `{text}` is taken: \"Method names that begin with the word rpc followed by a period \
                     character are reserved for rpc-internal methods and extensions\" (JSON-RPC 2.0, section 4)"
                ),
            );
        }
    }

    /// The parameters that the caller gives.
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

impl Callable {
    pub(crate) fn read(signature: &Signature, errors: &mut Errors) -> Self {
        refuse_signature(signature, errors);
        let params = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(param) => Some(Param::read(param, errors)),
            FnArg::Receiver(receiver) => {
                errors
                    .on(receiver, "a function with `self` is a method of a service: put `#[rpc]` on its `impl` block");
                None
            }
        });
        let params = params.collect();
        Self { is_async: signature.asyncness.is_some(), params, output: Output::read(&signature.output, errors) }
    }

    pub(crate) fn arguments(&self) -> impl Iterator<Item = &Argument> {
        self.params.iter().filter_map(|param| match param {
            Param::Argument(argument) => Some(&**argument),
            Param::Borrow(_) => None,
        })
    }

    fn defaults_mut(&mut self) -> impl Iterator<Item = &mut Expr> {
        self.params.iter_mut().filter_map(|param| match param {
            Param::Argument(argument) => argument.default.as_mut(),
            Param::Borrow(_) => None,
        })
    }

    pub(crate) fn borrows(&self) -> impl Iterator<Item = &Type> {
        self.params.iter().filter_map(|param| match param {
            Param::Argument(_) => None,
            Param::Borrow(ty) => Some(ty),
        })
    }
}

impl Output {
    fn read(output: &ReturnType, errors: &mut Errors) -> Self {
        let ReturnType::Type(_, ty) = output else { return Self::Unit };
        let name = text(ty);
        if has_impl_trait(ty) {
            let advice = if name.contains("Future") { "write `async fn` and name" } else { "name" };
            errors
                .on(ty, format_args!("the result has one type and one schema: {advice} the type instead of `{name}`"));
            return Self::Unit;
        }
        if borrows(ty) && !is_static(ty) {
            let instead =
                types::owned(ty).map_or_else(|| "a type without lifetimes".to_owned(), |ty| format!("`{}`", text(ty)));
            errors.on(
                ty,
                format_args!(
                    "the result outlives the call, so it has to be owned: return {instead} instead of `{name}`"
                ),
            );
            return Self::Unit;
        }
        if is_named(ty, "Result") { Self::Fallible((**ty).clone()) } else { Self::Plain((**ty).clone()) }
    }
}

/// `&'static str` and the like.
fn is_static(ty: &Type) -> bool {
    matches!(plain(ty), Type::Reference(reference)
        if reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static") && !borrows(&reference.elem))
}

fn refuse_signature(signature: &Signature, errors: &mut Errors) {
    if !signature.generics.params.is_empty() {
        let params = &signature.generics.params;
        errors.on(
            params,
            format_args!(
                "a method has one schema, so it can't be generic: name the types instead of `<{}>`",
                text(params)
            ),
        );
    }
    if let Some(clause) = &signature.generics.where_clause {
        errors.on(clause, "a method has one schema, so it can't be generic: drop the `where` clause");
    }
    if let Some(token) = &signature.constness {
        errors.on(token, "a method is called at run time: drop `const`, or call this function from one without it");
    }
    if let Safety::Unsafe(token) = &signature.safety {
        errors.on(
            token,
            "anybody can call a method with anything, so it can't be `unsafe`: check the arguments inside and drop it",
        );
    }
    if let Some(abi) = &signature.abi {
        errors.on(abi, "a method is a Rust function: drop `extern`");
    }
    if let Some(variadic) = &signature.variadic {
        errors.on(variadic, "a method has a fixed list of arguments: take a `Vec<T>` instead of `...`");
    }
}

fn refuse_block(item: &ItemImpl, errors: &mut Errors) {
    if let Some((path, _)) = &item.trait_ {
        errors.on(
            path,
            format_args!(
                "the methods of a service stand in an `impl` block of its own: write `impl {}`",
                text(&item.self_ty)
            ),
        );
    }
    if !item.generics.params.is_empty() {
        errors.on(&item.generics.params, "a method has one schema, so its service can't be generic: name the types");
    }
    if let Some(clause) = &item.generics.where_clause {
        errors.on(clause, "a method has one schema, so its service can't be generic: drop the `where` clause");
    }
    let is_path = matches!(plain(&item.self_ty), Type::Path(path) if path.qself.is_none());
    if !is_path || (borrows(&item.self_ty) && item.generics.params.is_empty()) {
        errors.on(
            &item.self_ty,
            format_args!("a service is a struct or an enum that owns what it holds, and not `{}`", text(&item.self_ty)),
        );
    }
}

/// Reads one function of an `impl` block and takes our attributes off it; `None` when it is no method.
fn read_method(function: &mut ImplItemFn, ty: &Type, namespace: Option<&str>, errors: &mut Errors) -> Option<Method> {
    let options = attr::METHOD.read_attributes(&function.attrs, errors);
    let marked = function.attrs.iter().find(|attribute| attribute.path().is_ident("rpc")).cloned();
    function.attrs.retain(|attribute| !attribute.path().is_ident("rpc"));
    if options.flag("skip").is_some() {
        return None;
    }
    let Some(FnArg::Receiver(receiver)) = function.sig.inputs.first() else {
        if let Some(marked) = marked {
            errors.on(marked, "a method of a service takes `&self`; `#[rpc]` on a free function needs no service");
        }
        return None;
    };
    refuse_receiver(receiver, errors);
    let callable = service_callable(&function.sig, receiver.span(), ty, errors);
    let method =
        Method::read(&options, namespace, &function.vis, &function.attrs, &function.sig.ident, callable, errors);
    function.sig.inputs.iter_mut().for_each(param::strip);
    Some(method)
}

/// The function as a free one, which borrows the service: `say(&self, a: A)` -> `say(_: &Chat, a: A)`.
fn service_callable(signature: &Signature, receiver: Span, ty: &Type, errors: &mut Errors) -> Callable {
    let mut free = signature.clone();
    free.inputs = free.inputs.into_iter().skip(1).collect();
    ReplaceSelf(ty).visit_signature_mut(&mut free);
    let mut callable = Callable::read(&free, errors);
    callable.defaults_mut().for_each(|default| ReplaceSelf(ty).visit_expr_mut(default));
    let service = syn::parse2(respan(ty, receiver)).unwrap_or_else(|_| ty.clone());
    callable.params.insert(0, Param::Borrow(service));
    callable
}

/// The same tokens at another place.
fn respan(tokens: impl ToTokens, span: Span) -> TokenStream {
    let tokens = tokens.into_token_stream().into_iter().map(|mut token| {
        token.set_span(token.span().located_at(span));
        token
    });
    tokens.collect()
}

fn refuse_receiver(receiver: &Receiver, errors: &mut Errors) {
    let shared = match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_none(),
        ReceiverKind::Typed(_, ty) => matches!(plain(ty), Type::Reference(reference)
            if reference.mutability.is_none() && is_named(&reference.elem, "Self")),
        _ => false,
    };
    if !shared {
        errors.on(
            receiver,
            format_args!("many calls share the service: take `&self` instead of `{}`, and keep what changes in a `Mutex` inside it", text(receiver)),
        );
    }
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
