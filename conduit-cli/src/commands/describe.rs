//! `conduit describe`: all that is known of one method or event.

use comfy_table::Table;
use conduit::{ArgumentDescription, EventDescription, MethodDescription};
use serde_json::{Map, Value, json};

use super::list::{event_signature, lines, plain_table, signature};
use crate::{
    address::Address,
    api::{Api, Entry},
    args::Describe,
    failure::Result,
    output::{
        self, Output,
        style::{self, paint},
    },
    session::{Login, Session},
};

/// How deep members of members are told.
const DEPTH: usize = 3;

pub(crate) async fn run(args: Describe, output: Output) -> Result {
    let session = Session::open(&args.server, Login::Needed).await?;
    session.document()?;
    let entry = session.api.entry(&args.name)?;
    match output.json {
        true => output.json(&json(entry, &session.api))?,
        false => output::text(&text(entry, &session.api, Prompt::Shell(&session.server.url)))?,
    }
    session.close().await;
    Ok(())
}

/// A method or event for scripts: its description, and an example of its arguments. What the server sends as the event
/// is under `sent`.
fn json(entry: Entry<'_>, api: &Api) -> Value {
    let (mut described, sent) = match entry {
        Entry::Method(method) => (with_example(json!(method), method.example()), None),
        Entry::Event(event) => (with_example(event_json(event), event.example()), api.sent_event(&event.name)),
        Entry::Sent(event) => (json!({ "name": event.name }), Some(event)),
    };
    if let Some(sent) = sent {
        described["sent"] = with_example(sent_json(sent), sent.example());
    }
    described
}

fn with_example(mut described: Value, example: Value) -> Value {
    described["example"] = example;
    described
}

pub(crate) fn event_json(event: &EventDescription) -> Value {
    let EventDescription { name, description, payload, ack, public, allow, deprecated, ordered, .. } = event;
    json!({
        "name": name, "description": description, "payload": payload, "ack": ack,
        "public": public, "allow": allow, "deprecated": deprecated, "ordered": ordered,
    })
}

pub(crate) fn sent_json(event: &EventDescription) -> Value {
    let EventDescription { name, description, payload, deprecated, .. } = event;
    json!({ "name": name, "description": description, "payload": payload, "deprecated": deprecated })
}

/// Where examples are typed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Prompt<'a> {
    /// That of the system's shell, with the server to name.
    Shell(&'a Address),
    /// That of `conduit repl`.
    Repl,
}

impl Prompt<'_> {
    fn call(self) -> String {
        match self {
            Self::Shell(address) => format!("conduit call {address} "),
            Self::Repl => String::new(),
        }
    }

    fn send(self) -> String {
        match self {
            Self::Shell(address) => format!("conduit send {address} "),
            Self::Repl => ":send ".into(),
        }
    }

    fn listen(self, event: &str) -> String {
        match self {
            Self::Shell(address) => format!("conduit listen {address} {event} --json"),
            Self::Repl => format!(":listen {event}"),
        }
    }
}

/// A method or event for people.
pub(crate) fn text(entry: Entry<'_>, api: &Api, prompt: Prompt<'_>) -> String {
    match entry {
        Entry::Method(method) => method_text(method, prompt),
        Entry::Event(event) => event_text(event, api.sent_event(&event.name), prompt),
        Entry::Sent(event) => sent_text(event, prompt),
    }
}

fn method_text(method: &MethodDescription, prompt: Prompt<'_>) -> String {
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
        marks_text(&marks, &method.allow),
        section("Arguments", &members(method.arguments())),
        section("Result", &result(method.result_text(), &method.result)),
        section("Errors", &errors(method)),
        section("Example", &method_example(method, prompt)),
    ];
    joined(&parts)
}

