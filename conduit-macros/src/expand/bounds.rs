//! What the fields of generated structs have to implement, asked where the user can see the answer.
//!
//! Derived code uses the type of a field many times over, and a type that lacks a derive fails at each. Here it
//! fails once: the derived impls get it as a condition, of a kind that the compiler does not look into before
//! somebody needs the impl (`conduit::__private::Serializable` says how). A client's call is the only one to need
//! `Serialize`, so an argument of a method that no Rust client calls goes without.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Path, Type};

use crate::model::types::plain;

/// The types of some fields, each under a name that can stand in the text of `#[serde(bound = "..")]`.
pub(super) struct Bounds<'a> {
    krate: &'a Path,
    types: Vec<(Ident, &'a Type)>,
}

impl<'a> Bounds<'a> {
    pub(super) fn new(krate: &'a Path, types: impl Iterator<Item = (Ident, &'a Type)>) -> Self {
        Self { krate, types: types.filter(|(_, ty)| !is_builtin(ty)).collect() }
    }

    /// ```text
    /// type __create_type_user = User;
    /// ```
    pub(super) fn aliases(&self) -> TokenStream {
        self.types.iter().map(|(alias, ty)| quote!(type #alias = #ty;)).collect()
    }

    /// For the derives of what is read, described and sent.
    ///
    /// ```text
    /// #[serde(bound(serialize = "..", deserialize = "for<'a> __create_type_user: Deserializable<'a>"))]
    /// #[schemars(bound = "..")]
    /// ```
    pub(super) fn attributes(&self) -> Option<TokenStream> {
        let (ser, de, schema) = (self.text("Serializable")?, self.text("Deserializable")?, self.text("Describable")?);
        Some(quote! {
            #[serde(bound(serialize = #ser, deserialize = #de))]
            #[schemars(bound = #schema)]
        })
    }

    /// For the derive of what is only sent.
    pub(super) fn serialize_attribute(&self) -> Option<TokenStream> {
        let ser = self.text("Serializable")?;
        Some(quote!(#[serde(bound(serialize = #ser))]))
    }

    /// `where C: Caller<i64>, for<'a> User: Serializable<'a>`, of which the first is `other`.
    pub(super) fn where_serializable(&self, other: Option<&TokenStream>) -> Option<TokenStream> {
        let Self { krate, types } = self;
        let types = types.iter().map(|(_, ty)| ty);
        let bounds = types.map(|ty| quote!(for<'__asked> #ty: #krate::__private::Serializable<'__asked>));
        let mut bounds = other.cloned().into_iter().chain(bounds).peekable();
        bounds.peek().is_some().then(|| quote!(where #(#bounds),*))
    }

    fn text(&self, bound: &str) -> Option<String> {
        let krate = super::path_text(self.krate);
        let bounds =
            self.types.iter().map(|(alias, _)| format!("for<'__asked> {alias}: {krate}::__private::{bound}<'__asked>"));
        (!self.types.is_empty()).then(|| bounds.collect::<Vec<_>>().join(", "))
    }
}

/// Whether everybody knows that it implements all there is.
fn is_builtin(ty: &Type) -> bool {
    const BUILTIN: [&str; 16] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
        "usize",
    ];
    match plain(ty) {
        Type::Path(path) => {
            path.path.get_ident().is_some_and(|ident| ident == "String" || BUILTIN.iter().any(|name| ident == name))
        }
        _ => false,
    }
}
