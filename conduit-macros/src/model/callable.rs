//! A signature by conduit's rules; an event's handler has one just as a method has.

use syn::{Expr, FnArg, ReturnType, Safety, Signature, Type};

use super::{
    hook::Moment,
    param::{Argument, Param},
    types::{self, borrows, has_impl_trait, is_named, plain, text},
};
use crate::errors::Errors;

/// What a function takes and returns.
pub(crate) struct Callable {
    pub(crate) role: Role,
    pub(crate) is_async: bool,
    pub(crate) params: Vec<Param>,
    pub(crate) output: Output,
}

/// What a function is to the peer.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Role {
    /// It is called, with arguments.
    Method,
    /// It handles events, with their payload.
    Handler,
    /// The server calls it, at a moment of its own.
    Hook(Moment),
}

/// What a function returns.
pub(crate) enum Output {
    Unit,
    /// The result; the function can't fail.
    Plain(Type),
    /// A type called `Result`.
    Fallible(Type),
}

impl Role {
    /// The function, in messages.
    fn noun(self) -> &'static str {
        match self {
            Self::Method => "a method",
            Self::Handler => "a handler",
            Self::Hook(_) => "a hook",
        }
    }

    /// What the peer gives it, in messages.
    pub(super) fn given(self) -> &'static str {
        match self {
            Self::Method => "an argument",
            Self::Handler => "a payload",
            Self::Hook(_) => "what is given to a hook",
        }
    }

    /// Why it can't be generic, in messages.
    fn is_one(self) -> &'static str {
        match self {
            Self::Method | Self::Handler => "has one schema",
            Self::Hook(_) => "is called by the server alone",
        }
    }
}

impl Callable {
    pub(crate) fn read(signature: &Signature, role: Role, errors: &mut Errors) -> Self {
        refuse_signature(signature, role, errors);
        let params = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(param) => Some(Param::read(param, role, errors)),
            FnArg::Receiver(receiver) => {
                errors.on(
                    receiver,
                    match role {
                        Role::Method | Role::Handler => {
                            "a function with `self` is a method of a service: put `#[rpc]` on its `impl` block"
                        }
                        Role::Hook(_) => "a hook is a function of its own: borrow what it needs by `&T`, as state",
                    },
                );
                None
            }
        });
        let params = params.collect();
        let output = Output::read(&signature.output, role, errors);
        Self { role, is_async: signature.asyncness.is_some(), params, output }
    }

    pub(crate) fn arguments(&self) -> impl Iterator<Item = &Argument> {
        self.params.iter().filter_map(|param| match param {
            Param::Argument(argument) => Some(&**argument),
            Param::Borrow(_) => None,
        })
    }

    pub(super) fn defaults_mut(&mut self) -> impl Iterator<Item = &mut Expr> {
        self.params.iter_mut().filter_map(|param| match param {
            Param::Argument(argument) => argument.default.as_mut(),
            Param::Borrow(_) => None,
        })
    }

    pub(crate) fn borrows(&self) -> impl Iterator<Item = &Type> {
        self.params.iter().filter_map(|param| match param {
            Param::Argument(_) => None,
            Param::Borrow(ty) => Some(&**ty),
        })
    }
}

impl Output {
    fn read(output: &ReturnType, role: Role, errors: &mut Errors) -> Self {
        let ReturnType::Type(_, ty) = output else { return Self::Unit };
        if matches!(role, Role::Hook(_)) {
            return Self::Plain((**ty).clone());
        }
        let name = text(ty);
        if has_impl_trait(ty) {
            let advice = if name.contains("Future") { "write `async fn` and name" } else { "name" };
            errors
                .on(ty, format_args!("the result has one type and one schema: {advice} the type instead of `{name}`"));
            return Self::Unit;
        }
        if borrows(ty) && !is_static(ty) {
            let instead =
                types::owned(ty).map_or_else(|| "a type without lifetimes".to_owned(), |ty| format!("`{}`", text(ty)));
            errors.on(
                ty,
                format_args!(
                    "the result outlives the call, so it has to be owned: return {instead} instead of `{name}`"
                ),
            );
            return Self::Unit;
        }
        if is_named(ty, "Result") { Self::Fallible((**ty).clone()) } else { Self::Plain((**ty).clone()) }
    }
}

/// `&'static str` and the like.
fn is_static(ty: &Type) -> bool {
    matches!(plain(ty), Type::Reference(reference)
        if reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static") && !borrows(&reference.elem))
}

fn refuse_signature(signature: &Signature, role: Role, errors: &mut Errors) {
    let (noun, is_one) = (role.noun(), role.is_one());
    if !signature.generics.params.is_empty() {
        let params = &signature.generics.params;
        errors.on(
            params,
            format_args!("{noun} {is_one}, so it can't be generic: name the types instead of `<{}>`", text(params)),
        );
    }
    if let Some(clause) = &signature.generics.where_clause {
        errors.on(clause, format_args!("{noun} {is_one}, so it can't be generic: drop the `where` clause"));
    }
    if let Some(token) = &signature.constness {
        errors.on(
            token,
            format_args!("{noun} is called at run time: drop `const`, or call this function from one without it"),
        );
    }
    if let Safety::Unsafe(token) = &signature.safety {
        let caller = if matches!(role, Role::Hook(_)) { "the server calls" } else { "anybody can call" };
        errors.on(
            token,
            format_args!(
                "{caller} {noun} with anything, so it can't be `unsafe`: check the arguments inside and drop it"
            ),
        );
    }
    if let Some(abi) = &signature.abi {
        errors.on(abi, format_args!("{noun} is a Rust function: drop `extern`"));
    }
    if let Some(variadic) = &signature.variadic {
        errors.on(variadic, format_args!("{noun} has a fixed list of arguments: take a `Vec<T>` instead of `...`"));
    }
}
