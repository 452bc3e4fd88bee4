//! `conduit list`: the methods and events of a server, in a table.

use comfy_table::{ContentArrangement, Table, presets};
use conduit::EventDescription;
use serde_json::{Value, json};

use super::describe;
use crate::{
    api::Api,
    args::List,
    failure::Result,
    output::{
        self, Output,
        style::{self, paint},
    },
    session::{Login, Session},
};

pub(crate) async fn run(args: List, output: Output) -> Result {
    let session = Session::open(&args.server, Login::Needed).await?;
    session.document()?;
    match output.json {
        true => output.json(&json(&session.api))?,
        false => output::text(&text(&session.api))?,
    }
    session.close().await;
    Ok(())
}

/// What a server has, for scripts.
fn json(api: &Api) -> Value {
    let events: Vec<_> = api.events().iter().map(describe::event_json).collect();
    let sent: Vec<_> = api.sent_events().iter().map(describe::sent_json).collect();
    json!({ "methods": api.methods(), "events": events, "sent_events": sent })
}

/// What a server has, for people.
pub(crate) fn text(api: &Api) -> String {
    let mut methods = table("METHOD");
    for method in api.methods() {
        let marks = marks(method.public, method.deprecated);
        methods.add_row([signature(&method.name, &method.to_string()), summary(&method.description, &marks)]);
    }
    let mut text = lines(methods);
    for (heading, events) in [("EVENT IT HANDLES", api.events()), ("EVENT IT SENDS", api.sent_events())] {
        if !events.is_empty() {
            text = format!("{text}\n\n{}", lines(event_table(heading, events)));
        }
    }
    text
}

fn event_table(heading: &str, events: &[EventDescription]) -> Table {
    let mut table = table(heading);
    for event in events {
        let marks = marks(event.public, event.deprecated);
        table.add_row([signature(&event.name, &event_signature(event)), summary(&event.description, &marks)]);
    }
    table
}

fn table(heading: &str) -> Table {
    let mut table = plain_table();
    table.set_header([paint(style::HEADING, heading), paint(style::HEADING, "DESCRIPTION")]);
    table
}

/// A table without lines, as wide as the terminal; where there is none, as wide as it gets.
pub(crate) fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

/// The lines of a table, without the spaces at their ends.
pub(crate) fn lines(mut table: Table) -> String {
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// A signature whose name stands out.
pub(crate) fn signature(name: &str, full: &str) -> String {
    match full.strip_prefix(name) {
        Some(rest) => format!("{}{rest}", paint(style::NAME, name)),
        None => full.to_owned(),
    }
}

/// An event as a function of the members of its payload, where it has any.
pub(crate) fn event_signature(event: &EventDescription) -> String {
    let fields: Vec<_> = event.fields().map(|field| field.to_string()).collect();
    match (fields.is_empty(), event.ack_text()) {
        (true, _) => event.to_string(),
        (false, None) => format!("{}({})", event.name, fields.join(", ")),
        (false, Some(ack)) => format!("{}({}) -> {ack}", event.name, fields.join(", ")),
    }
}

fn summary(description: &str, marks: &[&str]) -> String {
    let first = first_sentence(description);
    match marks {
        [] => first,
        marks => format!("{first} {}", paint(style::FAINT, &format!("({})", marks.join(", ")))).trim_start().to_owned(),
    }
}

/// The first sentence of the first paragraph.
fn first_sentence(text: &str) -> String {
    let lines: Vec<_> = text.trim().lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    let paragraph = lines.join(" ");
    match paragraph.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => paragraph,
    }
}

fn marks(is_public: bool, is_deprecated: bool) -> Vec<&'static str> {
    [(is_public, "public"), (is_deprecated, "deprecated")]
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, mark)| mark)
        .collect()
}
