//! `impl RpcError`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Path, ext::IdentExt, spanned::Spanned};

use super::{arguments, bounds::Bounds, local};
use crate::{
    model::{
        param::is_custom,
        rpc_error::{ErrorType, Field, Kind, Variant},
    },
    span::ours,
};

/// ```text
/// enum UserError {
///     #[error("user {id} not found")]
///     #[rpc(code = 404)]
///     NotFound { id: u64 },
/// }
/// ```
/// gives
/// ```text
/// const _: () = {
///     struct __NotFound { id: u64 }
///     struct __NotFoundRef<'a> { id: &'a u64 }
///     impl RpcError for UserError {
///         fn to_error_object(&self) -> ErrorObject { match self { .. } }
///         fn describe() -> Vec<ErrorDescription> { vec![..] }
///         fn from_error_object(object: &ErrorObject) -> Option<Self> { match object.code() { .. } }
///     }
/// };
/// ```
pub(crate) fn rpc_error(error: &ErrorType) -> TokenStream {
    let ErrorType { krate, ident, inherited, .. } = error;
    let data = error.variants.iter().filter(|variant| has_code(variant) && variant.has_data());
    let data = data.map(|variant| data_structs(krate, variant));
    let (to, describe, from) = (to_error_object(error), describe(error), from_error_object(error));
    quote! {
        #(#inherited)*
        const _: () = {
            #(#data)*
            #[automatically_derived]
            impl #krate::RpcError for #ident {
                #to
                #describe
                #from
            }
        };
    }
}

fn has_code(variant: &Variant) -> bool {
    matches!(variant.kind, Kind::Code { .. })
}

fn data_ident(variant: &Variant) -> Ident {
    format_ident!("__{}", variant.ident.unraw())
}

fn sent_ident(variant: &Variant) -> Ident {
    format_ident!("__{}Ref", variant.ident.unraw())
}

