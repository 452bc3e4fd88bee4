//! Types that hold themselves.

use std::collections::HashSet;

use super::Types;
use crate::model::{Kind, Type, TypeId};

impl Types<'_> {
    /// Puts into boxes what would have no end, and makes structs of aliases that would.
    pub(crate) fn settle_recursion(&mut self) {
        for at in 0..self.definitions.len() {
            let id = TypeId(at);
            if matches!(self.definitions[at].kind, Kind::Alias(_))
                && self.reaches(id, id, &|kind, _| matches!(kind, Kind::Alias(_)))
            {
                let Kind::Alias(ty) = std::mem::replace(&mut self.definitions[at].kind, Kind::Alias(Type::Any)) else {
                    continue;
                };
                self.definitions[at].kind = Kind::Newtype(ty, Vec::new());
            }
        }
        for at in 0..self.definitions.len() {
            let id = TypeId(at);
            let held: HashSet<TypeId> = self.neighbours(id, &|_, held| held).into_iter().collect();
            let endless: HashSet<TypeId> =
                held.into_iter().filter(|inner| *inner == id || self.reaches(*inner, id, &|_, held| held)).collect();
            let same: Vec<TypeId> = (0..self.definitions.len()).map(|at| self.first(TypeId(at))).collect();
            let first = |id: TypeId| same[id.0];
            // An alias is where it is used, and is looked at there.
            if !matches!(self.definitions[at].kind, Kind::Alias(_)) {
                for ty in self.definitions[at].kind.types_mut() {
                    ty.break_cycles(&|inner| endless.contains(&first(inner)));
                }
            }
        }
    }

    /// Whether `to` is somewhere in `from`, along steps that `counts` takes: from a definition of a kind to a type that is
    /// held in it or is not.
    fn reaches(&self, from: TypeId, to: TypeId, counts: &impl Fn(&Kind, bool) -> bool) -> bool {
        let (mut seen, mut next) = (HashSet::new(), vec![from]);
        while let Some(id) = next.pop() {
            for inner in self.neighbours(id, counts) {
                if inner == to {
                    return true;
                }
                if seen.insert(inner) {
                    next.push(inner);
                }
            }
        }
        false
    }

    fn neighbours(&self, id: TypeId, counts: &impl Fn(&Kind, bool) -> bool) -> Vec<TypeId> {
        let kind = &self.definitions[id.0].kind;
        let mut found = Vec::new();
        for ty in kind.types() {
            ty.named(true, &mut |inner, held| {
                if counts(kind, held) {
                    found.push(self.first(inner));
                }
            });
        }
        found
    }
}
