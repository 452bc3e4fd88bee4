//! Where expanded tokens seem to stand, and whose they are.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;

/// The user's place, but our code: errors show the place, and lints leave alone what the user did not write.
pub(crate) fn ours(place: Span) -> Span {
    Span::call_site().located_at(place)
}

/// The same tokens as our code, each at its place.
pub(crate) fn as_ours(tokens: impl ToTokens) -> TokenStream {
    respan(tokens.into_token_stream(), ours)
}

/// The same tokens as our code, all at one place.
pub(crate) fn as_ours_at(tokens: impl ToTokens, place: Span) -> TokenStream {
    respan(tokens.into_token_stream(), |_| ours(place))
}

pub(crate) fn ident(ident: &Ident) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(ours(ident.span()));
    ident
}

fn respan(tokens: TokenStream, span: impl Fn(Span) -> Span + Copy) -> TokenStream {
    let tokens = tokens.into_iter().map(|token| {
        let mut token = match token {
            TokenTree::Group(group) => Group::new(group.delimiter(), respan(group.stream(), span)).into(),
            other => other,
        };
        token.set_span(span(token.span()));
        token
    });
    tokens.collect()
}