/// What is read back and described, and what is sent: the same, borrowed from the error.
///
/// ```text
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct __NotFound { id: u64 }
/// #[derive(Serialize)]
/// struct __NotFoundRef<'a> { id: &'a u64 }
/// ```
fn data_structs(krate: &Path, variant: &Variant) -> TokenStream {
    let (derives, serialize) = (arguments::derives(krate), arguments::serialize(krate));
    let (data, sent) = (data_ident(variant), sent_ident(variant));
    let (shape, bounds) = (shape(variant), bounds(krate, variant));
    let (aliases, all_bounds, send_bounds) = (bounds.aliases(), bounds.attributes(), bounds.serialize_attribute());
    let owned = variant.data().map(|field| {
        let (name, attributes, ty) = (name(field), &field.attributes, &field.ty);
        quote!(#(#attributes)* #name #ty)
    });
    let borrowed = variant.data().map(|field| {
        let (name, ty) = (name(field), &field.ty);
        let attributes = field.attributes.iter().filter(|attribute| attribute.path().is_ident("serde"));
        quote!(#(#attributes)* #name &'__sent #ty)
    });
    let (owned, borrowed) = (body(variant, owned), body(variant, borrowed));
    quote! {
        #aliases
        #derives
        #all_bounds
        #shape
        struct #data #owned
        #serialize
        #send_bounds
        struct #sent<'__sent> #borrowed
    }
}

fn bounds<'a>(krate: &'a Path, variant: &'a Variant) -> Bounds<'a> {
    let fields = variant.data().filter(|field| !field.attributes.iter().any(is_custom));
    Bounds::new(
        krate,
        fields.enumerate().map(|(at, field)| (format_ident!("__{}{at}", variant.ident.unraw()), &field.ty)),
    )
}

/// Where an error about the data should be shown: at the type of the only field, or at the variant.
fn data_span(variant: &Variant) -> Span {
    let mut fields = variant.data();
    match (fields.next(), fields.next()) {
        (Some(only), None) => ours(only.ty.span()),
        _ => ours(variant.ident.span()),
    }
}

/// A single unnamed field is the data itself; anything else is called as the variant is.
fn shape(variant: &Variant) -> TokenStream {
    if !variant.named && variant.data().count() == 1 {
        return quote!(#[serde(transparent)]);
    }
    let title = variant.ident.unraw().to_string();
    quote!(#[schemars(title = #title)])
}

/// `id:` for a field with a name, nothing for one without.
fn name(field: &Field) -> Option<TokenStream> {
    match &field.member {
        syn::Member::Named(ident) => Some(quote!(#ident:)),
        syn::Member::Unnamed(_) => None,
    }
}

/// `{ .. }` or `(..);`
fn body(variant: &Variant, fields: impl Iterator<Item = TokenStream>) -> TokenStream {
    if variant.named { quote!({ #(#fields),* }) } else { quote!((#(#fields),*);) }
}

/// ```text
/// fn to_error_object(&self) -> ErrorObject {
///     match self {
///         Self::NotFound { id } => ErrorObject::new(404, self.to_string()).with_data(&__NotFoundRef { id }),
///     }
/// }
/// ```
fn to_error_object(error: &ErrorType) -> TokenStream {
    let krate = &error.krate;
    let arms = error.variants.iter().map(|variant| to_arm(krate, variant));
    // A reference to an enum without variants has to be matched by value.
    let value = if error.variants.is_empty() { quote!(*self) } else { quote!(self) };
    quote! {
        fn to_error_object(&self) -> #krate::ErrorObject {
            match #value { #(#arms)* }
        }
    }
}

fn to_arm(krate: &Path, variant: &Variant) -> TokenStream {
    let path = &variant.path;
    let code = match variant.kind {
        Kind::Code { code, .. } => code,
        Kind::Internal(span) => return quote_spanned!(ours(span)=> #path { .. } => #krate::__private::internal(self),),
        Kind::Unknown => return TokenStream::new(),
    };
    let message = quote_spanned!(ours(variant.ident.span())=> ::std::string::ToString::to_string(self));
    let object = quote!(#krate::ErrorObject::new(#code, #message));
    if !variant.has_data() {
        return quote!(#path { .. } => #object,);
    }
    let (bindings, sent) = (bindings(variant), construct(variant, &sent_ident(variant)));
    let object = quote_spanned!(data_span(variant)=> #object.with_data(&#sent));
    quote!(#path { #(#bindings,)* .. } => #object,)
}

/// `id: field0`, and `0: field0` of a tuple.
fn bindings(variant: &Variant) -> impl Iterator<Item = TokenStream> {
    variant.data().enumerate().map(|(at, field)| {
        let (member, local) = (&field.member, local(&format!("field{at}")));
        quote!(#member: #local)
    })
}

/// `__NotFound { id: field0 }`, or `__Taken(field0)` since a tuple may have lost members to `skip`.
fn construct(variant: &Variant, ty: &Ident) -> TokenStream {
    let span = data_span(variant);
    if variant.named {
        let bindings = bindings(variant);
        return quote_spanned!(span=> #ty { #(#bindings),* });
    }
    let fields = (0..variant.data().count()).map(|at| local(&format!("field{at}")));
    quote_spanned!(span=> #ty(#(#fields),*))
}

/// ```text
/// fn describe() -> Vec<ErrorDescription> {
///     vec![ErrorDescription { code: 404, message: "user {id} not found", data: Some(of_output::<__NotFound>()) }]
/// }
/// ```
fn describe(error: &ErrorType) -> TokenStream {
    let krate = &error.krate;
    let descriptions = error.variants.iter().filter_map(|variant| description(krate, variant));
    quote! {
        fn describe() -> ::std::vec::Vec<#krate::ErrorDescription> {
            ::std::vec![#(#descriptions),*]
        }
    }
}

fn description(krate: &Path, variant: &Variant) -> Option<TokenStream> {
    let Kind::Code { code, .. } = variant.kind else { return None };
    let message = &variant.message;
    let data = if variant.has_data() {
        let data = data_ident(variant);
        quote_spanned!(data_span(variant)=> ::core::option::Option::Some(#krate::__private::of_output::<#data>()))
    } else {
        quote!(::core::option::Option::None)
    };
    Some(quote! {
        #krate::ErrorDescription { code: #code, message: ::std::borrow::Cow::Borrowed(#message), data: #data }
    })
}

/// ```text
/// fn from_error_object(object: &ErrorObject) -> Option<Self> {
///     match object.code() {
///         404 => { let __NotFound { id } = error_data(object)?; Some(Self::NotFound { id }) }
///         _ => None,
///     }
/// }
/// ```
fn from_error_object(error: &ErrorType) -> TokenStream {
    let krate = &error.krate;
    let object = local("object");
    let arms = error.variants.iter().filter_map(|variant| from_arm(krate, variant, &object));
    quote! {
        fn from_error_object(#object: &#krate::ErrorObject) -> ::core::option::Option<Self> {
            match #object.code() {
                #(#arms)*
                _ => ::core::option::Option::None,
            }
        }
    }
}

/// A variant with fields that did not travel can't be made again, so it has no arm.
fn from_arm(krate: &Path, variant: &Variant, object: &Ident) -> Option<TokenStream> {
    let Kind::Code { code, .. } = variant.kind else { return None };
    let path = &variant.path;
    if !variant.is_whole() {
        return None;
    }
    if !variant.has_data() {
        return Some(quote!(#code => ::core::option::Option::Some(#path {}),));
    }
    let (data, bindings) = (construct(variant, &data_ident(variant)), bindings(variant));
    let ty = data_ident(variant);
    let read = quote_spanned!(data_span(variant)=> #krate::__private::error_data::<#ty>(#object)?);
    Some(quote! {
        #code => {
            let #data = #read;
            ::core::option::Option::Some(#path { #(#bindings),* })
        }
    })
}
