//! The errors of a method, as an enum that derives `RpcError`.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::{Writer, doc};
use crate::{
    api::{ErrorEnum, ErrorVariant},
    model::{Body, Field, Type},
    names::ident,
};

impl Writer<'_> {
    /// ```text
    /// #[derive(Debug, Clone, PartialEq, RpcError)]
    /// #[rpc(imported)]
    /// pub enum Error {
    ///     /// user {id} not found
    ///     #[rpc(code = 404)]
    ///     NotFound { id: u64 },
    /// }
    /// impl Display for Error { .. }
    /// impl std::error::Error for Error {}
    /// ```
    pub(super) fn error_enum(&self, error: &ErrorEnum) -> TokenStream {
        let (conduit, name, lints) = (&self.names.conduit, ident(&error.name), self.names.lints(error.module));
        let methods: Vec<String> = error.of.iter().map(|method| format!("`{method}`")).collect();
        let docs = doc(&format!("What {} can fail with.", listed(&methods)));
        let derive = self.names.derive(&["Debug", "Clone", "PartialEq"], &[quote!(#conduit::RpcError)]);
        let krate = (!self.names.is_source).then(|| quote!(, crate = #conduit));
        let variants = error.variants.iter().map(|variant| self.error_variant(variant, error));
        let arms = error.variants.iter().map(arm);
        quote! {
            #docs
            #lints
            #derive
            #[rpc(imported #krate)]
            pub enum #name { #(#variants),* }
            impl ::core::fmt::Display for #name {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    match self { #(#arms),* }
                }
            }
            impl ::core::error::Error for #name {}
        }
    }

    fn error_variant(&self, variant: &ErrorVariant, error: &ErrorEnum) -> TokenStream {
        let (name, code, docs) = (ident(&variant.name), Literal::i64_unsuffixed(variant.code), doc(&variant.message));
        let body = self.body(&variant.body, error.module);
        quote!(#docs #[rpc(code = #code)] #name #body)
    }
}

/// `a`, `b` and `c`
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `Self::NotFound { id: id } => write!(f, "user {} not found", id)`
fn arm(variant: &ErrorVariant) -> TokenStream {
    let name = ident(&variant.name);
    let mut bound = Vec::new();
    let (text, values) = fill(&variant.message, |placeholder| {
        let (member, _) = member(&variant.body, placeholder).filter(|(_, ty)| is_shown(ty))?;
        let local = format_ident!("value{}", bound.len());
        bound.push(quote!(#member: #local));
        Some(local)
    });
    let write = if values.is_empty() {
        let text = &variant.message;
        quote!(f.write_str(#text))
    } else {
        quote!(::core::write!(f, #text, #(#values),*))
    };
    quote!(Self::#name { #(#bound,)* .. } => #write)
}

/// The field that a placeholder means.
fn member<'a>(body: &'a Body, placeholder: &str) -> Option<(TokenStream, &'a Type)> {
    match body {
        Body::Fields(fields) => {
            let Field { name, ty, .. } = fields.iter().find(|field| field.wire == placeholder)?;
            let name = ident(name);
            Some((quote!(#name), ty))
        }
        Body::Of(Type::Tuple(members)) if members.len() > 1 => {
            let at: usize = placeholder.parse().ok()?;
            let index = Literal::usize_unsuffixed(at);
            Some((quote!(#index), members.get(at)?))
        }
        Body::Of(ty) if placeholder == "0" => Some((quote!(0), ty)),
        Body::Of(_) | Body::Unit => None,
    }
}

fn is_shown(ty: &Type) -> bool {
    matches!(ty, Type::Bool | Type::Integer(_) | Type::Float(_) | Type::String)
}

/// The template as one of `write!`, with what `value` finds for its placeholders. What it finds nothing for stays as it
/// is.
fn fill<T>(template: &str, mut value: impl FnMut(&str) -> Option<T>) -> (String, Vec<T>) {
    let (mut text, mut values, mut rest) = (String::new(), Vec::new(), template);
    let escaped = |text: &str| text.replace('{', "{{").replace('}', "}}");
    while let Some((before, behind)) = rest.split_once('{') {
        text.push_str(&escaped(before));
        let Some((placeholder, after)) = behind.split_once('}') else {
            rest = &rest[before.len()..];
            break;
        };
        match value(placeholder) {
            Some(found) => {
                text.push_str("{}");
                values.push(found);
            }
            None => text.push_str(&escaped(&format!("{{{placeholder}}}"))),
        }
        rest = after;
    }
    text.push_str(&escaped(rest));
    (text, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_of_fields_are_filled() {
        let known = |name: &str| (name == "id").then_some(7);
        assert_eq!(fill("user {id} of {group} gone}", known), ("user {} of {{group}} gone}}".into(), vec![7]));
        assert_eq!(fill("open {id", known), ("open {{id".into(), vec![]));
        assert_eq!(fill("nothing", known), ("nothing".into(), vec![]));
    }
}
