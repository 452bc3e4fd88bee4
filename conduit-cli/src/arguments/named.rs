//! Arguments by name, put together to JSON.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::schema::Schema;

/// A word such as `name=value`, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'w> {
    pub(super) name: &'w str,
    /// Whether the value is JSON whatever the schema says, as in `name:=json`.
    pub(super) is_json: bool,
    pub(super) value: &'w str,
}

impl<'w> Word<'w> {
    /// `None` for a word that has no name.
    pub(super) fn read(word: &'w str, params: Schema<'_>) -> Option<Self> {
        // Some names hold the sign themselves.
        let odd = params.names().filter(|name| name.contains('=') && word.starts_with(name.as_str()));
        let known = odd.filter_map(|name| Self::at(word, name.len())).max_by_key(|word| word.name.len());
        let name = || word.find('=').map(|end| if word[..end].ends_with(':') { end - 1 } else { end });
        known.or_else(|| Self::at(word, name()?)).filter(|word| !word.name.is_empty())
    }

    /// With a name that ends there.
    fn at(word: &'w str, end: usize) -> Option<Self> {
        let (name, rest) = word.split_at(end);
        match rest.strip_prefix(":=") {
            Some(value) => Some(Self { name, is_json: true, value }),
            None => rest.strip_prefix('=').map(|value| Self { name, is_json: false, value }),
        }
    }
}

/// What a name stands for: an argument, or a member of one, as in `address.city`.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) path: Vec<String>,
    /// What the value should be, if that is known.
    pub(super) schema: Option<Schema<'a>>,
}

impl<'a> Target<'a> {
    pub(super) fn of(name: &str, params: Schema<'a>) -> Self {
        // A name may hold dots itself.
        if let Some(schema) = params.property(name) {
            return Self { path: vec![name.to_owned()], schema: Some(schema) };
        }
        let dots = name.rmatch_indices('.').map(|(at, _)| (&name[..at], &name[at + 1..]));
        let member = dots.filter(|(_, member)| !member.is_empty()).find_map(|(object, member)| {
            let schema = params.property(object).filter(|schema| schema.kinds().takes_objects())?;
            let Self { mut path, schema } = Self::within(member, schema);
            path.insert(0, object.to_owned());
            Some(Self { path, schema })
        });
        member.unwrap_or_else(|| Self { path: vec![name.to_owned()], schema: params.other_members() })
    }

    /// A member of an argument. Where the schema does not tell of it, each dot leads to a member.
    fn within(name: &str, object: Schema<'a>) -> Self {
        let target = Self::of(name, object);
        let is_told = target.schema.is_some() || target.path.len() > 1;
        if is_told || name.split('.').any(str::is_empty) {
            return target;
        }
        Self { path: name.split('.').map(str::to_owned).collect(), schema: None }
    }

    /// As a JSON pointer.
    pub(super) fn pointer(&self) -> String {
        self.path.iter().map(|segment| format!("/{}", segment.replace('~', "~0").replace('/', "~1"))).collect()
    }
}

/// Values by the names that they were given with.
#[derive(Debug, Default)]
pub(super) struct Named(Vec<(String, Node)>);

#[derive(Debug)]
enum Node {
    Value(Box<RawValue>),
    Members(Named),
    Items(Vec<Box<RawValue>>),
}

/// There is a value already.
#[derive(Debug)]
pub(super) struct Taken;

impl Named {
    /// Puts a value to its place.
    pub(super) fn put(&mut self, path: &[String], value: Box<RawValue>) -> Result<(), Taken> {
        match path {
            [] => Err(Taken),
            [name] => match self.find(name) {
                Some(_) => Err(Taken),
                None => {
                    self.0.push((name.clone(), Node::Value(value)));
                    Ok(())
                }
            },
            [name, rest @ ..] => match self.find_or(name, || Node::Members(Self::default())) {
                Node::Members(members) => members.put(rest, value),
                Node::Value(_) | Node::Items(_) => Err(Taken),
            },
        }
    }

    /// Puts an item at the end of a list; its place in it.
    pub(super) fn push(&mut self, path: &[String], item: Box<RawValue>) -> Result<usize, Taken> {
        match path {
            [] => Err(Taken),
            [name] => match self.find_or(name, || Node::Items(Vec::new())) {
                Node::Items(items) => {
                    items.push(item);
                    Ok(items.len() - 1)
                }
                Node::Value(_) | Node::Members(_) => Err(Taken),
            },
            [name, rest @ ..] => match self.find_or(name, || Node::Members(Self::default())) {
                Node::Members(members) => members.push(rest, item),
                Node::Value(_) | Node::Items(_) => Err(Taken),
            },
        }
    }

    fn find(&mut self, name: &str) -> Option<&mut Node> {
        self.0.iter_mut().find(|(there, _)| there == name).map(|(_, node)| node)
    }

    fn find_or(&mut self, name: &str, node: impl FnOnce() -> Node) -> &mut Node {
        let at = self.0.iter().position(|(there, _)| there == name).unwrap_or_else(|| {
            self.0.push((name.to_owned(), node()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, node)| (name, node)))
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(json) => json.serialize(serializer),
            Self::Members(members) => members.serialize(serializer),
            Self::Items(items) => items.serialize(serializer),
        }
    }
}
