//! Model -> Rust. Nothing here can fail: what could be wrong was found before.
//!
//! Expanded code is thin. It names everything by absolute paths, and its own locals are invisible to the
//! user's code (`Span::mixed_site`), so that a parameter may be called `params` or `client`.

mod arguments;
mod bounds;
mod rpc_error;
mod service;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Path, ext::IdentExt, spanned::Spanned};

use crate::model::{Callable, Function, Method, Output, param::Param, types};

pub(crate) use rpc_error::rpc_error;
pub(crate) use service::{client, client_ident, client_new, service};

/// What the lints of the user's crate must not say of code that the user did not write.
pub(crate) fn allow() -> TokenStream {
    quote! {
        #[allow(
            clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction,
            dead_code, deprecated, missing_debug_implementations, missing_docs, non_camel_case_types, non_snake_case,
            private_interfaces, unnameable_types, unreachable_pub, unused_qualifications, unused_variables
        )]
    }
}

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
///     impl add { pub fn call(client: &Client, a: i64, b: i64) -> PendingCall<i64> { .. } }
///     inventory::submit! { Registration(MethodDescriptor::of::<add>()) }
/// };
/// ```
pub(crate) fn function(function: &Function) -> TokenStream {
    let Function { krate, method, item } = function;
    let ident = &method.ident;
    let target =
        Target { krate, method, ty: ident.clone(), params: params_ident(method), callee: ident.to_token_stream() };
    let (cfg, allow, style) = (&method.cfg, allow(), allow_style());
    let ty = type_beside(method);
    let (params, implementation, call) = (arguments::params(&target), implementation(&target), call(&target));
    let registration = registration(&target);
    quote! {
        #style
        #item
        #ty
        #(#cfg)*
        #allow
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
    let Method { ident, vis, cfg, .. } = method;
    let doc = format!("The method `{}` as a type: `{}::call` calls it from a client.", method.name.text, ident.unraw());
    quote! {
        #(#cfg)*
        #[doc = #doc]
        #[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy)]
        #[allow(dead_code, non_camel_case_types, unreachable_pub, clippy::empty_structs_with_brackets)]
        #vis struct #ident {}
    }
}

fn params_ident(method: &Method) -> Ident {
    format_ident!("__{}_params", method.ident.unraw(), span = method.ident.span())
}

/// ```text
/// impl Method for add {
///     type Params = __add_params;
///     type Output = i64;
///     type Error = Infallible;
///     const META: MethodMeta = MethodMeta { name: "add", .. };
///     async fn run(params: Self::Params, call: Call) -> Result<Self::Output, Self::Error> { .. }
/// }
/// ```
fn implementation(target: &Target) -> TokenStream {
    let Target { krate, method, ty, .. } = target;
    let (ok, err) = outcome(krate, &method.callable.output);
    let params = spanned_params(target);
    let (meta, run) = (meta(target), run(target));
    quote! {
        #[automatically_derived]
        impl #krate::Method for #ty {
            type Params = #params;
            type Output = #ok;
            type Error = #err;
            #meta
            #run
        }
    }
}

/// The struct of arguments, where an error about one of them should be shown: at the only one, or at the function.
fn spanned_params(target: &Target) -> Ident {
    let Target { method, params, .. } = target;
    let mut arguments = method.arguments();
    let span = match (arguments.next(), arguments.next()) {
        (Some(only), None) => only.ty.span(),
        _ => method.ident.span(),
    };
    Ident::new(&params.to_string(), span)
}

