//! The model as Rust. Nothing here can fail.

mod calls;
mod errors;
mod types;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use crate::{
    api::{Api, EventType},
    model::{Kind, Type},
    modules::{ModuleId, ROOT},
    names::ident,
};

/// What generated code names, as it can be named where it will stand.
#[derive(Debug)]
pub(crate) struct Names {
    conduit: TokenStream,
    serde: TokenStream,
    serde_json: TokenStream,
    schemars: TokenStream,
    /// Whether a person reads it, who has the crates and the prelude.
    is_source: bool,
}

impl Names {
    pub(crate) fn of_macro(krate: &syn::Path) -> Self {
        let private = quote!(#krate::__private);
        Self {
            conduit: krate.to_token_stream(),
            serde: quote!(#private::serde),
            serde_json: quote!(#private::serde_json),
            schemars: quote!(#private::schemars),
            is_source: false,
        }
    }

    #[cfg(feature = "source")]
    pub(crate) fn of_source() -> Self {
        Self {
            conduit: quote!(::conduit),
            serde: quote!(::serde),
            serde_json: quote!(::serde_json),
            schemars: quote!(::schemars),
            is_source: true,
        }
    }

    /// What the prelude has, by its name there or by its path.
    fn prelude(&self, name: &str) -> TokenStream {
        let ident = ident(name);
        match name {
            _ if self.is_source => quote!(#ident),
            "String" => quote!(::std::string::String),
            "Vec" => quote!(::std::vec::Vec),
            "Box" => quote!(::std::boxed::Box),
            "Option" => quote!(::core::option::Option),
            "Debug" => quote!(::core::fmt::Debug),
            "Clone" | "Copy" => {
                let module = ident_of_trait(name);
                quote!(::core::#module::#ident)
            }
            "PartialEq" | "Eq" => quote!(::core::cmp::#ident),
            "Hash" => quote!(::core::hash::Hash),
            "Default" => quote!(::core::default::Default),
            other => unreachable!("`{other}` is not named in generated code"),
        }
    }

    /// `#[derive(Debug, Clone, ..)]`
    fn derive(&self, traits: &[&str], others: &[TokenStream]) -> TokenStream {
        let traits = traits.iter().map(|name| self.prelude(name));
        quote!(#[derive(#(#traits,)* #(#others),*)])
    }

    /// Lints that are a person's, for what stands outermost. A file has them at its top.
    fn lints(&self, module: ModuleId) -> TokenStream {
        if self.is_source || module != ROOT {
            return TokenStream::new();
        }
        quote!(#[allow(dead_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, rustdoc::all)])
    }
}

fn ident_of_trait(name: &str) -> TokenStream {
    if name == "Copy" { quote!(marker) } else { quote!(clone) }
}

/// All items of a document.
pub(crate) fn items(api: &Api, names: &Names) -> TokenStream {
    Writer { api, names }.module(ROOT)
}

struct Writer<'a> {
    api: &'a Api,
    names: &'a Names,
}

impl Writer<'_> {
    /// What stands in a module, its method first.
    fn module(&self, module: ModuleId) -> TokenStream {
        let call = self.api.calls.iter().find(|call| call.module == module).map(|call| self.call(call));
        let definitions =
            self.api.definitions.iter().filter(|it| it.module == module).map(|definition| self.definition(definition));
        let errors = self.api.errors.iter().filter(|error| error.module == module).map(|error| self.error_enum(error));
        let events = (module == ROOT).then(|| self.api.events.iter().map(|event| self.event(event)));
        let events = events.into_iter().flatten();
        let modules = self.api.modules.children(module).map(|child| {
            let (lints, name, items) =
                (self.names.lints(module), ident(self.api.modules.name(child)), self.module(child));
            let doc = self.module_doc(child);
            quote!(#doc #lints pub mod #name { #items })
        });
        quote!(#call #(#definitions)* #(#events)* #(#errors)* #(#modules)*)
    }

    fn module_doc(&self, module: ModuleId) -> TokenStream {
        match self.api.calls.iter().find(|call| call.module == module) {
            Some(call) => {
                let summary = call.text.lines().next().unwrap_or_default();
                let name = format!("`{}`", call.name);
                doc(&if summary.is_empty() { name } else { format!("{name}: {summary}") })
            }
            None => TokenStream::new(),
        }
    }

    /// ```text
    /// impl Event for Chat { const NAME: &'static str = "chat"; }
    /// ```
    fn event(&self, event: &EventType) -> TokenStream {
        let EventType { ty, name, ack } = event;
        let (conduit, ty) = (&self.names.conduit, self.ty(&Type::Named(*ty), ROOT));
        let ack = ack.as_ref().map(|ack| {
            let text = doc(&format!("What the event `{name}` is answered with, if it is called."));
            let (alias, ty, lints) = (ident(&ack.alias), self.ty(&ack.ty, ROOT), self.names.lints(ROOT));
            quote!(#text #lints pub type #alias = #ty;)
        });
        quote! {
            impl #conduit::Event for #ty {
                const NAME: &'static str = #name;
            }
            #ack
        }
    }

    /// A type as it is named in `module`.
    fn ty(&self, ty: &Type, module: ModuleId) -> TokenStream {
        let of = |inner: &Type| self.ty(inner, module);
        let (json, string) = (&self.names.serde_json, || self.names.prelude("String"));
        match ty {
            Type::Any => quote!(#json::Value),
            Type::Unit => quote!(()),
            Type::Bool => quote!(bool),
            Type::Integer(name) | Type::Float(name) => ident(name).into_token_stream(),
            Type::String => string(),
            Type::Object => {
                let string = string();
                quote!(#json::Map<#string, #json::Value>)
            }
            Type::Map(value) => {
                let (string, value) = (string(), of(value));
                quote!(::std::collections::BTreeMap<#string, #value>)
            }
            Type::List(item) => generic(&self.names.prelude("Vec"), &of(item)),
            Type::Option(inner) => generic(&self.names.prelude("Option"), &of(inner)),
            Type::Boxed(inner) => generic(&self.names.prelude("Box"), &of(inner)),
            Type::Array(item, length) => {
                let (item, length) = (of(item), proc_macro2::Literal::usize_unsuffixed(*length));
                quote!([#item; #length])
            }
            Type::Tuple(members) => {
                let members = members.iter().map(of);
                quote!((#(#members,)*))
            }
            Type::Named(id) => {
                let definition = &self.api.definitions[id.0];
                if let Kind::Same(first) = definition.kind {
                    return of(&Type::Named(first));
                }
                self.path(module, definition.module, &definition.name)
            }
        }
    }

    /// `super::super::User`
    fn path(&self, from: ModuleId, to: ModuleId, name: &str) -> TokenStream {
        let (up, down) = self.api.modules.path(from, to);
        let (up, down, name) = (vec![quote!(super); up], down.into_iter().map(ident), ident(name));
        quote!(#(#up::)* #(#down::)* #name)
    }
}

fn generic(ty: &TokenStream, argument: &TokenStream) -> TokenStream {
    quote!(#ty<#argument>)
}

/// The documentation, a line an attribute.
fn doc(text: &str) -> TokenStream {
    // What `///` is: the space is not part of the text.
    let lines = text.lines().map(|line| if line.is_empty() { String::new() } else { format!(" {line}") });
    quote!(#(#[doc = #lines])*)
}

/// A path as it stands in the text of an attribute.
fn path_text(path: &impl ToTokens) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}