fn event_text(event: &EventDescription, sent: Option<&EventDescription>, prompt: Prompt<'_>) -> String {
    let marks = [
        Some(if sent.is_some() { "handled and sent by the server" } else { "handled by the server" }),
        event.public.then_some("can be sent before login"),
        event.deprecated.then_some("deprecated"),
        event.ordered.then_some("those of one connection are handled one after the other"),
    ];
    let example = quoted(&event.example().to_string());
    let sent = sent.filter(|sent| sent.payload != event.payload);
    let parts = [
        format!("event {}", signature(&event.name, &event_signature(event))),
        event.description.trim().to_owned(),
        marks_text(&marks, &event.allow),
        section("Payload", &payload(event)),
        section("Ack", &result(event.ack_text(), &event.ack)),
        section("Payload that the server sends", &sent.map(payload).unwrap_or_default()),
        section("Example", &format!("{}{} {example}", prompt.send(), quoted(&event.name))),
    ];
    joined(&parts)
}

fn sent_text(event: &EventDescription, prompt: Prompt<'_>) -> String {
    let line = json!({ "event": event.name, "data": event.example() });
    let parts = [
        format!("event {}", signature(&event.name, &event_signature(event))),
        event.description.trim().to_owned(),
        marks_text(&[Some("sent by the server"), event.deprecated.then_some("deprecated")], &[]),
        section("Payload", &payload(event)),
        section("Example", &format!("{}\n{line}", prompt.listen(&quoted(&event.name)))),
    ];
    joined(&parts)
}

fn joined(parts: &[String]) -> String {
    let parts: Vec<_> = parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect();
    parts.join("\n\n")
}

fn marks_text(marks: &[Option<&str>], allow: &[String]) -> String {
    let allow = (!allow.is_empty()).then(|| format!("needs the role {}", allow.join(" or ")));
    let marks: Vec<_> = marks.iter().flatten().copied().chain(allow.as_deref()).collect();
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
    format!("{}\n{}", paint(style::HEADING, heading), indented(body))
}

fn indented(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

/// Arguments, or members of an object: name, type, constraints, description; members of members beneath.
fn members<'a>(all: impl Iterator<Item = ArgumentDescription<'a>>) -> String {
    let mut table = plain_table();
    for member in all {
        add_member(&mut table, member, 0);
    }
    lines(table)
}

fn add_member(table: &mut Table, member: ArgumentDescription<'_>, depth: usize) {
    let name = format!("{}{}", "  ".repeat(depth), paint(style::NAME, member.name()));
    table.add_row([name, asked(member), paint_unless_empty(member.description())]);
    if depth < DEPTH {
        member.fields().for_each(|field| add_member(table, field, depth + 1));
    }
}

/// What is asked of a value, and what its absence stands for.
fn asked(member: ArgumentDescription<'_>) -> String {
    let constraints = member.constraints();
    let is_told_in_words = !constraints.is_empty();
    let kind = match member.schema()["type"].as_str() {
        // The constraints say what the bounds in the text of the type do.
        Some(kind) if is_told_in_words => kind.to_owned(),
        _ => member.type_text(),
    };
    let mut texts = vec![kind];
    texts.extend(constraints);
    match member.default() {
        Some(default) => texts.push(format!("{default} by default")),
        None if !member.is_required() => texts.push("may be left out".into()),
        None => {}
    }
    texts.join(", ")
}

/// A type, and its members where it has any.
fn result(text: Option<String>, schema: &Value) -> String {
    let Some(text) = text else { return String::new() };
    // The members of any schema are told as arguments are.
    let as_method = serde_json::from_value::<MethodDescription>(json!({ "name": "", "params": schema }));
    match as_method.map(|method| members(method.arguments())) {
        Ok(members) if !members.is_empty() => format!("{text}\n{}", indented(&members)),
        _ => text,
    }
}

fn payload(event: &EventDescription) -> String {
    match members(event.fields()) {
        members if members.is_empty() => event.payload_text().unwrap_or_default(),
        members => members,
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
fn method_example(method: &MethodDescription, prompt: Prompt<'_>) -> String {
    let example = method.example();
    let arguments = example.as_object().cloned().unwrap_or_else(Map::new);
    let words: Vec<_> = arguments.iter().map(|(name, value)| format!(" {}", argument(name, value))).collect();
    let command = format!("{}{}{}", prompt.call(), quoted(&method.name), words.concat());
    let mut request = json!({ "jsonrpc": "2.0", "id": 1, "method": method.name });
    if !arguments.is_empty() {
        request["params"] = example;
    }
    format!("{command}\n{request}")
}

/// An argument as it is typed.
fn argument(name: &str, value: &Value) -> String {
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
