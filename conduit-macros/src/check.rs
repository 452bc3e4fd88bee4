//! The rules that need more than one item.

use std::collections::HashMap;

use quote::quote;

use crate::{
    errors::Errors,
    model::{
        Method,
        hook::Hook,
        param::Argument,
        rpc_error::{ErrorType, Kind},
        service::Service,
        types,
    },
};

/// What can be wrong between the parameters of a function.
pub(crate) fn method(method: &Method, errors: &mut Errors) {
    if method.is_handler() { payload(method, errors) } else { arguments(method, errors) }
}

/// The payload of an event is one value.
fn payload(method: &Method, errors: &mut Errors) {
    for Argument { ident, ty, .. } in method.arguments().skip(1) {
        errors.on(
            quote!(#ident: #ty),
            "an event has one payload: put the fields in a struct, or borrow (`&T`) what the server lends",
        );
    }
}

/// A connection ends for one reason.
pub(crate) fn hook(hook: &Hook, errors: &mut Errors) {
    let ends = hook.callable.arguments().filter(|argument| types::is_named(&argument.ty, "Disconnected"));
    for Argument { ty, .. } in ends.skip(1) {
        errors.on(ty, "why the connection ended is told once: drop this parameter");
    }
}

/// Two arguments of one name could not both be given.
fn arguments(method: &Method, errors: &mut Errors) {
    let mut seen: HashMap<&str, &Argument> = HashMap::new();
    for argument in method.arguments().filter(|argument| !argument.flatten) {
        // The same identifier twice is an error of the compiler's own.
        if let Some(first) = seen.insert(&argument.name, argument).filter(|first| first.ident != argument.ident) {
            errors.on(
                &argument.ident,
                format_args!(
                    "the name `{}` is taken by the argument `{}`: rename one of them",
                    argument.name, first.ident
                ),
            );
        }
    }
}

/// Two methods of one name could not both be called, and a service without methods has forgotten something.
pub(crate) fn service(service: &Service, errors: &mut Errors) {
    service.methods.iter().for_each(|each| method(each, errors));
    let mut seen = HashMap::new();
    for method in service.called() {
        // Under `#[cfg]` there may be one of the two at a time.
        if method.inherited.iter().any(|attribute| attribute.path().is_ident("cfg")) {
            continue;
        }
        if let Some(first) = seen.insert(&method.name.text, &method.ident) {
            errors.at(
                method.name.span,
                format_args!(
                    "the name `{}` is taken by `fn {first}` above: choose another with `#[rpc(name = \"..\")]`",
                    method.name.text
                ),
            );
        }
    }
    if service.methods.is_empty() && errors.is_empty() {
        errors.on(&service.ty, "there is no method here: a method of a service is a function that takes `&self`");
    }
}

/// A code says which variant it was, so no two variants share one.
pub(crate) fn rpc_error(error: &ErrorType, errors: &mut Errors) {
    let mut seen = HashMap::new();
    for variant in &error.variants {
        if let Kind::Code { code, span } = variant.kind
            && let Some(first) = seen.insert(code, &variant.ident)
        {
            errors.at(
                span,
                format_args!(
                    "code {code} is taken by `{first}`: the code says which variant it was, so each has its own"
                ),
            );
        }
    }
}
