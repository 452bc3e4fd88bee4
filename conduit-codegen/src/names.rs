//! Rust names from names of any kind.

use std::collections::HashSet;

use heck::{ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span};
use unicode_ident::{is_xid_continue, is_xid_start};

/// Types of the language and of the prelude that generated code names.
const TAKEN: [&str; 21] = [
    "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
    "f32", "f64", "Box", "Option", "String", "Vec",
];

/// The names of one namespace, each given once.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    taken: HashSet<String>,
}

impl Scope {
    /// One where no name hides a type that generated code names.
    pub(crate) fn of_module() -> Self {
        Self { taken: TAKEN.iter().map(|&name| name.to_owned()).collect() }
    }

    pub(crate) fn reserve(&mut self, names: &[&str]) {
        self.taken.extend(names.iter().map(|&name| name.to_owned()));
    }

    pub(crate) fn is_free(&self, name: &str) -> bool {
        !self.taken.contains(name)
    }

    /// `name`, or the first of `name2`, `name3`, .. that is free.
    pub(crate) fn give(&mut self, name: &str) -> String {
        let is_type = name.starts_with(char::is_uppercase) || !name.chars().any(char::is_lowercase);
        let separator = if is_type && !name.ends_with(|c: char| c.is_ascii_digit()) { "" } else { "_" };
        let mut given = name.to_owned();
        for n in 2.. {
            if self.taken.insert(given.clone()) {
                break;
            }
            given = format!("{name}{separator}{n}");
        }
        given
    }
}

/// A name as that of a function, a module, a field or an argument.
pub(crate) fn snake(name: &str) -> String {
    start(words(name).to_snake_case(), "_", "unnamed")
}

/// A name as that of a type or a variant.
pub(crate) fn pascal(name: &str) -> String {
    start(words(name).to_upper_camel_case(), "N", "Unnamed")
}

/// The identifier: raw if it is a keyword.
pub(crate) fn ident(name: &str) -> Ident {
    // A keyword since edition 2024, which syn does not know.
    if name != "gen" && syn::parse_str::<Ident>(name).is_ok() {
        return Ident::new(name, Span::call_site());
    }
    match name {
        // These can't be raw.
        "self" | "Self" | "super" | "crate" => Ident::new(&format!("{name}_"), Span::call_site()),
        _ => Ident::new_raw(name, Span::call_site()),
    }
}

/// What can't be part of an identifier parts words.
fn words(name: &str) -> String {
    name.chars().map(|c| if is_xid_continue(c) { c } else { ' ' }).collect()
}

/// A name that can start an identifier.
fn start(name: String, prefix: &str, otherwise: &str) -> String {
    match name.chars().next() {
        None => otherwise.to_owned(),
        Some(first) if is_xid_start(first) => name,
        Some(_) => format!("{prefix}{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_kind_become_names_of_rust() {
        for (name, function, ty) in [
            ("user.create", "user_create", "UserCreate"),
            ("eth_getBalance", "eth_get_balance", "EthGetBalance"),
            ("HTTPServer", "http_server", "HttpServer"),
            ("2fa-code", "_2fa_code", "N2faCode"),
            ("größe", "größe", "Größe"),
            ("a b/c", "a_b_c", "ABC"),
            ("x²", "x", "X"),
            ("+", "unnamed", "Unnamed"),
            ("", "unnamed", "Unnamed"),
        ] {
            assert_eq!((snake(name).as_str(), pascal(name).as_str()), (function, ty), "{name}");
        }
    }

    #[test]
    fn keywords_are_raw_where_they_can_be() {
        let written = ["type", "self", "crate", "async", "gen", "a"].map(|name| ident(name).to_string());
        assert_eq!(written, ["r#type", "self_", "crate_", "r#async", "r#gen", "a"]);
    }

    #[test]
    fn a_name_is_given_once() {
        let mut scope = Scope::of_module();
        assert_eq!(["User", "User", "User"].map(|name| scope.give(name)), ["User", "User2", "User3"]);
        assert_eq!(["a", "a"].map(|name| scope.give(name)), ["a", "a_2"]);
        assert_eq!(["String", "str"].map(|name| scope.give(name)), ["String2", "str_2"]);
    }
}
