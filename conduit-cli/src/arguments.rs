//! Arguments as they are typed: `name=value`, `name:=json`, or JSON.

mod named;
mod source;
mod value;

use std::{
    fs,
    io::{self, Read as _},
};

use serde_json::value::RawValue;

pub(crate) use self::source::Source;
use self::{
    named::{Named, Taken, Target, Word},
    source::Writer,
    value::{Read, Value},
};
use crate::{
    failure::{Failure, Result},
    faults::{Faults, Mark},
    schema::Schema,
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
            [word] if is_single(word, payload) => {
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
        let params = source.parse().map_err(|mark| not_json("the arguments are no JSON", &source, mark))?;
        Ok(Self { source, params: Some(params) })
    }

    fn whole(name: &str, words: &[String]) -> Result<Self> {
        let mut writer = Writer::new(name);
        writer.whole(&words[0]);
        let source = writer.finish();
        let params = source.parse().map_err(|mark| not_json("the arguments are no JSON", &source, mark))?;
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
        for (position, word) in words.iter().enumerate() {
            let mark = match Word::read(word, params) {
                Some(word) => take(word, params, &mut named, &mut writer)?.err(),
                None => {
                    let place = writer.word(word);
                    let message = format!("expected name=value{}, got {word}", example(position, word, params));
                    Some(Mark { place, message })
                }
            };
            marks.extend(mark);
        }
        let source = writer.finish();
        if !marks.is_empty() {
            return Err(refused(name, &source, marks).help("write name=value, name:=json or name=@file"));
        }
        let params = serde_json::value::to_raw_value(&named).expect("names and JSON are JSON");
        Ok(Self { source, params: Some(params) })
    }
}

/// Takes an argument, or says what is wrong with it.
fn take(word: Word<'_>, params: Schema<'_>, named: &mut Named, writer: &mut Writer) -> Result<Result<(), Mark>> {
    let place = writer.argument(word.name, word.is_json, word.value);
    let target = Target::of(word.name, params);
    let text = match word.value.strip_prefix('@') {
        Some(file) => read_value(&word, file)?,
        None => word.value.to_owned(),
    };
    let read = match word.is_json {
        true => match value::parse(&text) {
            Ok(json) => Read::Value(json),
            Err(fault) => return Ok(Err(Mark { place: fault.place(&place, word.value), message: fault.message })),
        },
        false => value::read(&text, word.value.starts_with('@'), target.schema),
    };
    let pointer = match read {
        Read::Value(json) => named.put(&target.path, json).map(|()| target.pointer()),
        Read::Item(json) => named.push(&target.path, json).map(|index| format!("{}/{index}", target.pointer())),
    };
    Ok(match pointer {
        Ok(pointer) => {
            writer.stands_for(pointer);
            Ok(())
        }
        Err(Taken) => Err(Mark { place, message: format!("`{}` is given twice", word.name) }),
    })
}

/// The text of a file that an argument names. One that should be JSON and is not is shown at the place.
fn read_value(word: &Word<'_>, file: &str) -> Result<String> {
    let text = read_file(file).map_err(|failure| {
        let name = word.name;
        failure
            .help(format!("`{name}=@file` is the text of a file; a text that starts with @ is {name}:='\"@{file}\"'"))
    })?;
    if word.is_json {
        let source = Source::file(file, text.trim_end());
        source.parse().map_err(|mark| not_json(&format!("the file `{file}` is no JSON"), &source, mark))?;
    }
    Ok(text)
}

/// Whether a word is a payload, and not the name of one of its members with its value.
fn is_single(word: &str, payload: Schema<'_>) -> bool {
    let is_json = serde_json::from_str::<&RawValue>(word).is_ok();
    let is_text = payload.kinds().takes_text() && !payload.kinds().takes_objects();
    let is_named = || word == "-" || word.starts_with(['@', '{', '[']) || Word::read(word, payload).is_some();
    is_json || is_text && word != "-" && !word.starts_with('@') || !is_named()
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

fn not_json(message: &str, source: &Source, mark: Mark) -> Failure {
    Failure::usage(message).faults(Faults::new(source, vec![mark]))
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
