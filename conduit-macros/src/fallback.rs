//! What to emit when there were errors: the errors, the item as it was written, and stubs with the names that the
//! rest of the program uses, so that nothing fails a second time.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{FnArg, Path};

use crate::{
    errors::Errors,
    expand,
    model::{Function, Method, callable::Output, event::EventType, hook::Hook, rpc_error::ErrorType, service::Service},
    span,
};

/// The item alone; for one that no method or service can be made of.
pub(crate) fn item(item: &TokenStream, errors: &Errors) -> TokenStream {
    quote!(#errors #item)
}

pub(crate) fn function(function: &Function, errors: &Errors) -> TokenStream {
    let Function { krate, method, item } = function;
    // A struct can't stand beside a function with `self`, which is in an `impl` block.
    if item.sig.inputs.iter().any(|input| matches!(input, FnArg::Receiver(_))) {
        return quote!(#errors #item);
    }
    let ty = expand::type_beside(method);
    let (ident, inherited) = (&method.ident, &method.inherited);
    let implementation = method_stub(krate, ident);
    let call = (!method.is_handler()).then(|| call_stub(krate, method, Stub::Function));
    quote! {
        #errors
        #item
        #ty
        #(#inherited)*
        const _: () = {
            #implementation
            impl #ident { #call }
        };
    }
}

pub(crate) fn hook(hook: &Hook, errors: &Errors) -> TokenStream {
    let Hook { krate, ident, place, inherited, item, .. } = hook;
    if item.sig.inputs.iter().any(|input| matches!(input, FnArg::Receiver(_))) {
        return quote!(#errors #item);
    }
    let (ty, moment) = (expand::hook_type(hook), Ident::new(hook.moment.variant(), span::ours(*place)));
    quote! {
        #errors
        #item
        #ty
        #(#inherited)*
        const _: () = {
            impl #krate::__private::Hook for #ident {
                const META: #krate::__private::HookMeta = #krate::__private::HookMeta {
                    name: "",
                    moment: #krate::__private::Moment::#moment,
                    location: #krate::__private::Location { file: "", line: 0 },
                    borrows: &[],
                };
                async fn run(_: #krate::__private::Occasion) -> ::core::option::Option<::std::string::String> {
                    ::core::unreachable!()
                }
            }
        };
    }
}

pub(crate) fn service(service: &Service, errors: &Errors) -> TokenStream {
    let Service { krate, ty, item, .. } = service;
    let foreign = item.trait_.is_some() || !item.generics.params.is_empty() || service.ident().is_none();
    if foreign {
        return quote!(#errors #item);
    }
    let client = service.has_client().then(|| expand::client(service));
    let client_methods = service.has_client().then(|| client_stub(service));
    let inherited = &service.inherited;
    quote! {
        #errors
        #item
        #client
        #(#inherited)*
        const _: () = {
            impl #krate::Service for #ty {
                const METHODS: &'static [#krate::MethodDescriptor] = &[];
            }
            #client_methods
        };
    }
}

fn client_stub(service: &Service) -> TokenStream {
    let (ident, new) = (expand::client_ident(service), expand::client_new(service));
    let calls = service.called().map(|method| call_stub(&service.krate, method, Stub::Method));
    let caller = expand::caller();
    quote!(impl<#caller> #ident<#caller> { #new #(#calls)* })
}

pub(crate) fn rpc_error(error: &ErrorType, errors: &Errors) -> TokenStream {
    let ErrorType { krate, ident, generics, .. } = error;
    let (impl_generics, ty_generics, clause) = generics.split_for_impl();
    quote! {
        #errors
        const _: () = {
            impl #impl_generics #krate::RpcError for #ident #ty_generics #clause {
                fn to_error_object(&self) -> #krate::ErrorObject { ::core::unreachable!() }
                fn describe() -> ::std::vec::Vec<#krate::ErrorDescription> { ::core::unreachable!() }
                fn from_error_object(_: &#krate::ErrorObject) -> ::core::option::Option<Self> { ::core::unreachable!() }
            }
        };
    }
}

pub(crate) fn event(event: &EventType, errors: &Errors) -> TokenStream {
    let implementation = expand::event(event);
    quote!(#errors #implementation)
}

fn method_stub(krate: &Path, ident: &Ident) -> TokenStream {
    quote! {
        impl #krate::Method for #ident {
            type Params = ();
            type Output = ();
            type Error = ::core::convert::Infallible;
            const META: #krate::MethodMeta = #krate::MethodMeta {
                name: "",
                events: &[],
                description: "",
                public: false,
                allow: &[],
                deprecated: false,
                ordered: false,
                idempotent: false,
                timeout: ::core::option::Option::None,
                location: #krate::__private::Location { file: "", line: 0 },
                borrows: &[],
            };
            async fn run(_: (), _: #krate::Call) -> ::core::result::Result<(), ::core::convert::Infallible> {
                ::core::unreachable!()
            }
        }
    }
}

/// Whose call it is.
#[derive(Clone, Copy, PartialEq)]
enum Stub {
    Function,
    Method,
}

/// Takes anything, since the types may be what is wrong.
///
/// ```text
/// pub fn call<C: Caller<i64>>(_: &C, _: impl Sized, _: impl Sized) -> C::Call { unreachable!() }
/// ```
fn call_stub(krate: &Path, method: &Method, stub: Stub) -> TokenStream {
    let (vis, ident, caller) = (&method.vis, &method.ident, expand::caller());
    let arguments = method.arguments().map(|_| quote!(_: impl ::core::marker::Sized));
    let output = match &method.callable.output {
        Output::Unit => quote!(()),
        output => expand::outcome(krate, output).0,
    };
    let (head, clause) = match stub {
        Stub::Function => (quote!(call<#caller: #krate::Caller<#output>>(_: &#caller, #(#arguments),*)), None),
        Stub::Method => (quote!(#ident(&self, #(#arguments),*)), Some(quote!(where #caller: #krate::Caller<#output>))),
    };
    quote! {
        #vis fn #head -> <#caller as #krate::Caller<#output>>::Call #clause { ::core::unreachable!() }
    }
}
