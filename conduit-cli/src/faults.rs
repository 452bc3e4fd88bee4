//! Faults of arguments, each under the argument.

use std::ops::Range;

use conduit::{ErrorObject, Fault};

use crate::{arguments::Source, output};

/// A text, and what is wrong where.
#[derive(Debug)]
pub(crate) struct Faults {
    pub(crate) source: String,
    /// The file that the text is of; without one it was typed.
    pub(crate) origin: Option<String>,
    pub(crate) marks: Vec<Mark>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// In bytes of the text.
    pub(crate) place: Range<usize>,
    pub(crate) message: String,
}

impl Faults {
    pub(crate) fn new(source: &Source, marks: Vec<Mark>) -> Self {
        let mut text = source.text.clone();
        if marks.iter().any(|mark| mark.place.start > text.len()) {
            // Room for the mark of what is missing.
            text.push(' ');
        }
        Self { source: text, origin: source.origin.clone(), marks }
    }

    /// What a refusal of arguments says, beneath what was typed; `None` when it lists no faults.
    pub(crate) fn of(refusal: &ErrorObject, source: &Source) -> Option<Self> {
        let marks: Vec<_> = refusal.faults().iter().map(|fault| mark(fault, source)).collect();
        (!marks.is_empty()).then(|| Self::new(source, marks))
    }
}

fn mark(fault: &Fault, source: &Source) -> Mark {
    let place = match fault.keyword.as_str() {
        // The name is what is wrong, whatever its value.
        "additionalProperties" | "unevaluatedProperties" => source.locate_name(&fault.path),
        _ => source.locate(&fault.path),
    };
    let message = match source.in_file(&fault.path) {
        Some(place) => format!("{} ({place})", fault.message),
        None => fault.message.clone(),
    };
    Mark { place, message: output::safe(&message) }
}
