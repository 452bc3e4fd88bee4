//! The text of arguments, and where in it each is.

use std::ops::Range;

use serde_json::value::RawValue;

use super::value;
use crate::{faults::Mark, place};

/// Arguments as text, to show what is wrong with them.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) text: String,
    /// The file that holds them; without one they were typed.
    pub(crate) origin: Option<String>,
    values: Vec<Placed>,
}

/// A value, and where it stands.
#[derive(Debug)]
struct Placed {
    /// The JSON pointer to it; empty for what holds all arguments.
    pointer: String,
    name_place: Range<usize>,
    place: Range<usize>,
    /// Whether it stands there as JSON.
    is_json: bool,
}

impl Source {
    /// A call without arguments.
    pub(super) fn typed(name: &str) -> Self {
        Writer::new(name).finish()
    }

    pub(super) fn file(origin: &str, text: &str) -> Self {
        let whole = Placed { pointer: String::new(), name_place: 0..0, place: 0..text.len(), is_json: true };
        Self { text: text.to_owned(), origin: Some(origin.to_owned()), values: vec![whole] }
    }

    /// The JSON that holds all arguments.
    pub(super) fn parse(&self) -> Result<Box<RawValue>, Mark> {
        let place = self.values.first().map_or(0..0, |whole| whole.place.clone());
        let text = &self.text[place.clone()];
        value::parse(text).map_err(|fault| Mark { place: fault.place(&place, text), message: fault.message })
    }

    /// Where the value stands that a JSON pointer points at, or what should hold it.
    pub(crate) fn locate(&self, pointer: &str) -> Range<usize> {
        if let Some(value) = self.holding(pointer) {
            return self.within(value, &pointer[value.pointer.len()..]);
        }
        match self.values.iter().find(|value| is_within(&value.pointer, pointer)) {
            Some(part) => part.place.clone(),
            // What is missing belongs after the end.
            None => self.text.len() + 1..self.text.len() + 1,
        }
    }

    /// Where in a file it is that a JSON pointer points at, if the value that holds it was typed as the name of one.
    pub(crate) fn in_file(&self, pointer: &str) -> Option<String> {
        let value = self.holding(pointer).filter(|value| value.is_json)?;
        let file = self.text[value.place.clone()].strip_prefix('@')?;
        let rest = &pointer[value.pointer.len()..];
        (!rest.is_empty()).then(|| format!("at {rest} in {file}"))
    }

    /// The value that was typed and holds what a JSON pointer points at.
    fn holding(&self, pointer: &str) -> Option<&Placed> {
        let holding = self.values.iter().filter(|value| is_within(pointer, &value.pointer));
        holding.max_by_key(|value| value.pointer.len())
    }

    /// The place of a name that was typed, else of its value.
    pub(crate) fn locate_name(&self, pointer: &str) -> Range<usize> {
        match self.values.iter().find(|value| !pointer.is_empty() && value.pointer == pointer) {
            Some(value) => value.name_place.clone(),
            None => self.locate(pointer),
        }
    }

    fn within(&self, value: &Placed, pointer: &str) -> Range<usize> {
        let place = &value.place;
        match place::locate(&self.text[place.clone()], pointer) {
            Some(inner) if value.is_json => place.start + inner.start..place.start + inner.end,
            _ => place.clone(),
        }
    }
}

/// Whether a pointer leads to `outer` or into it.
fn is_within(pointer: &str, outer: &str) -> bool {
    pointer.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Writes a call as it was typed.
pub(super) struct Writer(Source);

impl Writer {
    pub(super) fn new(name: &str) -> Self {
        Self(Source { text: name.to_owned(), origin: None, values: Vec::new() })
    }

    pub(super) fn finish(self) -> Source {
        self.0
    }

    /// A word that is no argument.
    pub(super) fn word(&mut self, word: &str) -> Range<usize> {
        self.0.text.push(' ');
        self.quoted(word)
    }

    /// JSON that holds all arguments.
    pub(super) fn whole(&mut self, json: &str) {
        let place = self.word(json);
        self.0.values.push(Placed { pointer: String::new(), name_place: place.clone(), place, is_json: true });
    }

    /// A payload that is one value.
    pub(super) fn payload(&mut self, value: &str) -> Range<usize> {
        let place = self.word(value);
        // A text that stands for itself leads nowhere further either.
        self.0.values.push(Placed {
            pointer: String::new(),
            name_place: place.clone(),
            place: place.clone(),
            is_json: true,
        });
        place
    }

    /// Says what the argument that was written last is.
    pub(super) fn stands_for(&mut self, pointer: String) {
        if let Some(value) = self.0.values.last_mut() {
            value.pointer = pointer;
        }
    }

    /// An argument with its name; the place of its value.
    pub(super) fn argument(&mut self, name: &str, is_json: bool, value: &str) -> Range<usize> {
        self.0.text.push(' ');
        let name_place = self.0.text.len()..self.0.text.len() + name.len();
        self.0.text.push_str(name);
        self.0.text.push_str(if is_json { ":=" } else { "=" });
        let place = self.quoted(value);
        // What it stands for is said once it is known.
        let placed = Placed { pointer: String::new(), name_place, place: place.clone(), is_json };
        self.0.values.push(placed);
        place
    }

    /// As a shell would have it, but for quotes within quotes: the text is for eyes.
    fn quoted(&mut self, word: &str) -> Range<usize> {
        let is_plain = |c: char| c.is_alphanumeric() || "@%_-+=:,./".contains(c);
        let quote = match word {
            word if word.chars().all(is_plain) => "",
            word if word.contains('\'') => "\"",
            _ => "'",
        };
        self.0.text.push_str(quote);
        let start = self.0.text.len();
        self.0.text.push_str(word);
        let end = self.0.text.len();
        self.0.text.push_str(quote);
        start..end
    }
}
