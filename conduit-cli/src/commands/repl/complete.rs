//! What may come next on a line.

use std::collections::BTreeSet;

use conduit::ArgumentDescription;
use serde_json::Value;

use super::command;
use crate::{
    api::{Api, Entry},
    schema::{Kinds, Schema},
};

/// What there is to complete, taken out of what is known of a server.
#[derive(Debug, Default)]
pub(super) struct Names {
    methods: Vec<Taker>,
    events: Vec<Taker>,
    /// The names of events, of those that the server sends as well.
    heard: Vec<String>,
}

/// A method or event, and what it takes.
#[derive(Debug)]
struct Taker {
    name: String,
    arguments: Vec<Argument>,
}

#[derive(Debug)]
struct Argument {
    name: String,
    is_required: bool,
    /// What it is, in words.
    text: String,
    /// Its values, or those of its items, as they are typed, where they are few.
    values: Vec<String>,
    /// Whether its items can be given one by one.
    is_list: bool,
    members: Vec<Argument>,
}

/// How deep members of members are known.
const DEPTH: usize = 3;

/// What may stand in place of the line from `start` on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Completion {
    pub(super) start: usize,
    pub(super) texts: Vec<String>,
}

impl Names {
    pub(super) fn of(api: &Api) -> Self {
        let taker = |name: &str, entry: Entry<'_>| Taker {
            name: name.to_owned(),
            arguments: entry
                .arguments()
                .into_iter()
                .map(|argument| Argument::of(argument, entry.schema(), DEPTH))
                .collect(),
        };
        let methods = api.methods().into_iter().map(|method| taker(&method.name, Entry::Method(method)));
        let events = api.events().iter().map(|event| taker(&event.name, Entry::Event(event)));
        let heard: BTreeSet<&String> = api.events().iter().chain(api.sent_events()).map(|event| &event.name).collect();
        Self {
            methods: methods.collect(),
            events: events.collect(),
            heard: heard.into_iter().filter(|name| *name != "*").cloned().collect(),
        }
    }

    pub(super) fn has_method(&self, name: &str) -> bool {
        self.methods.iter().any(|method| method.name == name)
    }

    /// What may stand at the end of a line.
    pub(super) fn complete(&self, line: &str) -> Completion {
        let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let (before, word) = line.split_at(start);
        let before: Vec<&str> = before.split_whitespace().collect();
        let (start, texts) = match (before.first().copied(), before.len()) {
            (None, _) => (start, self.first_words(word)),
            (Some(":describe" | ":d" | ":list" | ":l"), 1) => {
                (start, [names(&self.methods), self.heard.clone()].concat())
            }
            (Some(":send"), 1) => (start, with_space(names(&self.events))),
            (Some(":listen" | ":ignore"), _) => (start, self.heard.clone()),
            (Some(":send"), _) => argument(find(&self.events, before[1]), &before[2..], start, word),
            (Some(method), _) => argument(find(&self.methods, method), &before[1..], start, word),
        };
        let typed = &line[start..];
        Completion { start, texts: texts.into_iter().filter(|text| text.starts_with(typed)).collect() }
    }

    /// What a call still takes, to be shown behind it.
    pub(super) fn hint(&self, line: &str) -> Option<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (taker, given) = match words.split_first()? {
            (&":send", rest) => (find(&self.events, rest.first()?)?, &rest[1..]),
            (method, rest) => (find(&self.methods, method)?, rest),
        };
        let is_between = line.ends_with(char::is_whitespace);
        if given.iter().any(|word| word.starts_with(['{', '[', '@'])) || (!is_between && !given.is_empty()) {
            return None;
        }
        let missing = taker.arguments.iter().filter(|argument| !is_given(&argument.name, given));
        let texts: Vec<String> = missing.map(Argument::hint).collect();
        let space = if is_between { "" } else { " " };
        (!texts.is_empty()).then(|| format!("{space}{}", texts.join(" ")))
    }

    fn first_words(&self, word: &str) -> Vec<String> {
        match word.starts_with(':') {
            true => command::NAMES.map(|name| format!("{name} ")).to_vec(),
            false => with_space(names(&self.methods)),
        }
    }
}

