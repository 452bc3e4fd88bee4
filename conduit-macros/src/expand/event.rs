//! `impl Event`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::{model::event::EventType, span};

/// ```text
/// #[event("chat")]
/// struct Chat { text: String }
/// ```
/// gives
/// ```text
/// impl Event for Chat {
///     const NAME: &'static str = "chat";
/// }
/// ```
/// A derive that the trait asks for and the type lacks is an error about its name.
pub(crate) fn event(event: &EventType) -> TokenStream {
    let EventType { krate, ident, inherited, generics, name } = event;
    let (impl_generics, ty_generics, clause) = generics.split_for_impl();
    let head = quote_spanned!(span::ours(ident.span())=> impl #impl_generics #krate::Event for #ident #ty_generics);
    // Only a type that was refused is generic; what its parameters lack is not the point then.
    let clause = if generics.params.is_empty() { quote!(#clause) } else { refused_clause(krate) };
    quote! {
        #(#inherited)*
        #[automatically_derived]
        #head #clause {
            const NAME: &'static str = #name;
        }
    }
}

fn refused_clause(krate: &syn::Path) -> TokenStream {
    quote! {
        where
            Self: #krate::__private::serde::Serialize
                + #krate::__private::serde::de::DeserializeOwned
                + #krate::__private::schemars::JsonSchema
                + ::core::marker::Send
                + 'static
    }
}
