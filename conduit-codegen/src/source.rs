//! The items as the text of a file.

use proc_macro2::TokenStream;

use crate::api::Api;

/// Formatted, with what it is said on top, and a line between items.
pub(crate) fn file(api: &Api, items: TokenStream) -> String {
    let file = syn::parse2(items).expect("what is emitted is Rust");
    let head = format!(
        "//! {}: typed calls for conduit's client, made from its OpenRPC document.\n\
         #![allow(dead_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, rustdoc::all)]\n\n",
        api.title
    );
    head + &spaced(&prettyplease::unparse(&file))
}

/// prettyplease leaves no lines between items.
fn spaced(text: &str) -> String {
    let mut spaced = String::new();
    let mut above = "";
    for line in text.lines() {
        let (indent, indent_above) = (indent(line), indent(above));
        let ends = above.ends_with([';', '}']) && !above.trim_start().starts_with("//");
        let starts = ["///", "#[", "pub ", "impl "].iter().any(|start| line.trim_start().starts_with(start));
        if ends && starts && indent == indent_above {
            spaced.push('\n');
        }
        spaced.push_str(line);
        spaced.push('\n');
        above = line;
    }
    spaced
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}
