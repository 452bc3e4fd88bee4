//! Where in the params a problem lies.

use std::fmt::{self, Write};

/// A peer's key is repeated up to this many characters.
const MAX_KEY: usize = 100;

/// The way from the root to a value; displays as a JSON pointer (RFC 6901).
///
/// It is a list on the stack: nothing is allocated for places where nothing is wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Path<'a> {
    Root,
    /// The root of arguments sent by position, by their names: a first step by name displays as the index.
    Positional(&'a [&'a str]),
    /// The root of a payload that was sent as the only item of an array.
    Wrapped,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(crate) fn key(&'a self, key: &'a str) -> Self {
        Self::Key(self, key)
    }

    pub(crate) fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }

    /// How many steps it is from the root.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Root | Self::Positional(_) | Self::Wrapped => 0,
            Self::Key(parent, _) | Self::Index(parent, _) => parent.depth() + 1,
        }
    }

    /// The argument that this is, or is part of, when it was sent without its name.
    pub(crate) fn unnamed_argument(&self) -> Option<&'a str> {
        match *self {
            Self::Key(Self::Positional(_), key) => Some(key),
            Self::Key(parent, _) | Self::Index(parent, _) => parent.unnamed_argument(),
            Self::Root | Self::Positional(_) | Self::Wrapped => None,
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root | Self::Positional(_) => Ok(()),
            Self::Wrapped => f.write_str("/0"),
            Self::Index(parent, index) => write!(f, "{parent}/{index}"),
            Self::Key(parent, key) => {
                if let Self::Positional(names) = parent
                    && let Some(index) = names.iter().position(|name| name == key)
                {
                    return write!(f, "/{index}");
                }
                write!(f, "{parent}/")?;
                write_key(key, f)
            }
        }
    }
}

fn write_key(key: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (count, char) in key.chars().enumerate() {
        match char {
            _ if count == MAX_KEY => return f.write_str("..."),
            '~' => f.write_str("~0")?,
            '/' => f.write_str("~1")?,
            char => f.write_char(char)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_escaped_and_shortened() {
        assert_eq!(Path::Root.key("a/b~c").index(3).key("").to_string(), "/a~1b~0c/3/");
        assert_eq!(Path::Root.key(&"x".repeat(5000)).to_string(), format!("/{}...", "x".repeat(100)));
    }

    #[test]
    fn arguments_by_position_have_their_index() {
        let names = ["a", "b"];
        let root = Path::Positional(&names);
        assert_eq!(root.key("b").key("b").to_string(), "/1/b");
        assert_eq!(
            (root.key("b").key("c").unnamed_argument(), Path::Root.key("b").unnamed_argument()),
            (Some("b"), None)
        );
        assert_eq!(Path::Wrapped.index(3).to_string(), "/0/3");
    }
}