/// What success and failure hold: `i64` and `Infallible`, the `T` and `E` of `Result<T, E>`, or what an alias such as
/// `io::Result<T>` says. Errors about either land on the type in the user's code.
pub(crate) fn outcome(krate: &Path, output: &Output) -> (TokenStream, TokenStream) {
    let infallible = quote!(::core::convert::Infallible);
    match output {
        Output::Unit => (quote!(()), infallible),
        Output::Plain(ty) => (quote!(#ty), infallible),
        Output::Fallible(ty) => match types::two_arguments(ty) {
            Some((ok, err)) => (quote!(#ok), quote!(#err)),
            None => (
                quote_spanned!(ty.span()=> <#ty as #krate::__private::ResultType>::Ok),
                quote_spanned!(ty.span()=> <#ty as #krate::__private::ResultType>::Err),
            ),
        },
    }
}

/// ```text
/// const META: MethodMeta = MethodMeta { name: "add", description: "Add two numbers.", .. };
/// ```
fn meta(target: &Target) -> TokenStream {
    let Target { krate, method, .. } = target;
    let Method { public, deprecated, .. } = method;
    let (name, description) = (&method.name.text, method.description());
    let timeout = timeout(krate, method);
    let borrows = method.callable.borrows().map(|ty| quote_spanned!(ty.span()=> #krate::Borrow::of::<#ty>()));
    // With the function's own span these give its line, not that of the attribute or of this macro.
    let file = quote_spanned!(method.ident.span()=> ::core::file!());
    let line = quote_spanned!(method.ident.span()=> ::core::line!());
    quote! {
        const META: #krate::MethodMeta = #krate::MethodMeta {
            name: #name,
            description: #description,
            public: #public,
            deprecated: #deprecated,
            timeout: #timeout,
            location: #krate::Location { file: #file, line: #line },
            borrows: &[#(#borrows),*],
        };
    }
}

fn timeout(krate: &Path, method: &Method) -> TokenStream {
    method.timeout.map_or_else(
        || quote!(::core::option::Option::None),
        |timeout| {
            let (seconds, nanoseconds) = (timeout.as_secs(), timeout.subsec_nanos());
            quote!(::core::option::Option::Some(#krate::__private::duration(#seconds, #nanoseconds)))
        },
    )
}

/// `async fn rename(db: &Db, name: String)` gives
/// ```text
/// async fn run(params: Self::Params, call: Call) -> Result<Self::Output, Self::Error> {
///     let output = rename(borrow::<Db>(&call), params.name).await;
///     Ok(output)
/// }
/// ```
/// and the same without `async`
/// ```text
///     let output = blocking(move || rename(borrow::<Db>(&call), params.name)).await;
/// ```
fn run(target: &Target) -> TokenStream {
    let Target { krate, method, .. } = target;
    let (params, call, output) = (local("params"), local("call"), local("output"));
    let invocation = invocation(target, &params, &call);
    let invocation = if method.callable.is_async {
        quote!(#invocation.await)
    } else {
        quote!(#krate::__private::blocking(move || #invocation).await)
    };
    let result = match method.callable.output {
        Output::Unit | Output::Plain(_) => quote!(::core::result::Result::Ok(#output)),
        Output::Fallible(_) => output.to_token_stream(),
    };
    // A future that is not `Send` is an error about this function, so it has the place of the user's.
    quote_spanned! {method.ident.span()=>
        async fn run(
            #params: Self::Params,
            #call: #krate::Call,
        ) -> ::core::result::Result<Self::Output, Self::Error> {
            let #output = #invocation;
            #result
        }
    }
}

/// `rename(borrow::<Db>(&call), params.name)`
fn invocation(target: &Target, params: &Ident, call: &Ident) -> TokenStream {
    let Target { krate, method, callee, .. } = target;
    let arguments = method.callable.params.iter().map(|param| match param {
        Param::Borrow(ty) => quote_spanned!(ty.span()=> #krate::__private::borrow::<#ty>(&#call)),
        Param::Argument(argument) => {
            let field = &argument.ident;
            quote!(#params.#field)
        }
    });
    quote!(#callee(#(#arguments),*))
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
///     pub fn call(client: &Client, a: i64, b: i64) -> PendingCall<i64> {
///         call::<add>(client, &__add_params { a, b })
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
    let clause = bounds.where_serializable();
    quote! {
        #[automatically_derived]
        impl #ty {
            #[doc = #heading]
            #[doc = ""]
            #(#docs)*
            #deprecation
            #vis fn call(#client: &#krate::Client, #(#parameters),*) -> #krate::PendingCall<#ok> #clause {
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
        let (ident, ty) = (&argument.ident, &argument.ty);
        quote!(#ident: #ty)
    })
}

/// `call::<add>(client, &__add_params { a, b })`
fn call_body(target: &Target, client: &TokenStream) -> TokenStream {
    let Target { krate, method, ty, params, .. } = target;
    let fields = method.arguments().map(|argument| &argument.ident);
    quote!(#krate::__private::call::<#ty>(#client, &#params { #(#fields: #fields),* }))
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
