//! What a type says of itself before anything is resolved: does it borrow, and what would own the same.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Expr, GenericArgument, Lifetime, Path, PathArguments, QSelf, Type, TypePath, TypeReference, parse_quote,
    visit::Visit,
    visit_mut::{self, VisitMut},
};

/// The type inside parentheses and the invisible groups of `macro_rules!`.
pub(crate) fn plain(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => plain(&group.elem),
        Type::Paren(paren) => plain(&paren.elem),
        other => other,
    }
}

/// Whether the last segment of a path is `name`, with whatever arguments.
pub(crate) fn is_named(ty: &Type, name: &str) -> bool {
    matches!(plain(ty), Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name))
}

/// Whether there is a reference in it, or a lifetime other than `'static`.
pub(crate) fn borrows(ty: &Type) -> bool {
    struct Search(bool);
    impl Visit<'_> for Search {
        fn visit_type_reference(&mut self, _: &TypeReference) {
            self.0 = true;
        }
        fn visit_lifetime(&mut self, lifetime: &Lifetime) {
            self.0 |= lifetime.ident != "static";
        }
    }
    let mut search = Search(false);
    search.visit_type(ty);
    search.0
}

/// Whether there is an `impl Trait` in it.
pub(crate) fn has_impl_trait(ty: &Type) -> bool {
    struct Search(bool);
    impl Visit<'_> for Search {
        fn visit_type_impl_trait(&mut self, _: &syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut search = Search(false);
    search.visit_type(ty);
    search.0
}

/// The type that owns what `ty` borrows: `Option<&str>` -> `Option<String>`; `None` when there is no telling.
pub(crate) fn owned(ty: &Type) -> Option<Type> {
    struct Own;
    impl VisitMut for Own {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if let Type::Reference(reference) = ty {
                *ty = owner(&reference.elem);
            } else if is_named(ty, "Cow")
                && let Some(inner) = last_type_argument(ty)
            {
                *ty = owner(inner);
            }
            visit_mut::visit_type_mut(self, ty);
        }
    }
    let mut ty = ty.clone();
    Own.visit_type_mut(&mut ty);
    (!borrows(&ty)).then_some(ty)
}

fn owner(borrowed: &Type) -> Type {
    match plain(borrowed) {
        Type::Slice(slice) => {
            let elem = &slice.elem;
            parse_quote!(Vec<#elem>)
        }
        other if is_named(other, "str") => parse_quote!(String),
        other => other.clone(),
    }
}

fn last_type_argument(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = plain(ty) else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    arguments.args.iter().rev().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// The first of two or more type arguments: `T` of `Result<T, E>`, and `E`.
pub(crate) fn two_arguments(ty: &Type) -> Option<(&Type, &Type)> {
    let Type::Path(path) = plain(ty) else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    match (arguments.args.first()?, arguments.args.get(1)?) {
        (GenericArgument::Type(first), GenericArgument::Type(second)) => Some((first, second)),
        _ => None,
    }
}

/// Writes the type of the `impl` block for `Self`.
pub(crate) struct ReplaceSelf<'a>(pub(crate) &'a Type);

impl ReplaceSelf<'_> {
    /// `Self::Item` -> `<Chat>::Item`
    fn qualify(&self, qself: &mut Option<QSelf>, path: &mut Path) {
        if qself.is_some() || path.segments.first().is_none_or(|first| first.ident != "Self") {
            return;
        }
        let (ty, rest) = (self.0, path.segments.iter().skip(1));
        let qualified: TypePath = parse_quote!(<#ty> #(:: #rest)*);
        *qself = qualified.qself;
        *path = qualified.path;
    }
}

impl VisitMut for ReplaceSelf<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        match ty {
            Type::Path(path) if path.qself.is_none() && path.path.is_ident("Self") => *ty = self.0.clone(),
            Type::Path(path) => {
                self.qualify(&mut path.qself, &mut path.path);
                visit_mut::visit_type_path_mut(self, path);
            }
            other => visit_mut::visit_type_mut(self, other),
        }
    }

    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if let Expr::Path(path) = expr {
            self.qualify(&mut path.qself, &mut path.path);
        }
        visit_mut::visit_expr_mut(self, expr);
    }
}

/// Tokens as one would write them: `Option<&Db>`, not `Option < & Db >`.
pub(crate) fn text(tokens: impl ToTokens) -> String {
    let tokens: TokenStream = tokens.into_token_stream();
    let spaced: Vec<char> = tokens.to_string().chars().collect();
    let word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '\'' | '"'));
    let mut text = String::new();
    for (at, &c) in spaced.iter().enumerate() {
        let (before, after) = (at.checked_sub(1).and_then(|at| spaced.get(at)), spaced.get(at + 1));
        let (before_that, path) = (at.checked_sub(2).and_then(|at| spaced.get(at)), Some(&':'));
        let typed = before == path && before_that != path;
        let listed = typed || matches!(before, Some(',' | ';' | '+' | '=')) || matches!(after, Some('+' | '='));
        if c != ' ' || listed || (word(before) && word(after)) {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_of_borrowing_types() {
        for (borrowed, owner) in [
            ("&str", "String"),
            ("&[u8]", "Vec<u8>"),
            ("Option<&str>", "Option<String>"),
            ("Vec<&Db>", "Vec<Db>"),
            ("Cow<'_, str>", "String"),
            ("HashMap<&str, Cow<'a, [i64]>>", "HashMap<String, Vec<i64>>"),
        ] {
            let ty = syn::parse_str(borrowed).unwrap();
            assert!(borrows(&ty), "{borrowed}");
            assert_eq!(owned(&ty).map(text).as_deref(), Some(owner), "{borrowed}");
        }
        assert!(owned(&parse_quote!(Guard<'_>)).is_none());
        assert!(!borrows(&parse_quote!(Cow<'static, str>)));
    }

    #[test]
    fn self_is_written_out() {
        let mut ty: Type = parse_quote!(Map<Self, Self::Key>);
        ReplaceSelf(&parse_quote!(Chat)).visit_type_mut(&mut ty);
        assert_eq!(text(ty), "Map<Chat, <Chat>::Key>");
    }
}