impl Argument {
    fn of(argument: ArgumentDescription<'_>, params: Schema<'_>, depth: usize) -> Self {
        let schema = params.at(argument.schema());
        let is_list = schema.kinds().takes(Kinds::ARRAY) && !schema.kinds().takes_text();
        let members = argument.fields().take_while(|_| depth > 0).map(|member| Self::of(member, params, depth - 1));
        Self {
            name: argument.name().to_owned(),
            is_required: argument.is_required(),
            text: argument.type_text(),
            values: values(if is_list { schema.items().unwrap_or(schema) } else { schema }),
            is_list,
            members: if is_list { Vec::new() } else { members.collect() },
        }
    }

    fn hint(&self) -> String {
        match self.is_required {
            true => format!("{}=<{}>", self.name, self.text),
            false => format!("[{}=<{}>]", self.name, self.text),
        }
    }
}

/// The values that an argument's schema lists, as they are typed.
fn values(schema: Schema<'_>) -> Vec<String> {
    if schema.text("type") == Some("boolean") {
        return vec!["false".into(), "true".into()];
    }
    let typed = |value: &&Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    schema.choices().unwrap_or_default().iter().map(typed).filter(|text| !text.contains(char::is_whitespace)).collect()
}

fn names(takers: &[Taker]) -> Vec<String> {
    takers.iter().map(|taker| taker.name.clone()).collect()
}

fn with_space(names: Vec<String>) -> Vec<String> {
    names.into_iter().map(|name| name + " ").collect()
}

fn find<'a>(takers: &'a [Taker], name: &str) -> Option<&'a Taker> {
    takers.iter().find(|taker| taker.name == name)
}

/// The names that have a value among these words.
fn given<'w>(words: &'w [&str]) -> impl Iterator<Item = &'w str> {
    words.iter().filter_map(|word| Some(word.split_once('=')?.0.trim_end_matches(':')))
}

/// Whether an argument is there, or a member of it.
fn is_given(name: &str, words: &[&str]) -> bool {
    given(words).any(|given| given.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// The names of arguments that are not given yet, or the values of the one whose name is there.
fn argument(taker: Option<&Taker>, given: &[&str], start: usize, word: &str) -> (usize, Vec<String>) {
    let Some(taker) = taker else { return (start, Vec::new()) };
    match word.split_once('=') {
        Some((name, _)) => {
            let argument = member(&taker.arguments, name.trim_end_matches(':'));
            let values = argument.map(|argument| argument.values.iter().map(|value| format!("{value} ")).collect());
            (start + name.len() + 1, values.unwrap_or_default())
        }
        None => (start, missing(&taker.arguments, "", given, word)),
    }
}

/// The argument of a name, or a member of one.
fn member<'a>(arguments: &'a [Argument], name: &str) -> Option<&'a Argument> {
    arguments.iter().find_map(|argument| match name.strip_prefix(argument.name.as_str())? {
        "" => Some(argument),
        rest => member(&argument.members, rest.strip_prefix('.')?),
    })
}

