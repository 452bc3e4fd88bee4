//! Arguments as they are typed: `name=value`, `name:=json`, or JSON.

mod source;
mod value;

use std::{
    fs,
    io::{self, Read},
};

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

pub(crate) use self::source::Source;
use self::{source::Writer, value::Value};
use crate::{
    failure::{Failure, Result},
    faults::{Faults, Mark},
    schema::{Kinds, Schema},
};

/// What was typed, and what it stands for.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) source: Source,
    /// `None` when nothing was typed.
    pub(crate) params: Option<Box<RawValue>>,
}

impl Arguments {
    /// The arguments of a call of `name`. `params` is the schema of all of them, which says what a value without
    /// quotes is: `name=5` is a text where a text is wanted and a number where a number is.
    ///
    /// One word may hold them all: JSON, `@FILE` for the JSON of a file, `-` for that of standard input.
    pub(crate) fn read(name: &str, words: &[String], params: Schema<'_>) -> Result<Self> {
        match words {
            [] => Ok(Self { source: Source::typed(name), params: None }),
            [word] if word == "-" => Self::whole_file("<stdin>", &read_stdin()?),
            [word] if word.starts_with('@') => Self::whole_file(&word[1..], &read_file(&word[1..])?),
            [first, ..] if first.starts_with(['{', '[']) => Self::whole(name, words),
            _ => Self::by_name(name, words, params),
        }
    }

    /// The payload of an event, which may be any JSON.
    pub(crate) fn read_payload(event: &str, words: &[String], payload: Schema<'_>) -> Result<Self> {
        match words {
            [word] if is_single(word) => {
                let mut writer = Writer::new(event);
                let place = writer.payload(word);
                let source = writer.finish();
                match value::of_text(word, payload.kinds()) {
                    Value::Json(json) => Ok(Self { source, params: Some(json) }),
                    Value::Text(json) if payload.kinds().takes_text() && !payload.is_unknown() => {
                        Ok(Self { source, params: Some(json) })
                    }
                    Value::Text(_) => {
                        let message = format!("expected JSON, or name=value, got {word}");
                        let hint = format!("a text is JSON in quotes: '\"{word}\"'");
                        Err(refused(event, &source, vec![Mark { place, message }]).help(hint))
                    }
                }
            }
            words => Self::read(event, words, payload),
        }
    }

    fn whole_file(origin: &str, text: &str) -> Result<Self> {
        let source = Source::file(origin, text.trim_end());
        let params = source.parse().map_err(|mark| not_json(&source, mark))?;
        Ok(Self { source, params: Some(params) })
    }

    fn whole(name: &str, words: &[String]) -> Result<Self> {
        let mut writer = Writer::new(name);
        writer.whole(&words[0]);
        let source = writer.finish();
        let params = source.parse().map_err(|mark| not_json(&source, mark))?;
        match &words[1..] {
            [] => Ok(Self { source, params: Some(params) }),
            [next, ..] => Err(Failure::usage(format!("JSON is given, and `{next}` after it"))
                .help("JSON holds all arguments; the shell wants it in quotes: '{\"a\": 1}'")),
        }
    }

    fn by_name(name: &str, words: &[String], params: Schema<'_>) -> Result<Self> {
        let mut writer = Writer::new(name);
        let mut named = Named::default();
        let mut marks = Vec::new();
        for word in words {
            if let Err(mark) = named.read(word, params, &mut writer)? {
                marks.push(mark);
            }
            named.seen += 1;
        }
        let source = writer.finish();
        if !marks.is_empty() {
            return Err(refused(name, &source, marks).help("write name=value, name:=json or name=@file"));
        }
        let params = serde_json::value::to_raw_value(&named).expect("names and JSON are JSON");
        Ok(Self { source, params: Some(params) })
    }
}

/// Whether a word is a payload, and not the name of one of its members with its value.
fn is_single(word: &str) -> bool {
    let is_json = serde_json::from_str::<&RawValue>(word).is_ok();
    is_json || (word != "-" && !word.starts_with(['@', '{', '[']) && split(word).is_none())
}

/// Arguments by name, each JSON.
#[derive(Default)]
struct Named {
    values: Vec<(String, Box<RawValue>)>,
    /// Words before the one that is read.
    seen: usize,
}

impl Named {
    /// Takes a word, or says what is wrong with it.
    fn read(&mut self, word: &str, params: Schema<'_>, writer: &mut Writer) -> Result<Result<(), Mark>> {
        let Some((name, is_json, value)) = split(word) else {
            let place = writer.word(word);
            let example = example(self.seen, word, params);
            return Ok(Err(Mark { place, message: format!("expected name=value{example}, got {word}") }));
        };
        let place = writer.argument(name, is_json, value);
        if self.values.iter().any(|(there, _)| there == name) {
            return Ok(Err(Mark { place, message: format!("`{name}` is given twice") }));
        }
        let text = match value.strip_prefix('@') {
            Some(file) => read_file(file)?,
            None => value.to_owned(),
        };
        let json = match is_json {
            true => match value::parse(&text) {
                Ok(json) => json,
                Err(fault) => {
                    let place = if value.starts_with('@') { place } else { fault.place(&place, value) };
                    return Ok(Err(Mark { place, message: fault.message }));
                }
            },
            // A file that is to be a text is that text.
            false if value.starts_with('@') => value::text(&text),
            false => value::of_text(&text, params.property(name).map_or(Kinds::ANY, Schema::kinds)).into_json(),
        };
        self.values.push((name.to_owned(), json));
        Ok(Ok(()))
    }
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.values.iter().map(|(name, value)| (name, value)))
    }
}

/// `name=value` and `name:=json`, taken apart.
fn split(word: &str) -> Option<(&str, bool, &str)> {
    let (name, value) = word.split_once('=')?;
    let (name, is_json) = match name.strip_suffix(':') {
        Some(name) => (name, true),
        None => (name, false),
    };
    (!name.is_empty()).then_some((name, is_json, value))
}

/// What was probably meant by a value without a name, at this position.
fn example(position: usize, word: &str, params: Schema<'_>) -> String {
    match params.names().nth(position) {
        Some(name) => format!(", such as {name}={word}"),
        None => String::new(),
    }
}

fn refused(name: &str, source: &Source, marks: Vec<Mark>) -> Failure {
    let message = format!("the arguments of `{name}` can't be read");
    Failure::usage(message).faults(Faults::new(source, marks))
}

fn not_json(source: &Source, mark: Mark) -> Failure {
    Failure::usage("the arguments are no JSON").faults(Faults::new(source, vec![mark]))
}

pub(crate) fn read_file(path: &str) -> Result<String> {
    fs::read_to_string(path).map_err(|error| Failure::usage(format!("can't read the file `{path}`: {error}")))
}

pub(crate) fn read_stdin() -> Result<String> {
    let mut text = String::new();
    match io::stdin().read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::usage(format!("can't read standard input: {error}"))),
    }
}

#[cfg(test)]
mod tests;
