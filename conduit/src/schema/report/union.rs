//! Which branch of an `anyOf` or `oneOf` was meant.
//!
//! Nobody who misspells a field wants to read that the value matches none of five schemas. Rust's enums, as
//! serde writes them, tell by themselves which variant is meant: by the JSON type (`Option`, many untagged
//! enums), by a tag (internally and adjacently tagged), by the only key (externally tagged). Only where none of
//! these speaks, all branches are tried, and the one with the fewest faults at its own level is taken for the
//! one meant, if there is one such.

use serde_json::{Map, Value};

use super::{
    branch::Branches,
    explain::Explainer,
    found::Found,
    path::Path,
    wording::{any_of, listed, named, shown, unknown_variant},
};

impl<'s> Explainer<'s> {
    /// Adds what is wrong with a value that ought to be valid under one of `branches`.
    pub(crate) fn union(&mut self, keyword: &str, branches: &'s [Value], value: &Value, at: &Path<'_>) {
        let look = self.branches;
        let candidates: Vec<&Value> = branches.iter().filter(|branch| look.admits(branch, value)).collect();
        match (candidates.as_slice(), value) {
            ([], _) => self
                .found
                .add(at, "type", || format!("expected {}, got {}", any_of(&look.types_of(branches)), shown(value))),
            (several, Value::String(name)) if several.iter().all(|branch| look.names(branch).is_some()) => {
                self.by_name(branches, several, name, value, at);
            }
            ([only], _) => self.check(only, value, at),
            (several, Value::Object(members)) => {
                if let Some(tag) = look.tag(several) {
                    self.by_tag(tag, several, value, members, at);
                } else if let Some(keys) = Branches::keys(several) {
                    self.by_key(keyword, branches, several, &keys, value, members, at);
                } else {
                    self.by_trial(keyword, several, value, at);
                }
            }
            (several, _) => self.by_trial(keyword, several, value, at),
        }
    }

    /// A variant given by its name alone.
    fn by_name(&mut self, all: &'s [Value], several: &[&'s Value], name: &str, value: &Value, at: &Path<'_>) {
        let look = self.branches;
        let names: Vec<&str> = several.iter().filter_map(|branch| look.names(branch)).flatten().collect();
        if names.contains(&name) {
            return;
        }
        let objects: Vec<&Value> = all.iter().filter(|branch| !several.contains(branch)).collect();
        let keys = Branches::keys(&objects).unwrap_or_default();
        self.found.add(at, "enum", || {
            if keys.contains(&name) {
                return format!("variant {} takes a value: {{{}: ..}}", named(name), shown(value));
            }
            unknown_variant(name, names.iter().chain(&keys).copied())
        });
    }

    /// Internally and adjacently tagged enums.
    fn by_tag(
        &mut self,
        tag: &'s str,
        several: &[&'s Value],
        value: &Value,
        members: &Map<String, Value>,
        at: &Path<'_>,
    ) {
        let look = self.branches;
        let place = at.key(tag);
        let names: Vec<(&str, &Value)> = several
            .iter()
            .flat_map(|branch| look.tag_names(branch, tag).into_iter().map(|name| (name, *branch)))
            .collect();
        let known = names.iter().map(|(name, _)| *name);
        match members.get(tag) {
            None => self.found.add(&place, "required", || match listed(known) {
                Some(list) => format!("missing field `{tag}`, one of {list}"),
                None => format!("missing field `{tag}`"),
            }),
            Some(Value::String(name)) => match names.iter().find(|(known, _)| known == name) {
                Some((_, branch)) => self.check(branch, value, at),
                None => self.found.add(&place, "enum", || unknown_variant(name, known)),
            },
            Some(other) => self.found.add(&place, "type", || format!("expected a string, got {}", shown(other))),
        }
    }

    /// Externally tagged enums, and structs that are told from one another by their only field.
    #[expect(clippy::too_many_arguments, reason = "one step of `union`, with what it knows")]
    fn by_key(
        &mut self,
        keyword: &str,
        all: &'s [Value],
        several: &[&'s Value],
        keys: &[&'s str],
        value: &Value,
        members: &Map<String, Value>,
        at: &Path<'_>,
    ) {
        let look = self.branches;
        let present = |(key, _): &(&&str, &&Value)| members.contains_key(**key);
        let meant: Vec<&Value> = keys.iter().zip(several).filter(present).map(|(_, branch)| *branch).collect();
        match (meant.as_slice(), members.keys().next()) {
            ([only], _) => self.check(only, value, at),
            ([], Some(name)) if members.len() == 1 => {
                let units: Vec<&str> = all.iter().filter_map(|branch| look.names(branch)).flatten().collect();
                self.found.add(&at.key(name), "enum", || {
                    if units.contains(&name.as_str()) {
                        return format!(
                            "variant {} takes no value: give the string {}",
                            named(name),
                            Value::from(&**name)
                        );
                    }
                    unknown_variant(name, keys.iter().chain(&units).copied())
                });
            }
            ([], _) => self.found.add(at, "required", || match listed(keys.iter().copied()) {
                Some(list) => format!("expected one of the fields {list}"),
                None => "no known variant is given".into(),
            }),
            (several, _) => {
                let attempts = several.iter().filter(|branch| self.attempt(branch, value, at).total == 0).count();
                if attempts != 1 && (attempts == 0 || keyword == "oneOf") {
                    let listed = listed(keys.iter().copied().filter(|key| members.contains_key(*key)));
                    self.found.add(at, "maxProperties", || {
                        format!(
                            "expected only one of the fields {}",
                            listed.unwrap_or_else(|| "that name variants".into())
                        )
                    });
                }
            }
        }
    }

    fn by_trial(&mut self, keyword: &str, several: &[&'s Value], value: &Value, at: &Path<'_>) {
        let look = self.branches;
        let mut attempts: Vec<Found> = several.iter().map(|branch| self.attempt(branch, value, at)).collect();
        match attempts.iter().filter(|found| found.total == 0).count() {
            0 => {}
            1 => return,
            _ if keyword == "anyOf" => return,
            _ => {
                return self.found.add(at, keyword, || {
                    format!("matches more than one of {}, which must exclude each other", look.shapes(several))
                });
            }
        }
        let rank =
            |(found, branch): (&Found, &&'s Value)| (!look.shares_a_field(branch, value), rank(found, at.depth()));
        let ranks: Vec<_> = attempts.iter().zip(several).map(rank).collect();
        let best = ranks.iter().min().copied().unwrap_or_default();
        let alone = ranks.iter().filter(|rank| **rank == best).count() == 1;
        // Where several fit all but for what is further in, they have that in common, and any of them tells it.
        if let (false, (shallow, _)) = best
            && (alone || shallow == 0)
            && let Some(place) = ranks.iter().position(|rank| *rank == best)
        {
            return self.found.append(attempts.swap_remove(place));
        }
        self.found.add(at, "type", || format!("expected {}, got {}", look.shapes(several), shown(value)));
    }
}

/// Fewer faults at the value itself first (another kind of thing), then fewer in all.
fn rank(found: &Found, depth: usize) -> (usize, usize) {
    let own =
        |keyword: &str| matches!(keyword, "required" | "additionalProperties" | "unevaluatedProperties" | "const");
    let shallow =
        found.problems.iter().filter(|it| it.depth == depth || it.depth == depth + 1 && own(&it.keyword)).count();
    (shallow, found.total)
}
