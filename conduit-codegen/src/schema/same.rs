//! Types that conduit tells twice: as they are read, and as they are written.

use super::Types;
use crate::model::{Body, Field, Kind, Presence, Type, TypeId, Variant};

impl Types<'_> {
    /// Makes one of two definitions that have the same name but for a number at its end, and the same content.
    ///
    /// A member that may be null is not required where it is read, and is where it is written. Such a member is written
    /// as null here, which is right for both.
    pub(crate) fn unify(&mut self) {
        for at in 0..self.definitions.len() {
            let twin = (0..at).find(|first| self.are_same(TypeId(*first), TypeId(at), &mut Vec::new()));
            if let Some(first) = twin {
                let kind = std::mem::replace(&mut self.definitions[at].kind, Kind::Same(TypeId(first)));
                self.definitions[first].kind.require(&kind);
            }
        }
    }

    fn are_same(&self, a: TypeId, b: TypeId, assumed: &mut Vec<(TypeId, TypeId)>) -> bool {
        let (a, b) = (self.first(a), self.first(b));
        if a == b || assumed.contains(&(a, b)) {
            return true;
        }
        assumed.push((a, b));
        let (one, other) = (&self.definitions[a.0], &self.definitions[b.0]);
        if one.module != other.module || one.alike != other.alike {
            return false;
        }
        match (&one.kind, &other.kind) {
            (Kind::Struct(one), Kind::Struct(other)) => {
                one.closed == other.closed && self.same_fields(&one.named, &other.named, assumed)
            }
            (Kind::Enum { tag, variants }, Kind::Enum { tag: other_tag, variants: other_variants }) => {
                tag == other_tag
                    && variants.len() == other_variants.len()
                    && variants.iter().zip(other_variants).all(|(one, other)| self.same_variant(one, other, assumed))
            }
            (Kind::Alias(one), Kind::Alias(other)) => *one != Type::Any && self.same_type(one, other, assumed),
            _ => false,
        }
    }

    /// What a definition was found to be the same as.
    pub(super) fn first(&self, id: TypeId) -> TypeId {
        match self.definitions[id.0].kind {
            Kind::Same(first) => first,
            _ => id,
        }
    }

    fn same_fields(&self, some: &[Field], others: &[Field], assumed: &mut Vec<(TypeId, TypeId)>) -> bool {
        some.len() == others.len()
            && some.iter().zip(others).all(|(one, other)| {
                let presence = one.presence == other.presence || (can_be_null(one) && can_be_null(other));
                one.wire == other.wire && presence && self.same_type(&one.ty, &other.ty, assumed)
            })
    }

    fn same_variant(&self, one: &Variant, other: &Variant, assumed: &mut Vec<(TypeId, TypeId)>) -> bool {
        one.wire == other.wire
            && match (&one.body, &other.body) {
                (Body::Unit, Body::Unit) => true,
                (Body::Of(one), Body::Of(other)) => self.same_type(one, other, assumed),
                (Body::Fields(some), Body::Fields(others)) => self.same_fields(some, others, assumed),
                _ => false,
            }
    }

    fn same_type(&self, one: &Type, other: &Type, assumed: &mut Vec<(TypeId, TypeId)>) -> bool {
        match (one, other) {
            (Type::Named(one), Type::Named(other)) => self.are_same(*one, *other, assumed),
            (Type::Map(one), Type::Map(other))
            | (Type::List(one), Type::List(other))
            | (Type::Option(one), Type::Option(other)) => self.same_type(one, other, assumed),
            (Type::Array(one, length), Type::Array(other, other_length)) => {
                length == other_length && self.same_type(one, other, assumed)
            }
            (Type::Tuple(some), Type::Tuple(others)) => {
                some.len() == others.len()
                    && some.iter().zip(others).all(|(one, other)| self.same_type(one, other, assumed))
            }
            (one, other) => one == other,
        }
    }
}

/// A name without the number that told it from another of its name.
pub(crate) fn bare(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit())
}

/// Whether null says what leaving it out says.
fn can_be_null(field: &Field) -> bool {
    field.nullable && matches!(field.ty, Type::Option(_))
}

impl Kind {
    /// Requires what `other` requires.
    fn require(&mut self, other: &Self) {
        fn each(some: &mut [Field], others: &[Field]) {
            for (one, other) in some.iter_mut().zip(others) {
                if other.presence == Presence::Required {
                    one.presence = Presence::Required;
                }
            }
        }
        match (self, other) {
            (Self::Struct(one), Self::Struct(other)) => each(&mut one.named, &other.named),
            (Self::Enum { variants, .. }, Self::Enum { variants: others, .. }) => {
                for (one, other) in variants.iter_mut().zip(others) {
                    if let (Body::Fields(some), Body::Fields(others)) = (&mut one.body, &other.body) {
                        each(some, others);
                    }
                }
            }
            _ => {}
        }
    }
}
