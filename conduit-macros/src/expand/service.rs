//! The `impl` block of a service.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Attribute, Visibility, ext::IdentExt, spanned::Spanned};

use super::{
    Target, allow_style, arguments, call_body, call_doc, caller, method::implementation, outcome, parameters,
    params_ident,
};
use crate::{
    model::{Method, service::Service},
    span::ours,
};

/// Expands an `impl` block.
///
/// ```text
/// #[rpc(namespace = "chat")]
/// impl Chat {
///     pub async fn say(&self, text: String) -> usize { .. }
/// }
/// ```
/// becomes
/// ```text
/// impl Chat {
///     pub async fn say(&self, text: String) -> usize { .. }
/// }
///
/// pub struct ChatClient<C = Client>(C);
///
/// const _: () = {
///     struct __say_params { text: String }
///     struct __say {}
///     impl Method for __say { .. }
///     impl Service for Chat { const METHODS: &'static [MethodDescriptor] = &[MethodDescriptor::of::<__say>()]; }
///     impl<C> ChatClient<C> { pub fn say(&self, text: String) -> C::Call where C: Caller<usize> { .. } }
/// };
/// ```
/// Handlers of events stand among the methods, and the client does not know them; without a method, there is none.
pub(crate) fn service(service: &Service) -> TokenStream {
    let Service { krate, ty, inherited, item, .. } = service;
    let targets: Vec<_> = service.methods.iter().map(|method| target(service, method)).collect();
    let methods = targets.iter().map(hidden_method);
    let descriptors = targets.iter().map(descriptor);
    let (client, client_methods) =
        service.has_client().then(|| (client(service), client_methods(service, &targets))).unzip();
    let (style, only) = (allow_style(), only_block(ty));
    quote! {
        #style
        #item
        #client
        #(#inherited)*
        const _: () = {
            #(#methods)*
            #[automatically_derived]
            impl #krate::Service for #ty {
                const METHODS: &'static [#krate::MethodDescriptor] = &[#(#descriptors),*];
            }
            #client_methods
            #only
        };
    }
}

/// A second block would be errors about what both of them make. The name of this is one that says what to do.
///
/// ```text
/// impl Chat {
///     const _A_SERVICE_HAS_ONE_IMPL_BLOCK_WITH_RPC: () = ();
/// }
/// ```
fn only_block(ty: &syn::Type) -> TokenStream {
    quote_spanned! {ours(ty.span())=>
        #[automatically_derived]
        impl #ty {
            #[doc(hidden)]
            const _A_SERVICE_HAS_ONE_IMPL_BLOCK_WITH_RPC: () = ();
        }
    }
}

fn target<'a>(service: &'a Service, method: &'a Method) -> Target<'a> {
    let (ty, ident) = (&service.ty, &method.ident);
    Target {
        krate: &service.krate,
        method,
        ty: format_ident!("__{}", ident.unraw()),
        params: params_ident(method),
        callee: quote!(<#ty>::#ident),
    }
}

/// ```text
/// struct __say_params { text: String }
/// struct __say {}
/// impl Method for __say { .. }
/// ```
fn hidden_method(target: &Target) -> TokenStream {
    let Target { method, ty, .. } = target;
    let params = (!method.is_handler()).then(|| arguments::params(target));
    let implementation = implementation(target);
    let hidden = quote! {
        #[doc(hidden)]
        struct #ty {}
        #params
        #implementation
    };
    with_attributes(&method.inherited, &hidden)
}

/// Several items, each with the same attributes.
fn with_attributes(attributes: &[Attribute], items: &TokenStream) -> TokenStream {
    if attributes.is_empty() {
        return items.clone();
    }
    let Ok(file) = syn::parse2::<syn::File>(items.clone()) else { return items.clone() };
    file.items.iter().map(|item| quote!(#(#attributes)* #item)).collect()
}

fn descriptor(target: &Target) -> TokenStream {
    let Target { krate, method, ty, .. } = target;
    let inherited = &method.inherited;
    quote!(#(#inherited)* #krate::MethodDescriptor::of::<#ty>())
}

/// ```text
/// #[derive(Debug, Clone)]
/// pub struct ChatClient<C = Client>(C);
/// ```
pub(crate) fn client(service: &Service) -> TokenStream {
    let Service { krate, inherited, .. } = service;
    let (ident, vis) = (client_ident(service), client_visibility(service));
    let caller = caller();
    let doc = format!("Calls the methods of `{}`.", crate::model::types::text(&service.ty));
    quote! {
        #(#inherited)*
        #[doc = #doc]
        #[derive(::core::fmt::Debug, ::core::clone::Clone)]
        #vis struct #ident<#caller = #krate::__private::DefaultCaller>(#caller);
    }
}

/// ```text
/// impl<C> ChatClient<C> {
///     pub fn new(client: &C) -> Self where C: Clone { .. }
///     pub fn say(&self, text: String) -> C::Call where C: Caller<usize> { .. }
/// }
/// ```
fn client_methods(service: &Service, targets: &[Target]) -> TokenStream {
    let (ident, new, caller) = (client_ident(service), client_new(service), caller());
    let methods = targets.iter().filter(|target| !target.method.is_handler()).map(client_method);
    quote! {
        #[automatically_derived]
        impl<#caller> #ident<#caller> {
            #new
            #(#methods)*
        }
    }
}

pub(crate) fn client_new(service: &Service) -> TokenStream {
    let (vis, caller) = (client_visibility(service), caller());
    quote! {
        #[doc = "Calls over `client`."]
        #[must_use]
        #vis fn new(client: &#caller) -> Self
        where
            #caller: ::core::clone::Clone,
        {
            Self(::core::clone::Clone::clone(client))
        }
    }
}

fn client_method(target: &Target) -> TokenStream {
    let Target { krate, method, .. } = target;
    let Method { ident, vis, inherited, docs, deprecation, .. } = method;
    let heading = call_doc(method);
    let (parameters, body) = (parameters(&method.callable), call_body(target, &quote!(&self.0)));
    let (ok, _) = outcome(krate, &method.callable.output);
    let bounds = arguments::bounds(krate, method);
    let caller = caller();
    let clause = bounds.where_serializable(Some(&quote!(#caller: #krate::Caller<#ok>)));
    quote! {
        #(#inherited)*
        #[doc = #heading]
        #[doc = ""]
        #(#docs)*
        #deprecation
        #vis fn #ident(&self, #(#parameters),*) -> <#caller as #krate::Caller<#ok>>::Call #clause {
            #body
        }
    }
}

pub(crate) fn client_ident(service: &Service) -> Ident {
    let span = ours(service.ty.span());
    service.ident().map_or_else(|| Ident::new("__Client", span), |ident| format_ident!("{ident}Client", span = span))
}

/// As visible as the most visible of the methods.
pub(crate) fn client_visibility(service: &Service) -> &Visibility {
    let rank = |vis: &&Visibility| match vis {
        Visibility::Public(_) => 3,
        Visibility::Restricted(restricted) if restricted.path.is_ident("crate") => 2,
        Visibility::Restricted(_) => 1,
        Visibility::Inherited => 0,
    };
    service.called().map(|method| &method.vis).max_by_key(rank).unwrap_or(&Visibility::Inherited)
}
