//! Definitions: structs, enums and aliases.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use serde_json::Value;
use syn::ext::IdentExt;

use super::{Writer, doc, path_text};
use crate::{
    model::{Body, Definition, Field, Fields, Kind, Presence, Rule, Tag, Type, Variant},
    modules::ModuleId,
    names::ident,
};

impl Writer<'_> {
    pub(super) fn definition(&self, definition: &Definition) -> TokenStream {
        let Definition { module, name, docs, kind, .. } = definition;
        let (docs, lints, name) = (doc(docs), self.names.lints(*module), ident(name));
        let head = quote!(#docs #lints);
        match kind {
            Kind::Same(_) => TokenStream::new(),
            Kind::Alias(ty) => {
                let ty = self.ty(ty, *module);
                quote!(#head pub type #name = #ty;)
            }
            Kind::Newtype(ty, rules) => {
                let (derives, rules) = (self.derives(&[], &[]), schemars(rules));
                if *ty == Type::Unit {
                    return quote!(#head #derives pub struct #name;);
                }
                let ty = self.ty(ty, *module);
                quote!(#head #derives #[serde(transparent)] #rules pub struct #name(pub #ty);)
            }
            Kind::Struct(fields) => {
                let default: &[&str] = if has_default(fields) { &["Default"] } else { &[] };
                let closed = fields.closed.then(|| quote!(deny_unknown_fields));
                let derives = self.derives(default, closed.as_slice());
                let fields = fields.named.iter().map(|field| self.field(field, *module, &quote!(pub)));
                quote!(#head #derives pub struct #name { #(#fields),* })
            }
            Kind::Enum { tag, variants } => {
                let is_plain = variants.iter().all(|variant| matches!(variant.body, Body::Unit));
                let plain: &[&str] = if is_plain && *tag == Tag::Outside { &["Copy", "Eq", "Hash"] } else { &[] };
                let how = match tag {
                    Tag::Outside => None,
                    Tag::Inside(member) => Some(quote!(tag = #member)),
                    Tag::Nowhere => Some(quote!(untagged)),
                };
                let derives = self.derives(plain, how.as_slice());
                let variants = variants.iter().map(|variant| self.variant(variant, tag, *module));
                quote!(#head #derives pub enum #name { #(#variants),* })
            }
        }
    }

    /// The derives of every type that travels both ways, and how it travels.
    fn derives(&self, more: &[&str], how: &[TokenStream]) -> TokenStream {
        let (serde, schemars) = (&self.names.serde, &self.names.schemars);
        let traits: Vec<&str> = ["Debug", "Clone", "PartialEq"].into_iter().chain(more.iter().copied()).collect();
        let travel = [quote!(#serde::Serialize), quote!(#serde::Deserialize), quote!(#schemars::JsonSchema)];
        let derive = self.names.derive(&traits, &travel);
        if self.names.is_source {
            let how = (!how.is_empty()).then(|| quote!(#[serde(#(#how),*)]));
            return quote!(#derive #how);
        }
        let (serde, schemars) = (path_text(serde), path_text(schemars));
        quote!(#derive #[serde(crate = #serde, #(#how),*)] #[schemars(crate = #schemars)])
    }

    /// The derives of what is only sent.
    pub(super) fn derives_of_sent(&self, more: &[&str], serialize: bool) -> TokenStream {
        let serde = &self.names.serde;
        let traits: Vec<&str> = ["Debug", "Clone", "PartialEq"].into_iter().chain(more.iter().copied()).collect();
        let travel = serialize.then(|| quote!(#serde::Serialize));
        let derive = self.names.derive(&traits, travel.as_slice());
        let path = path_text(serde);
        let krate = (serialize && !self.names.is_source).then(|| quote!(#[serde(crate = #path)]));
        quote!(#derive #krate)
    }

    pub(super) fn field(&self, field: &Field, module: ModuleId, vis: &TokenStream) -> TokenStream {
        let rules = schemars(&field.rules);
        let (docs, serde, name, ty) =
            (doc(&field.docs), self.serde(field), ident(&field.name), self.ty(&field.ty, module));
        quote!(#docs #serde #rules #vis #name: #ty)
    }

    /// A field of what is only sent.
    pub(super) fn sent_field(&self, field: &Field, module: ModuleId, serialize: bool) -> TokenStream {
        let serde = serialize.then(|| self.serde(field));
        let (docs, name, ty) = (doc(&field.docs), ident(&field.name), self.ty(&field.ty, module));
        quote!(#docs #serde pub #name: #ty)
    }

    fn serde(&self, field: &Field) -> Option<TokenStream> {
        let wire = &field.wire;
        let mut options = Vec::new();
        if field.presence == Presence::Flat {
            options.push(quote!(flatten));
        } else if ident(&field.name).unraw() != wire {
            options.push(quote!(rename = #wire));
        }
        if field.presence == Presence::Optional {
            let path = if self.names.is_source { "Option::is_none" } else { "::core::option::Option::is_none" };
            options.push(quote!(skip_serializing_if = #path));
        }
        (!options.is_empty()).then(|| quote!(#[serde(#(#options),*)]))
    }

    fn variant(&self, variant: &Variant, tag: &Tag, module: ModuleId) -> TokenStream {
        let Variant { name, wire, docs, body } = variant;
        let (docs, name) = (doc(docs), ident(name));
        let rename = (*tag != Tag::Nowhere && name.unraw() != wire).then(|| quote!(#[serde(rename = #wire)]));
        let body = self.body(body, module);
        quote!(#docs #rename #name #body)
    }

    pub(super) fn body(&self, body: &Body, module: ModuleId) -> TokenStream {
        match body {
            Body::Unit => TokenStream::new(),
            // Several unnamed fields travel as a tuple does.
            Body::Of(Type::Tuple(members)) if members.len() > 1 => {
                let members = members.iter().map(|member| self.ty(member, module));
                quote!((#(#members),*))
            }
            Body::Of(ty) => {
                let ty = self.ty(ty, module);
                quote!((#ty))
            }
            Body::Fields(fields) => {
                let fields = fields.iter().map(|field| self.field(field, module, &TokenStream::new()));
                quote!({ #(#fields),* })
            }
        }
    }
}

/// Whether all of it may be left out.
fn has_default(fields: &Fields) -> bool {
    fields.named.iter().all(|field| match field.presence {
        Presence::Optional => true,
        Presence::Flat => matches!(field.ty, Type::Map(_)),
        Presence::Required => false,
    })
}

/// `#[schemars(extend("minLength" = 3))]`
fn schemars(rules: &[Rule]) -> Option<TokenStream> {
    let rules: Vec<TokenStream> = rules
        .iter()
        .filter_map(|Rule { keyword, value }| {
            let value = literal(value)?;
            Some(quote!(#keyword = #value))
        })
        .collect();
    (!rules.is_empty()).then(|| quote!(#[schemars(extend(#(#rules),*))]))
}

/// A number of more than 32 bits says its type, or it would be one that does not fit.
fn literal(value: &Value) -> Option<TokenStream> {
    Some(match value {
        Value::Bool(value) => quote!(#value),
        Value::String(text) => quote!(#text),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), ..) if let Ok(number) = i32::try_from(number) => {
                let number = Literal::i32_unsuffixed(number);
                quote!(#number)
            }
            (Some(number), ..) => quote!(#number),
            (None, Some(number), _) => quote!(#number),
            (None, None, Some(number)) if number.is_finite() => quote!(#number),
            _ => return None,
        },
        _ => return None,
    })
}