/// What may be given beside what is given, with members of the one that is being typed.
fn missing(arguments: &[Argument], outer: &str, words: &[&str], typed: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for argument in arguments {
        let name = format!("{outer}{}", argument.name);
        if argument.is_list || !is_given(&name, words) {
            texts.push(format!("{name}="));
        }
        let is_whole = given(words).any(|given| given == name);
        if argument.members.is_empty() || is_whole {
            continue;
        }
        let object = format!("{name}.");
        match typed.starts_with(&object) {
            true => texts.extend(missing(&argument.members, &object, words, typed)),
            false => texts.push(object),
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use conduit::OpenRpc;
    use serde_json::json;

    use super::*;

    fn known() -> Names {
        let document = OpenRpc::try_from(json!({
            "methods": [
                { "name": "user.create", "params": [
                    { "name": "name", "required": true, "schema": { "type": "string", "minLength": 3 } },
                    { "name": "active", "schema": { "type": "boolean" } },
                    { "name": "role", "schema": { "enum": ["admin", "member"] } },
                ] },
                { "name": "user.move", "params": [
                    { "name": "home", "required": true, "schema": { "type": "object", "properties": {
                        "city": { "type": "string" }, "kind": { "enum": ["flat", "house"] },
                    } } },
                    { "name": "tags", "schema": { "type": "array", "items": { "enum": ["new", "old"] } } },
                ] },
                { "name": "user.get", "params": [{ "name": "id", "required": true, "schema": { "type": "integer" } }] },
                { "name": "time", "params": [] },
            ],
            "x-events": [{ "name": "chat", "payload": { "properties": { "text": { "type": "string" } } } }],
            "x-sent-events": [{ "name": "chat", "payload": true }, { "name": "clock", "payload": true }],
        }));
        Names::of(&Api::new(&document.expect("a document")))
    }

    fn completed(line: &str) -> (String, Vec<String>) {
        let Completion { start, texts } = known().complete(line);
        (line[..start].to_owned(), texts)
    }

    #[test]
    fn names_arguments_and_values_are_completed() {
        let cases: [(&str, &str, &[&str]); 23] = [
            ("us", "", &["user.create ", "user.get ", "user.move "]),
            ("", "", &["time ", "user.create ", "user.get ", "user.move "]),
            ("nobody", "", &[]),
            (":d", "", &[":describe "]),
            (":describe c", ":describe ", &["chat", "clock"]),
            (":send ", ":send ", &["chat "]),
            (":send chat ", ":send chat ", &["text="]),
            (":listen c", ":listen ", &["chat", "clock"]),
            (":ignore cl", ":ignore ", &["clock"]),
            ("user.create ", "user.create ", &["name=", "active=", "role="]),
            ("user.create name=x a", "user.create name=x ", &["active="]),
            ("user.create name=x active=", "user.create name=x active=", &["false ", "true "]),
            ("user.create role=a", "user.create role=", &["admin "]),
            ("user.create name=", "user.create name=", &[]),
            ("user.create name:=\"x\" ", "user.create name:=\"x\" ", &["active=", "role="]),
            ("time ", "time ", &[]),
            ("user.move ", "user.move ", &["home=", "home.", "tags="]),
            ("user.move home.", "user.move ", &["home.city=", "home.kind="]),
            ("user.move home.city=x ", "user.move home.city=x ", &["home.", "tags="]),
            ("user.move home.city=x home.", "user.move home.city=x ", &["home.kind="]),
            ("user.move home.kind=f", "user.move home.kind=", &["flat "]),
            ("user.move home={} tags=new ", "user.move home={} tags=new ", &["tags="]),
            ("user.move tags=", "user.move tags=", &["new ", "old "]),
        ];
        for (line, kept, texts) in cases {
            assert_eq!(
                completed(line),
                (kept.to_owned(), texts.iter().map(|&text| text.to_owned()).collect()),
                "{line}"
            );
        }
    }

    #[test]
    fn what_is_missing_is_hinted_at() {
        let hint = |line: &str| known().hint(line);
        let all = "name=<string[3..]> [active=<boolean>] [role=<\"admin\" | \"member\">]";
        assert_eq!(hint("user.create"), Some(format!(" {all}")));
        assert_eq!(hint("user.create "), Some(all.to_owned()));
        assert_eq!(hint("user.create name=x role=admin ").as_deref(), Some("[active=<boolean>]"));
        assert_eq!(hint("user.move home.city=x ").as_deref(), Some("[tags=<(\"new\" | \"old\")[]>]"));
        assert_eq!(hint(":send chat").as_deref(), Some(" [text=<string>]"));
        for nothing in ["user", "user.get i", "user.get id=1 ", "user.get {\"id\": 1} ", "time", ""] {
            assert_eq!(hint(nothing), None, "{nothing}");
        }
    }
}
