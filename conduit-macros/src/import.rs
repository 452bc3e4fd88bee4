//! `import!("api.json")`: conduit-codegen at compile time.

use std::path::{Path as FilePath, PathBuf};

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    LitStr, Path, Token,
    parse::{Parse, ParseStream},
    parse_quote,
};

use crate::errors::Errors;

/// `"api.json"`, or `"api.json", crate = path`
struct Import {
    path: LitStr,
    krate: Path,
}

impl Parse for Import {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if !input.peek(LitStr) {
            let message = "expected the path of an OpenRPC document: write `conduit::import!(\"api.json\")`";
            return Err(syn::Error::new(input.span(), message));
        }
        let path = input.parse()?;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        let krate = if input.is_empty() { parse_quote!(::conduit) } else { krate(input)? };
        Ok(Self { path, krate })
    }
}

fn krate(input: ParseStream) -> syn::Result<Path> {
    if !input.peek(Token![crate]) {
        return Err(input.error("there is one option: write `crate = path::to::conduit`, or nothing"));
    }
    input.parse::<Token![crate]>()?;
    input.parse::<Token![=]>()?;
    let path = Path::parse_mod_style(input)?;
    if path.leading_colon.is_none() && path.segments.first().is_none_or(|first| first.ident != "crate") {
        let message =
            "what is made stands in modules, so the path has to be absolute: write `crate::path::to::conduit`";
        return Err(syn::Error::new_spanned(path, message));
    }
    input.parse::<Option<Token![,]>>()?;
    Ok(path)
}

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let items = errors
        .keep(syn::parse2::<Import>(input))
        .and_then(|import| items(&import).map_err(|message| errors.on(&import.path, message)).ok());
    items.unwrap_or_else(|| errors.into_token_stream())
}

fn items(Import { path, krate }: &Import) -> Result<TokenStream, String> {
    let given = path.value();
    let file = folder().join(&given);
    let document = std::fs::read_to_string(&file).map_err(|error| {
        format!("`{given}` can't be read: {error}; the path is relative to the folder of the crate's Cargo.toml")
    })?;
    let items = conduit_codegen::tokens(&document, krate).map_err(|error| format!("`{given}`: {error}"))?;
    let watched = watched(&file);
    Ok(quote!(#watched #items))
}

fn folder() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

/// The compiler looks at a file that the program includes, and expands anew when it has changed.
fn watched(file: &FilePath) -> Option<TokenStream> {
    let file = std::path::absolute(file).ok()?;
    let file = file.to_str()?;
    Some(quote!(
        const _: &[u8] = ::core::include_bytes!(#file);
    ))
}
