//! The `impl` block of a service.

use proc_macro2::{Span, TokenStream};
use syn::{
    Attribute, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Path, Receiver, ReceiverKind, Signature, Type,
    spanned::Spanned, visit_mut::VisitMut,
};

use super::{
    Method,
    callable::Callable,
    inherited,
    param::{self, Param},
    types::{ReplaceSelf, borrows, is_named, plain, text},
};
use crate::{attr, errors::Errors, span};

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
