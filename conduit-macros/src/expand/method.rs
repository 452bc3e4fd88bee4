//! `impl Method`: what is the same for a free function and for one of a service.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Path, spanned::Spanned};

use super::{Target, local};
use crate::{
    model::{
        Method,
        callable::Output,
        param::{Argument, Param},
        types,
    },
    span::ours,
};

/// ```text
/// impl Method for add {
///     type Params = __add_params;
///     type Output = i64;
///     type Error = Infallible;
///     const META: MethodMeta = MethodMeta { name: "add", .. };
///     async fn run(params: Self::Params, call: Call) -> Result<Self::Output, Self::Error> { .. }
/// }
/// ```
pub(super) fn implementation(target: &Target) -> TokenStream {
    let Target { krate, method, ty, .. } = target;
    let (ok, err) = outcome(krate, &method.callable.output);
    let params = if method.is_handler() { payload(target) } else { arguments(target) };
    // A type that is more private than the method is an error about the whole line.
    let place = match &method.callable.output {
        Output::Unit => method.place,
        Output::Plain(ty) | Output::Fallible(ty) => ty.span(),
    };
    let output = quote_spanned!(ours(place)=> type Output = #ok; type Error = #err;);
    let (meta, run) = (meta(target), run(target));
    quote! {
        #[automatically_derived]
        impl #krate::Method for #ty {
            #params
            #output
            #meta
            #run
        }
    }
}

/// The type of the payload; whatever is sent, if the handler wants none.
fn payload(target: &Target) -> TokenStream {
    let Target { krate, method, .. } = target;
    match method.arguments().next() {
        Some(Argument { ty, .. }) => quote_spanned!(ours(ty.span())=> type Params = #ty;),
        None => quote!(type Params = #krate::__private::NoPayload;),
    }
}

/// The struct of arguments, where an error about one of them should be shown: at the only one, or at the function.
fn arguments(target: &Target) -> TokenStream {
    let Target { method, params, .. } = target;
    let mut arguments = method.arguments();
    let span = match (arguments.next(), arguments.next()) {
        (Some(only), None) => only.ty.span(),
        _ => method.ident.span(),
    };
    let params = Ident::new(&params.to_string(), ours(span));
    quote!(type Params = #params;)
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
                quote_spanned!(ours(ty.span())=> <#ty as #krate::__private::ResultType>::Ok),
                quote_spanned!(ours(ty.span())=> <#ty as #krate::__private::ResultType>::Err),
            ),
        },
    }
}

/// ```text
/// const META: MethodMeta = MethodMeta { name: "add", description: "Add two numbers.", .. };
/// ```
fn meta(target: &Target) -> TokenStream {
    let Target { krate, method, .. } = target;
    let Method { events, public, allow, deprecated, ordered, idempotent, .. } = method;
    let (name, description) = (&method.name.text, method.description());
    let timeout = timeout(krate, method);
    let borrows =
        method.callable.borrows().map(|ty| quote_spanned!(ours(ty.span())=> #krate::__private::Borrow::of::<#ty>()));
    let location = location(krate, method.place);
    quote! {
        const META: #krate::MethodMeta = #krate::MethodMeta {
            name: #name,
            events: &[#(#events),*],
            description: #description,
            public: #public,
            allow: &[#(#allow),*],
            deprecated: #deprecated,
            ordered: #ordered,
            idempotent: #idempotent,
            timeout: #timeout,
            location: #location,
            borrows: &[#(#borrows),*],
        };
    }
}

/// Where a function stands.
pub(super) fn location(krate: &Path, place: Span) -> TokenStream {
    // With the function's own span these give its line, not that of the attribute or of this macro.
    let file = quote_spanned!(place=> ::core::file!());
    let line = quote_spanned!(place=> ::core::line!());
    quote!(#krate::__private::Location { file: #file, line: #line })
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
///     let output = blocking(hold(&call), move || rename(borrow::<Db>(&call), params.name)).await;
/// ```
/// A handler's `params` are the payload itself: `chat(borrow::<Connection>(&call), params)`.
fn run(target: &Target) -> TokenStream {
    let Target { krate, method, .. } = target;
    let (params, call, output) = (local("params"), local("call"), local("output"));
    let invocation = invocation(target, &params, &call);
    let invocation = if method.callable.is_async {
        quote!(#invocation.await)
    } else {
        quote!(#krate::__private::blocking(#krate::__private::hold(&#call), move || #invocation).await)
    };
    let result = match method.callable.output {
        Output::Unit | Output::Plain(_) => quote!(::core::result::Result::Ok(#output)),
        Output::Fallible(_) => output.to_token_stream(),
    };
    // A future that is not `Send` is an error about this function, so it has the place of the user's.
    quote_spanned! {ours(method.place)=>
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
        Param::Borrow(ty) => quote_spanned!(ours(ty.span())=> #krate::__private::borrow::<#ty>(&#call)),
        Param::Argument(_) if method.is_handler() => params.to_token_stream(),
        Param::Argument(argument) => {
            let field = argument.field();
            quote!(#params.#field)
        }
    });
    quote!(#callee(#(#arguments),*))
}
