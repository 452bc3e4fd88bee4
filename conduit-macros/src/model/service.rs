//! The `impl` block of a service.

use proc_macro2::{Span, TokenStream};
use syn::{
    Attribute, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, LitStr, Path, Receiver, ReceiverKind, Signature, Type,
    spanned::Spanned, visit_mut::VisitMut,
};

use super::{
    HOOKS, Method, ONE_ROLE,
    callable::{Callable, Role},
    inherited,
    param::{self, Param},
    types::{ReplaceSelf, borrows, is_named, plain, text},
};
use crate::{
    attr::{self, Options},
    errors::Errors,
    span,
};

/// An `impl` block with `#[rpc]`.
pub(crate) struct Service {
    pub(crate) krate: Path,
    pub(crate) ty: Type,
    pub(crate) methods: Vec<Method>,
    pub(crate) inherited: Vec<Attribute>,
    /// The block without our attributes.
    pub(crate) item: ItemImpl,
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
        Self { krate: options.krate(errors), ty, methods, inherited: inherited(&item.attrs), item }
    }

    /// What a client can call: all but the handlers of events.
    pub(crate) fn called(&self) -> impl Iterator<Item = &Method> {
        self.methods.iter().filter(|method| !method.is_handler())
    }

    /// A service of handlers alone gives a client nothing to call.
    pub(crate) fn has_client(&self) -> bool {
        self.methods.is_empty() || self.called().next().is_some()
    }

    /// `Chat`, also of `chat::Chat`; `None` for a type without a name.
    pub(crate) fn ident(&self) -> Option<&Ident> {
        match plain(&self.ty) {
            Type::Path(path) => Some(&path.path.segments.last()?.ident),
            _ => None,
        }
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
    for attribute in HOOKS.iter().flat_map(|name| attr::take(&mut function.attrs, name)) {
        let ty = text(ty);
        errors.on(attribute, format_args!("a hook is a function of its own, and borrows the service: `&{ty}`"));
    }
    let mark = Mark::take(&mut function.attrs, errors);
    if mark.options.flag("skip").is_some() {
        return None;
    }
    let Some(FnArg::Receiver(receiver)) = function.sig.inputs.first() else {
        if let Some(attribute) = mark.attribute {
            errors.on(attribute, "what a service serves takes `&self`: take it, or make this a free function");
        }
        return None;
    };
    refuse_receiver(receiver, errors);
    let callable = service_callable(&function.sig, mark.role(), receiver.span(), ty, errors);
    let (vis, attributes, ident) = (&function.vis, &function.attrs, &function.sig.ident);
    let mut method = Method::read(&mark.options, namespace, vis, attributes, ident, callable, errors);
    if let Some(events) = &mark.events {
        // The namespace is for what is called; an event has the name that both sides know.
        method.handle(events);
    }
    function.sig.inputs.iter_mut().for_each(param::strip);
    Some(method)
}

/// What `#[rpc(..)]` or `#[on(..)]` says of a function of an `impl` block.
struct Mark {
    /// The attribute, if there is one.
    attribute: Option<Attribute>,
    /// The names in `#[on(..)]`; `None` without it.
    events: Option<Vec<LitStr>>,
    options: Options,
}

impl Mark {
    /// Takes both off the function.
    fn take(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Self {
        let (rpc, on) = (attr::take(attributes, "rpc"), attr::take(attributes, "on"));
        let Some(attribute) = on.first() else {
            let options = attr::METHOD.read_attributes(&rpc, errors);
            return Self { attribute: rpc.into_iter().next(), events: None, options };
        };
        if !rpc.is_empty() {
            errors.on(attribute, ONE_ROLE);
        }
        let (events, options) = attr::SERVICE_HANDLER.read_events(TokenStream::new(), &on, attribute, errors);
        Self { attribute: Some(attribute.clone()), events: Some(events), options }
    }

    fn role(&self) -> Role {
        if self.events.is_some() { Role::Handler } else { Role::Method }
    }
}

/// The function as a free one, which borrows the service: `say(&self, a: A)` -> `say(_: &Chat, a: A)`.
fn service_callable(signature: &Signature, role: Role, receiver: Span, ty: &Type, errors: &mut Errors) -> Callable {
    let mut free = signature.clone();
    free.inputs = free.inputs.into_iter().skip(1).collect();
    ReplaceSelf(ty).visit_signature_mut(&mut free);
    let mut callable = Callable::read(&free, role, errors);
    callable.defaults_mut().for_each(|default| ReplaceSelf(ty).visit_expr_mut(default));
    let service = syn::parse2(span::as_ours_at(ty, receiver)).unwrap_or_else(|_| ty.clone());
    callable.params.insert(0, Param::Borrow(Box::new(service)));
    callable
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
            format_args!(
                "many calls share the service: take `&self` instead of `{}`, \
                 and keep what changes in a `Mutex` inside it",
                text(receiver)
            ),
        );
    }
}
