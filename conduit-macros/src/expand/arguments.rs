//! The struct of a method's arguments.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Attribute, Expr, ExprLit, Lit, Path, ext::IdentExt, parse_quote, spanned::Spanned};

use super::{Target, bounds::Bounds, path_text};
use crate::{
    model::{Method, param::Argument},
    span::ours,
};

/// `fn create(#[schemars(length(min = 3))] name: String, #[arg(default = true)] active: bool)` gives
/// ```text
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct __create_params {
///     #[schemars(length(min = 3))]
///     name: String,
///     #[serde(default = "__create_default_active")]
///     active: bool,
/// }
/// fn __create_default_active() -> bool { true }
/// const _: fn() = published::<bool>;
/// ```
pub(super) fn params(target: &Target) -> TokenStream {
    let Target { krate, method, params, .. } = target;
    let vis = &method.vis;
    let shape = Shape::of(method);
    let attributes = shape.attributes(method);
    let bounds = bounds(krate, method);
    let (aliases, bounds) = (bounds.aliases(), bounds.attributes());
    let derives = derives(krate);
    let fields = method.arguments().map(|argument| field(method, argument, shape));
    let defaults = method.arguments().filter_map(|argument| default_function(krate, method, argument));
    quote! {
        #aliases
        #derives
        #bounds
        #(#attributes)*
        #[doc(hidden)]
        #vis struct #params { #(#fields),* }
        #(#defaults)*
    }
}

/// The derives that both sides of the wire need, from conduit's own serde and schemars.
pub(super) fn derives(krate: &Path) -> TokenStream {
    let serialize = serialize(krate);
    let (serde, schemars) = (quote!(#krate::__private::serde), quote!(#krate::__private::schemars));
    let schemars_path = path_text(&schemars);
    quote! {
        #[derive(#serde::Deserialize, #schemars::JsonSchema)]
        #[schemars(crate = #schemars_path)]
        #serialize
    }
}

/// The derive that the sender needs.
pub(super) fn serialize(krate: &Path) -> TokenStream {
    let serde = quote!(#krate::__private::serde);
    let serde_path = path_text(&serde);
    quote! {
        #[derive(#serde::Serialize)]
        #[serde(crate = #serde_path)]
    }
}

/// The arguments' types, except where an attribute says that something else reads or describes the field.
pub(super) fn bounds<'a>(krate: &'a Path, method: &'a Method) -> Bounds<'a> {
    let arguments = method.arguments().filter(|argument| !argument.custom);
    Bounds::new(krate, arguments.map(|argument| (alias_ident(method, argument), &argument.ty)))
}

fn alias_ident(method: &Method, argument: &Argument) -> Ident {
    format_ident!("__{}_type_{}", method.ident.unraw(), argument.field().unraw())
}

/// How the fields of the struct become members of `params`.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// A member for each; any other is an error.
    Closed,
    /// One struct is all the arguments, so serde may read it without a detour.
    Transparent,
    /// Members of flattened structs among them; which are unknown, the structs can't tell.
    Open,
}

impl Shape {
    fn of(method: &Method) -> Self {
        let flattened = method.arguments().filter(|argument| argument.flatten).count();
        match (flattened, method.arguments().count()) {
            (0, _) => Self::Closed,
            (1, 1) => Self::Transparent,
            _ => Self::Open,
        }
    }

    fn attributes(self, method: &Method) -> Vec<Attribute> {
        let name = &method.name.text;
        let expecting = format!("the arguments of `{name}`");
        match self {
            Self::Closed => vec![
                parse_quote!(#[serde(deny_unknown_fields, expecting = #expecting)]),
                parse_quote!(#[schemars(title = #name)]),
            ],
            Self::Transparent => vec![parse_quote!(#[serde(transparent)])],
            Self::Open => {
                vec![parse_quote!(#[serde(expecting = #expecting)]), parse_quote!(#[schemars(title = #name)])]
            }
        }
    }
}

/// `#[serde(default = "..")] active: bool`
fn field(method: &Method, argument: &Argument, shape: Shape) -> TokenStream {
    let Argument { ty, attributes, .. } = argument;
    let ident = argument.field();
    let flatten = (argument.flatten && shape == Shape::Open).then(|| quote!(#[serde(flatten)]));
    let default = argument.default.as_ref().map(|_| {
        let function = default_ident(method, argument).to_string();
        quote!(#[serde(default = #function)])
    });
    quote!(#(#attributes)* #flatten #default #ident: #ty)
}

fn default_ident(method: &Method, argument: &Argument) -> Ident {
    format_ident!("__{}_default_{}", method.ident.unraw(), argument.field().unraw())
}

/// ```text
/// fn __create_default_active() -> bool { true }
/// const _: fn() = published::<bool>;
/// ```
fn default_function(krate: &Path, method: &Method, argument: &Argument) -> Option<TokenStream> {
    let value = default_value(argument.default.as_ref()?);
    let (function, ty) = (default_ident(method, argument), &argument.ty);
    // schemars leaves out a default that is not `Serialize` without a word.
    let published = quote_spanned!(ours(ty.span())=> const _: fn() = #krate::__private::published::<#ty>;);
    let published = (!argument.custom).then_some(published);
    Some(quote! {
        fn #function() -> #ty { #value }
        #published
    })
}

/// A string literal is no `String` yet.
fn default_value(value: &Expr) -> TokenStream {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            quote_spanned!(ours(text.span())=> ::core::convert::Into::into(#text))
        }
        other => other.to_token_stream(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn string_defaults_become_the_type() {
        assert_eq!(default_value(&parse_quote!("a")).to_string(), r#":: core :: convert :: Into :: into ("a")"#);
        assert_eq!(default_value(&parse_quote!(1 + 1)).to_string(), "1 + 1");
    }
}
