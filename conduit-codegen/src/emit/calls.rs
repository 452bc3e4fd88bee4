//! What stands in the module of a method: its call, its arguments and its answer.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::{Writer, doc};
use crate::{
    api::{Answer, Arguments, Call},
    docs,
    model::{Field, Presence},
    names::ident,
};

impl Writer<'_> {
    /// ```text
    /// pub const NAME: &str = "add";
    /// pub fn call<C: Caller<Output>>(client: &C, a: i64, b: i64) -> C::Call {
    ///     client.call_method(&const { MethodMeta::new(NAME) }, &Params { a, b })
    /// }
    /// pub struct Params { pub a: i64, pub b: i64 }
    /// pub type Output = i64;
    /// ```
    pub(super) fn call(&self, call: &Call) -> TokenStream {
        let name = &call.name;
        let (function, params, output, error) =
            (self.function(call), self.params(call), self.output(call), self.reexport(call));
        quote! {
            #[doc = " The name on the wire."]
            pub const NAME: &str = #name;
            #function
            #params
            #output
            #error
        }
    }

    fn function(&self, call: &Call) -> TokenStream {
        let conduit = &self.names.conduit;
        let (parameters, value) = self.passed(call);
        let client = client(call);
        let (docs, deprecated) = (doc(&function_doc(call)), call.deprecated.then(|| quote!(#[deprecated])));
        if matches!(call.answer, Answer::None) {
            return quote! {
                #docs
                #deprecated
                pub fn notify(
                    #client: &#conduit::Client,
                    #(#parameters),*
                ) -> impl ::core::future::Future<Output = #conduit::Result<()>> + Send + use<> {
                    #client.notify(NAME, #value)
                }
            };
        }
        let idempotent = call.idempotent.then(|| quote!(.idempotent()));
        quote! {
            #docs
            #deprecated
            pub fn call<C: #conduit::Caller<Output>>(#client: &C, #(#parameters),*) -> C::Call {
                #client.call_method(&const { #conduit::MethodMeta::new(NAME) #idempotent }, &#value)
            }
        }
    }

    /// The parameters of the function, and the params that it makes of them.
    fn passed(&self, call: &Call) -> (Vec<TokenStream>, TokenStream) {
        match &call.arguments {
            Arguments::None => (Vec::new(), quote!(())),
            Arguments::Whole(ty) => {
                let ty = self.ty(ty, call.module);
                (vec![quote!(arguments: #ty)], quote!(arguments))
            }
            Arguments::Each { fields, .. } => {
                let names: Vec<Ident> = fields.iter().map(|(field, _)| ident(&field.name)).collect();
                let parameters = fields.iter().zip(&names).map(|((field, _), name)| {
                    let ty = self.ty(&field.ty, call.module);
                    quote!(#name: #ty)
                });
                (parameters.collect(), quote!(Params { #(#names),* }))
            }
        }
    }

    fn params(&self, call: &Call) -> Option<TokenStream> {
        let Arguments::Each { fields, by_position } = &call.arguments else { return None };
        let more: &[&str] = if fields.iter().all(|(field, _)| is_optional(field)) { &["Default"] } else { &[] };
        let (docs, derives) =
            (doc(&format!("The arguments of `{}`.", call.name)), self.derives_of_sent(more, !by_position));
        let positional = by_position.then(|| self.positional(fields));
        let fields = fields.iter().map(|(field, _)| self.sent_field(field, call.module, !by_position));
        Some(quote! {
            #docs
            #derives
            pub struct Params { #(#fields),* }
            #positional
        })
    }

    /// ```text
    /// impl Serialize for Params {
    ///     fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
    ///         let given = if self.b.is_some() { 2 } else { 1 };
    ///         let mut items = serializer.serialize_seq(Some(given))?;
    ///         items.serialize_element(&self.a)?;
    ///         if given > 1 { items.serialize_element(&self.b)?; }
    ///         items.end()
    ///     }
    /// }
    /// ```
    fn positional(&self, fields: &[(Field, String)]) -> TokenStream {
        let serde = &self.names.serde;
        let least = fields.iter().rposition(|(field, _)| !is_optional(field)).map_or(0, |last| last + 1);
        let index = proc_macro2::Literal::usize_unsuffixed;
        let (first, rest) = fields.split_at(least);
        let given = rest.iter().enumerate().rev().map(|(at, (field, _))| {
            let (name, count) = (ident(&field.name), index(least + at + 1));
            quote!(if self.#name.is_some() { #count } else)
        });
        let first = first.iter().map(|(field, _)| {
            let name = ident(&field.name);
            quote!(items.serialize_element(&self.#name)?;)
        });
        let rest = rest.iter().enumerate().map(|(at, (field, _))| {
            let (name, before) = (ident(&field.name), index(least + at));
            quote!(if given > #before { items.serialize_element(&self.#name)?; })
        });
        let least = index(least);
        quote! {
            impl #serde::Serialize for Params {
                fn serialize<S: #serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                    use #serde::ser::SerializeSeq as _;
                    let given: usize = #(#given)* { #least };
                    let mut items = serializer.serialize_seq(::core::option::Option::Some(given))?;
                    #(#first)*
                    #(#rest)*
                    items.end()
                }
            }
        }
    }

    fn output(&self, call: &Call) -> Option<TokenStream> {
        let Answer::Of(ty) = &call.answer else { return None };
        let (docs, ty) = (doc(&format!("What `{}` answers with.", call.name)), self.ty(ty, call.module));
        Some(quote!(#docs pub type Output = #ty;))
    }

    /// `pub use super::Error;`, where the errors are those of other methods too.
    fn reexport(&self, call: &Call) -> Option<TokenStream> {
        let error = &self.api.errors[call.error?];
        if error.module == call.module {
            return None;
        }
        let path = self.path(call.module, error.module, &error.name);
        let renamed = (error.name != "Error").then(|| quote!(as Error));
        Some(quote!(#[doc(inline)] pub use #path #renamed;))
    }
}

fn is_optional(field: &Field) -> bool {
    field.presence == Presence::Optional
}

/// What the client is called, where an argument may be called so too.
fn client(call: &Call) -> Ident {
    let is_taken = |name: &str| match &call.arguments {
        Arguments::Each { fields, .. } => fields.iter().any(|(field, _)| field.name == name),
        Arguments::None | Arguments::Whole(_) => false,
    };
    let free =
        std::iter::successors(Some("client".to_owned()), |name| Some(format!("{name}_"))).find(|name| !is_taken(name));
    ident(&free.unwrap_or_default())
}

fn function_doc(call: &Call) -> String {
    let verb = if matches!(call.answer, Answer::None) { "Sends" } else { "Calls" };
    let calls = format!("{verb} `{}`.", call.name);
    let arguments = match &call.arguments {
        Arguments::Each { fields, .. } => {
            let told = fields.iter().filter(|(_, text)| !text.is_empty());
            let lines: Vec<String> =
                told.map(|(field, text)| format!("- `{}`: {}", field.name, text.trim_start())).collect();
            if lines.is_empty() { String::new() } else { format!("# Arguments\n\n{}", lines.join("\n")) }
        }
        Arguments::None | Arguments::Whole(_) => String::new(),
    };
    let errors = call
        .error
        .map(|_| "# Errors\n\nThose of any call; [`Error`] are its own, which `error.decode::<Error>()` gives.");
    docs::paragraphs([call.text.clone(), calls, arguments, errors.unwrap_or_default().to_owned()])
}
