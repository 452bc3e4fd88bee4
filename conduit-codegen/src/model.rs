//! What is made of a document, between reading it and writing Rust.

use crate::modules::ModuleId;

/// A type without a definition, or the name of one that has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    /// Any JSON value.
    Any,
    /// `null`.
    Unit,
    Bool,
    /// `u8` and its like.
    Integer(&'static str),
    /// `f32` or `f64`.
    Float(&'static str),
    String,
    /// An object of which nothing is known.
    Object,
    /// An object with names of its own and values of one type.
    Map(Box<Type>),
    List(Box<Type>),
    Array(Box<Type>, usize),
    Tuple(Vec<Type>),
    Option(Box<Type>),
    /// Where a type would hold itself.
    Boxed(Box<Type>),
    Named(TypeId),
}

impl Type {
    /// The type, or nothing. Nothing of nothing is nothing.
    pub(crate) fn optional(self) -> Self {
        match self {
            Self::Option(_) | Self::Any | Self::Unit => self,
            other => Self::Option(Box::new(other)),
        }
    }

    /// Calls `visit` with each type that is named in it. `held` says whether a value of it lies in one of this, and not
    /// elsewhere on the heap.
    pub(crate) fn named(&self, held: bool, visit: &mut impl FnMut(TypeId, bool)) {
        match self {
            Self::Named(id) => visit(*id, held),
            Self::Map(inner) | Self::List(inner) | Self::Boxed(inner) => inner.named(false, visit),
            Self::Array(inner, _) | Self::Option(inner) => inner.named(held, visit),
            Self::Tuple(members) => members.iter().for_each(|member| member.named(held, visit)),
            _ => {}
        }
    }

    /// Puts each type that `is_endless` and is held in this one into a box.
    pub(crate) fn break_cycles(&mut self, is_endless: &impl Fn(TypeId) -> bool) {
        match self {
            Self::Named(id) if is_endless(*id) => *self = Self::Boxed(Box::new(self.clone())),
            Self::Array(inner, _) | Self::Option(inner) => inner.break_cycles(is_endless),
            Self::Tuple(members) => members.iter_mut().for_each(|member| member.break_cycles(is_endless)),
            _ => {}
        }
    }
}

/// A definition among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TypeId(pub(crate) usize);

#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) module: ModuleId,
    pub(crate) name: String,
    /// What it is called where it may be the same as another.
    pub(crate) alike: String,
    pub(crate) docs: String,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// Nothing of its own: this one stands for it.
    Same(TypeId),
    Alias(Type),
    /// A struct around one value, which is all that travels.
    Newtype(Type, Vec<Rule>),
    Struct(Fields),
    Enum {
        tag: Tag,
        variants: Vec<Variant>,
    },
}

/// The members of an object.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    pub(crate) named: Vec<Field>,
    /// No other members are taken.
    pub(crate) closed: bool,
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// Its name on the wire.
    pub(crate) wire: String,
    pub(crate) ty: Type,
    pub(crate) presence: Presence,
    /// Whether it may be null as well as left out.
    pub(crate) nullable: bool,
    pub(crate) docs: String,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    /// An `Option`, left out if it is `None`.
    Optional,
    /// Its members are members of the object.
    Flat,
}

/// How the variants of an enum are told apart.
#[derive(Debug, PartialEq)]
pub(crate) enum Tag {
    /// By the only member's name, or by a string.
    Outside,
    /// By the string in this member.
    Inside(String),
    /// By what fits.
    Nowhere,
}

#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) wire: String,
    pub(crate) docs: String,
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    Unit,
    Of(Type),
    Fields(Vec<Field>),
}

/// What a schema asks of a value beyond its type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pub(crate) keyword: String,
    pub(crate) value: serde_json::Value,
}

impl Kind {
    /// The types in it that hold others.
    pub(crate) fn types(&self) -> Vec<&Type> {
        fn of_field(field: &Field) -> &Type {
            &field.ty
        }
        match self {
            Self::Same(_) => Vec::new(),
            Self::Alias(ty) | Self::Newtype(ty, _) => vec![ty],
            Self::Struct(fields) => fields.named.iter().map(of_field).collect(),
            Self::Enum { variants, .. } => variants
                .iter()
                .flat_map(|variant| match &variant.body {
                    Body::Unit => Vec::new(),
                    Body::Of(ty) => vec![ty],
                    Body::Fields(fields) => fields.iter().map(of_field).collect(),
                })
                .collect(),
        }
    }

    pub(crate) fn types_mut(&mut self) -> Vec<&mut Type> {
        fn of_field(field: &mut Field) -> &mut Type {
            &mut field.ty
        }
        match self {
            Self::Same(_) => Vec::new(),
            Self::Alias(ty) | Self::Newtype(ty, _) => vec![ty],
            Self::Struct(fields) => fields.named.iter_mut().map(of_field).collect(),
            Self::Enum { variants, .. } => variants
                .iter_mut()
                .flat_map(|variant| match &mut variant.body {
                    Body::Unit => Vec::new(),
                    Body::Of(ty) => vec![ty],
                    Body::Fields(fields) => fields.iter_mut().map(of_field).collect(),
                })
                .collect(),
        }
    }
}
