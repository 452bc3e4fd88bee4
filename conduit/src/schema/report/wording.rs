//! What is said of a value that a schema refuses: one sentence a keyword.

use std::{borrow::Cow, fmt};

use serde_json::{Map, Value};

use crate::schema::keyword::types;

/// How much of a peer's own text a message repeats, in characters.
const MAX_REPEATED: usize = 60;

/// Beyond this many names a list says less than the documentation does.
const MAX_LISTED: usize = 10;

/// A value as it is repeated to its sender: small ones as JSON, structured ones by their kind.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
        Value::String(text) => {
            let short = shortened(text);
            format!("{}{}", Value::from(short), if short.len() < text.len() { "..." } else { "" })
        }
        scalar => scalar.to_string(),
    }
}

/// A name in backticks, shortened.
pub(crate) fn named(name: &str) -> String {
    let short = shortened(name);
    format!("`{short}{}`", if short.len() < name.len() { "..." } else { "" })
}

/// The beginning of a peer's text.
pub(crate) fn shortened(text: &str) -> &str {
    text.char_indices().nth(MAX_REPEATED).map_or(text, |(end, _)| &text[..end])
}

/// `3 items`, `1 item`.
pub(crate) fn count(number: impl fmt::Display, noun: &str) -> String {
    let number = number.to_string();
    let plural = if number == "1" { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// `a, b or c`
pub(crate) fn any_of<S: AsRef<str>>(parts: &[S]) -> String {
    match parts {
        [] => "nothing".into(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{} or {}", most.join(", "), last.as_ref())
        }
    }
}

/// `` `a`, `b` ``, or nothing when it would be too long to help.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<String> = names.take(MAX_LISTED + 1).map(named).collect();
    (1..=MAX_LISTED).contains(&names.len()).then(|| names.join(", "))
}

/// The name among `known` that was probably meant.
pub(crate) fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The distance takes time in the product of the lengths, and this name is a peer's.
    if name.len() > MAX_REPEATED {
        return None;
    }
    let tolerance = (name.chars().count() / 3).max(1);
    let near = known.map(|known| (strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()), known));
    near.filter(|(distance, known)| *distance <= tolerance && *distance < known.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// A value of another type than the `type` keyword wants.
pub(crate) fn wrong_type(wanted: &Value, value: &Value) -> String {
    let wanted: Vec<&str> = types(wanted).map(a_type).collect();
    format!("expected {}, got {}", any_of(&wanted), shown(value))
}

/// A value that is none of the options of an `enum`.
pub(crate) fn wrong_choice(options: &[Value], value: &Value) -> String {
    match value {
        Value::String(name) => unknown_variant(name, options.iter().filter_map(Value::as_str)),
        value => format!("expected {}, got {}", any_of(&options.iter().map(shown).collect::<Vec<_>>()), shown(value)),
    }
}

/// A name that nothing declares.
pub(crate) fn unknown<'a>(noun: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let hint = match (closest(name, known.clone()), listed(known)) {
        (Some(near), _) => format!("; did you mean `{near}`?"),
        (None, Some(list)) if list.contains(", ") => format!("; the {noun}s are {list}"),
        (None, Some(only)) => format!("; the only {noun} is {only}"),
        (None, None) => String::new(),
    };
    format!("unknown {noun} {}{hint}", named(name))
}

/// What a variant's name is answered with that is none.
pub(crate) fn unknown_variant<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let hint = match (listed(known.clone()), closest(name, known)) {
        (Some(list), _) if list.contains(", ") => format!(", expected one of {list}"),
        (Some(only), _) => format!(", expected {only}"),
        (None, Some(near)) => format!("; did you mean `{near}`?"),
        (None, None) => String::new(),
    };
    format!("unknown variant {}{hint}", named(name))
}

/// A JSON type with its article.
pub(crate) fn a_type(name: &str) -> &str {
    match name {
        "null" => "null",
        "boolean" => "a boolean",
        "integer" => "an integer",
        "number" => "a number",
        "string" => "a string",
        "array" => "an array",
        "object" => "an object",
        other => other,
    }
}

/// What a string of this format is.
pub(crate) fn a_format(format: &str) -> Cow<'_, str> {
    Cow::Borrowed(match format {
        "email" | "idn-email" => "an email address",
        "uri" | "iri" => "a URI",
        "uri-reference" | "iri-reference" => "a URI reference",
        "date-time" => "a date and time (RFC 3339)",
        "date" => "a date (YYYY-MM-DD)",
        "time" => "a time (RFC 3339)",
        "duration" => "a duration (ISO 8601)",
        "uuid" => "a UUID",
        "ipv4" => "an IPv4 address",
        "ipv6" => "an IPv6 address",
        "hostname" | "idn-hostname" => "a host name",
        "regex" => "a regular expression",
        "json-pointer" => "a JSON pointer",
        other => return Cow::Owned(format!("of the format `{other}`")),
    })
}

/// What a schema takes, in a few words, for a list of alternatives.
pub(crate) fn a_shape(schema: &Map<String, Value>) -> String {
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    if let Some(Value::Array(options)) = schema.get("enum") {
        return any_of(&options.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
    let required = match schema.get("required") {
        Some(Value::Array(names)) => listed(names.iter().filter_map(Value::as_str)),
        _ => None,
    };
    match (schema.get("type"), required) {
        (Some(Value::String(kind)), Some(required)) if kind == "object" => format!("an object with {required}"),
        (Some(Value::String(kind)), _) => a_type(kind).to_owned(),
        (Some(Value::Array(kinds)), _) => {
            any_of(&kinds.iter().filter_map(Value::as_str).map(a_type).collect::<Vec<_>>())
        }
        (_, Some(required)) => format!("an object with {required}"),
        _ => "another shape".into(),
    }
}
