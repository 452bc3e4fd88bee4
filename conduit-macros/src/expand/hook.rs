//! A function with `#[on_startup]` or its like.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{ext::IdentExt, spanned::Spanned};

use super::{allow_style, local, method::location};
use crate::{
    model::{callable::Output, hook::Hook, param::Param},
    span::ours,
};

/// Expands a hook.
///
/// ```text
/// #[on_client_disconnect]
/// async fn left(client: &Connection, db: &Db, end: Disconnected) -> Result<(), DbError> { .. }
/// ```
/// becomes
/// ```text
/// async fn left(client: &Connection, db: &Db, end: Disconnected) -> Result<(), DbError> { .. }
///
/// struct left {}
///
/// const _: () = {
///     impl Hook for left {
///         const META: HookMeta = HookMeta { name: "left", moment: Moment::ClientDisconnect, .. };
///         async fn run(occasion: Occasion) -> Option<String> { .. }
///     }
///     inventory::submit! { HookRegistration(HookDescriptor::of::<left>()) }
/// };
/// ```
pub(crate) fn hook(hook: &Hook) -> TokenStream {
    let Hook { krate, ident, inherited, item, .. } = hook;
    let (style, ty, meta, run) = (allow_style(), hook_type(hook), meta(hook), run(hook));
    quote! {
        #style
        #item
        #ty
        #(#inherited)*
        const _: () = {
            #[automatically_derived]
            impl #krate::__private::Hook for #ident {
                #meta
                #run
            }
            #krate::__private::inventory::submit! {
                #krate::__private::HookRegistration(#krate::HookDescriptor::of::<#ident>())
            }
        };
    }
}

/// ```text
/// #[derive(Debug, Clone, Copy)]
/// struct left {}
/// ```
pub(crate) fn hook_type(hook: &Hook) -> TokenStream {
    let Hook { ident, vis, inherited, .. } = hook;
    let doc = format!("The hook `{0}` as a type, for `hooks![{0}]`.", ident.unraw());
    quote! {
        #(#inherited)*
        #[doc = #doc]
        #[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy)]
        #[non_exhaustive]
        #vis struct #ident {}
    }
}

fn meta(hook: &Hook) -> TokenStream {
    let Hook { krate, moment, ident, place, callable, .. } = hook;
    let (name, moment) = (ident.unraw().to_string(), Ident::new(moment.variant(), ours(*place)));
    let borrows = callable.borrows().map(|ty| quote_spanned!(ours(ty.span())=> #krate::__private::Borrow::of::<#ty>()));
    let location = location(krate, *place);
    quote! {
        const META: #krate::__private::HookMeta = #krate::__private::HookMeta {
            name: #name,
            moment: #krate::__private::Moment::#moment,
            location: #location,
            borrows: &[#(#borrows),*],
        };
    }
}

/// ```text
/// async fn run(occasion: Occasion) -> Option<String> {
///     let output = left(lent::<Connection>(&occasion), lent::<Db>(&occasion), end(&occasion)).await;
///     <Result<(), DbError> as HookResult>::failure(output)
/// }
/// ```
/// and the same without `async`
/// ```text
///     blocking(Held::default(), move || <Result<(), DbError> as HookResult>::failure(left(..))).await
/// ```
fn run(hook: &Hook) -> TokenStream {
    let Hook { krate, callable, place, .. } = hook;
    let (occasion, output) = (local("occasion"), local("output"));
    let invocation = invocation(hook, &occasion);
    let failure = |output: TokenStream| match &callable.output {
        Output::Unit => quote!({ #output; ::core::option::Option::None }),
        Output::Plain(ty) | Output::Fallible(ty) => {
            quote_spanned!(ours(ty.span())=> <#ty as #krate::HookResult>::failure(#output))
        }
    };
    let body = if callable.is_async {
        let failure = failure(output.to_token_stream());
        quote!(let #output = #invocation.await; #failure)
    } else {
        let failure = failure(invocation);
        quote!(#krate::__private::blocking(#krate::__private::Held::default(), move || #failure).await)
    };
    // A future that is not `Send` is an error about this function, so it has the place of the user's.
    quote_spanned! {ours(*place)=>
        async fn run(#occasion: #krate::__private::Occasion) -> ::core::option::Option<::std::string::String> {
            #body
        }
    }
}

fn invocation(hook: &Hook, occasion: &Ident) -> TokenStream {
    let Hook { krate, ident, callable, .. } = hook;
    let arguments = callable.params.iter().map(|param| match param {
        Param::Borrow(ty) => quote_spanned!(ours(ty.span())=> #krate::__private::lent::<#ty>(&#occasion)),
        Param::Argument(argument) => quote_spanned!(ours(argument.ty.span())=> #krate::__private::end(&#occasion)),
    });
    quote!(#ident(#(#arguments),*))
}
