//! `conduit describe`: all that is known of one method or event.

use conduit::MethodDescription;
use serde_json::{Map, Value, json};

use super::list::{lines, plain_table, signature};
use crate::{
    address::Address,
    api::{Api, Entry, EventDescription},
    args::Describe,
    constraints, example,
    failure::Result,
    output::{
        self, Output,
        style::{self, paint},
    },
    pretty,
    schema::{Kinds, Schema},
    session::{Login, Session},
};

pub(crate) async fn run(args: Describe, output: Output) -> Result {
    let session = Session::open(&args.server, Login::Needed).await?;
    session.document()?;
    let entry = session.api.entry(&args.name)?;
    match output.json {
        true => output.json(&json(&session.api, entry))?,
        false => output::text(&text(&session.api, entry, &session.server.url))?,
    }
    session.close().await;
    Ok(())
}

/// A method or event for scripts: its description, and an example of its arguments.
fn json(api: &Api, entry: Entry<'_>) -> Value {
    let mut described = match entry {
        Entry::Method(method) => json!(method),
        Entry::Event(event) => json!(event),
    };
    described["example"] = match entry {
        Entry::Method(method) => example::arguments(api.schema(&method.params)).into(),
        Entry::Event(event) => example::of(api.schema(&event.payload)),
    };
    described
}

/// A method or event for people.
pub(crate) fn text(api: &Api, entry: Entry<'_>, address: &Address) -> String {
    match entry {
        Entry::Method(method) => method_text(api, method, address),
        Entry::Event(event) => event_text(api, event, address),
    }
}

fn method_text(api: &Api, method: &MethodDescription, address: &Address) -> String {
    let params = api.schema(&method.params);
    let arguments = example::arguments(params);
    let timeout = method.timeout.map(|seconds| format!("is given up after {seconds} s"));
    let marks = [
        method.public.then_some("can be called before login"),
        method.deprecated.then_some("deprecated"),
        method.ordered.then_some("calls of one connection run one after the other"),
        timeout.as_deref(),
    ];
    let parts = [
        signature(&method.name, &method.to_string()),
        method.description.trim().to_owned(),
        marks_text(&marks),
        section("Arguments", &members(params)),
        section("Result", &result(api.schema(&method.result))),
        section("Errors", &errors(method)),
        section("Example", &method_example(method, &arguments, address)),
    ];
    joined(&parts)
}

fn event_text(api: &Api, event: &EventDescription, address: &Address) -> String {
    let payload = api.schema(&event.payload);
    let example = example::of(payload);
    let marks = [
        event.public.then_some("can be sent before login"),
        event.deprecated.then_some("deprecated"),
        event.ordered.then_some("those of one connection are handled one after the other"),
    ];
    let members = if payload.properties().next().is_some() { members(payload) } else { constraints::of(payload) };
    let parts = [
        format!("event {}", signature(&event.name, &event.signature(payload))),
        event.description.trim().to_owned(),
        marks_text(&marks),
        section("Payload", &members),
        section("Ack", &result(api.schema(&event.ack))),
        section("Example", &format!("conduit send {address} {} {}", quoted(&event.name), quoted(&example.to_string()))),
    ];
    joined(&parts)
}

fn joined(parts: &[String]) -> String {
    let parts: Vec<_> = parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect();
    parts.join("\n\n")
}

fn marks_text(marks: &[Option<&str>]) -> String {
    let marks: Vec<_> = marks.iter().flatten().copied().collect();
    paint_unless_empty(&marks.join(" · "))
}

fn paint_unless_empty(text: &str) -> String {
    if text.is_empty() { String::new() } else { paint(style::FAINT, text) }
}

/// A heading, and indented lines beneath it; nothing without lines.
fn section(heading: &str, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    let body: Vec<_> = body.lines().map(|line| format!("  {line}")).collect();
    format!("{}\n{}", paint(style::HEADING, heading), body.join("\n"))
}

/// The members of an object: name, constraints, description.
fn members(schema: Schema<'_>) -> String {
    let mut table = plain_table();
    for (name, member) in schema.properties() {
        let name_text = paint(style::NAME, name);
        let wanted = match member.get("default").filter(|default| !default.is_null()) {
            Some(default) => format!("{}, {default} by default", constraints::of(member)),
            None if schema.requires(name) => constraints::of(member),
            None => format!("{}, may be left out", constraints::of(member)),
        };
        table.add_row([name_text, wanted, paint_unless_empty(member.text("description").unwrap_or_default())]);
    }
    lines(table)
}

fn result(schema: Schema<'_>) -> String {
    match schema.kinds() {
        Kinds::NULL => String::new(),
        Kinds::OBJECT if schema.properties().next().is_some() => members(schema),
        _ => constraints::of(schema),
    }
}

fn errors(method: &MethodDescription) -> String {
    let mut table = plain_table();
    for error in &method.errors {
        table.add_row([paint(style::NUMBER, &error.code.to_string()), error.message.to_string()]);
    }
    lines(table)
}

/// The example as a command, and as what goes over the wire.
fn method_example(method: &MethodDescription, arguments: &Map<String, Value>, address: &Address) -> String {
    let words: Vec<_> = arguments.iter().map(|(name, value)| format!(" {}", argument(name, value))).collect();
    let command = format!("conduit call {address} {}{}", quoted(&method.name), words.concat());
    let mut request = json!({ "jsonrpc": "2.0", "id": 1, "method": method.name });
    if !arguments.is_empty() {
        request["params"] = Value::Object(arguments.clone());
    }
    format!("{command}\n{}", pretty::compact(&request.to_string()))
}

/// An argument as it is typed.
pub(crate) fn argument(name: &str, value: &Value) -> String {
    match value {
        Value::String(text) if !text.starts_with('@') => quoted(&format!("{name}={text}")),
        Value::String(_) => quoted(&format!("{name}:={value}")),
        value => quoted(&format!("{name}={value}")),
    }
}

/// A word as a shell wants it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@%_-+=:,./".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into)
}
