//! Model -> Rust. Nothing here can fail: what could be wrong was found before.
//!
//! Expanded code is thin. It names everything by absolute paths, and its own locals are invisible to the
//! user's code (`Span::mixed_site`), so that a parameter may be called `params` or `client`.

mod arguments;
mod bounds;
mod event;
mod hook;
mod method;
mod rpc_error;
mod service;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Path, ext::IdentExt};

use crate::model::{Function, Method, callable::Callable, param::Argument};

pub(crate) use event::event;
pub(crate) use hook::{hook, hook_type};
pub(crate) use method::outcome;
pub(crate) use rpc_error::rpc_error;
pub(crate) use service::{client, client_ident, client_new, service};

/// What clippy would have otherwise in the user's own function, where conduit gives the rules: arguments are
/// owned, what is borrowed is so by `&`, and async without `.await` keeps a method off the blocking pool.
pub(crate) fn allow_style() -> TokenStream {
    quote!(#[allow(clippy::needless_pass_by_value, clippy::trivially_copy_pass_by_ref, clippy::unused_async)])
}

/// The type that carries a method, its struct of arguments, and the function behind it.
pub(crate) struct Target<'a> {
    krate: &'a Path,
    method: &'a Method,
    /// The type that implements `Method`.
    ty: Ident,
    /// The struct of arguments.
    params: Ident,
    /// What to call: `add`, or `<Chat>::say`.
    callee: TokenStream,
}

/// Expands a free function.
///
/// ```text
/// /// Add two numbers.
/// #[rpc]
/// pub async fn add(a: i64, b: i64) -> i64 { a + b }
/// ```
/// becomes
/// ```text
/// /// Add two numbers.
/// pub async fn add(a: i64, b: i64) -> i64 { a + b }
///
/// pub struct add {}
///
/// const _: () = {
///     struct __add_params { a: i64, b: i64 }
///     impl Method for add { .. }
///     impl add { pub fn call<C: Caller<i64>>(client: &C, a: i64, b: i64) -> C::Call { .. } }
///     inventory::submit! { Registration(MethodDescriptor::of::<add>()) }
/// };
/// ```
/// A handler has neither arguments of its own nor a call: its `Params` are the payload as it is.
pub(crate) fn function(function: &Function) -> TokenStream {
    let Function { krate, method, item } = function;
    let ident = &method.ident;
    let target =
        Target { krate, method, ty: ident.clone(), params: params_ident(method), callee: ident.to_token_stream() };
    let (inherited, style) = (&method.inherited, allow_style());
    let ty = type_beside(method);
    let implementation = method::implementation(&target);
    let called = (!method.is_handler()).then(|| (arguments::params(&target), call(&target)));
    let (params, call) = called.unzip();
    let registration = registration(&target);
    quote! {
        #style
        #item
        #ty
        #(#inherited)*
        const _: () = {
            #params
            #implementation
            #call
            #registration
        };
    }
}

/// The type of the function's name. It has braces so that it takes the name of a type and not that of a value.
///
/// ```text
/// #[derive(Debug, Clone, Copy)]
/// pub struct add {}
/// ```
pub(crate) fn type_beside(method: &Method) -> TokenStream {
    let Method { ident, vis, inherited, .. } = method;
    let doc = type_doc(method);
    quote! {
        #(#inherited)*
        #[doc = #doc]
        #[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy)]
        #[non_exhaustive]
        #vis struct #ident {}
    }
}

fn type_doc(method: &Method) -> String {
    let ident = method.ident.unraw();
    if method.is_handler() {
        let events: Vec<_> = method.events.iter().map(|event| format!("`{event}`")).collect();
        return format!("The handler of the event {} as a type, for `methods![{ident}]`.", events.join(", "));
    }
    format!("The method `{}` as a type: `{ident}::call` calls it from a client.", method.name.text)
}

fn params_ident(method: &Method) -> Ident {
    format_ident!("__{}_params", method.ident.unraw())
}

/// A path as it stands in the text of an attribute.
fn path_text(path: &impl ToTokens) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}

/// A name that no name of the user's can meet.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// ```text
/// impl add {
///     pub fn call<C: Caller<i64>>(client: &C, a: i64, b: i64) -> C::Call {
///         call::<add, C>(client, &__add_params { a, b })
///     }
/// }
/// ```
fn call(target: &Target) -> TokenStream {
    let Target { krate, method, ty, .. } = target;
    let client = local("client");
    let vis = &method.vis;
    let heading = call_doc(method);
    let (docs, deprecation) = (&method.docs, &method.deprecation);
    let (parameters, body) = (parameters(&method.callable), call_body(target, &client.to_token_stream()));
    let (ok, _) = outcome(krate, &method.callable.output);
    let bounds = arguments::bounds(krate, method);
    let (caller, clause) = (caller(), bounds.where_serializable(None));
    quote! {
        #[automatically_derived]
        impl #ty {
            #[doc = #heading]
            #[doc = ""]
            #(#docs)*
            #deprecation
            #vis fn call<#caller: #krate::Caller<#ok>>(
                #client: &#caller,
                #(#parameters),*
            ) -> <#caller as #krate::Caller<#ok>>::Call #clause {
                #body
            }
        }
    }
}

fn call_doc(method: &Method) -> String {
    format!("Calls `{}`.", method.name.text)
}

/// `a: i64, b: i64`
fn parameters(callable: &Callable) -> impl Iterator<Item = TokenStream> {
    callable.arguments().map(|argument| {
        let (ident, ty) = (argument.field(), &argument.ty);
        quote!(#ident: #ty)
    })
}

/// The type of whoever calls.
pub(crate) fn caller() -> Ident {
    // Types have no hygiene: an argument's may be called `C`.
    format_ident!("__Caller")
}

/// `call::<add, C>(client, &__add_params { a, b })`
fn call_body(target: &Target, client: &TokenStream) -> TokenStream {
    let Target { krate, method, ty, params, .. } = target;
    let fields: Vec<_> = method.arguments().map(Argument::field).collect();
    let caller = caller();
    quote!(#krate::__private::call::<#ty, #caller>(#client, &#params { #(#fields: #fields),* }))
}

/// ```text
/// inventory::submit! { Registration(MethodDescriptor::of::<add>()) }
/// ```
fn registration(target: &Target) -> Option<TokenStream> {
    let Target { krate, method, ty, .. } = target;
    (!method.builtin).then(|| {
        quote! {
            #krate::__private::inventory::submit! {
                #krate::__private::Registration(#krate::MethodDescriptor::of::<#ty>())
            }
        }
    })
}
