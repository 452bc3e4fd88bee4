//! What may come next on a line.

use conduit::ArgumentDescription;
use serde_json::Value;

use super::command;
use crate::{
    api::{Api, Entry},
    schema::Schema,
};

/// What there is to complete, taken out of what is known of a server.
#[derive(Debug, Default)]
pub(super) struct Names {
    methods: Vec<Taker>,
    events: Vec<Taker>,
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
    /// Its values as they are typed, where they are few.
    values: Vec<String>,
}

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
            arguments: entry.arguments().into_iter().map(|argument| Argument::of(argument, entry.schema())).collect(),
        };
        let methods = api.methods().into_iter().map(|method| taker(&method.name, Entry::Method(method)));
        let events = api.events().iter().map(|event| taker(&event.name, Entry::Event(event)));
        Self { methods: methods.collect(), events: events.collect() }
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
            (Some(":describe" | ":d" | ":list" | ":l"), 1) => (start, names(&[&self.methods, &self.events])),
            (Some(":send"), 1) => (start, with_space(names(&[&self.events]))),
            (Some(":listen" | ":ignore"), _) => (start, names(&[&self.events])),
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
            false => with_space(names(&[&self.methods])),
        }
    }
}

impl Argument {
    fn of(argument: ArgumentDescription<'_>, params: Schema<'_>) -> Self {
        Self {
            name: argument.name().to_owned(),
            is_required: argument.is_required(),
            text: argument.type_text(),
            values: values(params.at(argument.schema())),
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

fn names(lists: &[&[Taker]]) -> Vec<String> {
    lists.iter().flat_map(|list| list.iter()).map(|taker| taker.name.clone()).collect()
}

fn with_space(names: Vec<String>) -> Vec<String> {
    names.into_iter().map(|name| name + " ").collect()
}

fn find<'a>(takers: &'a [Taker], name: &str) -> Option<&'a Taker> {
    takers.iter().find(|taker| taker.name == name)
}

fn is_given(name: &str, words: &[&str]) -> bool {
    words.iter().any(|word| word.split(['=', ':']).next() == Some(name) && word.contains('='))
}

/// The names of arguments that are not given yet, or the values of the one whose name is there.
fn argument(taker: Option<&Taker>, given: &[&str], start: usize, word: &str) -> (usize, Vec<String>) {
    let Some(taker) = taker else { return (start, Vec::new()) };
    match word.split_once('=') {
        Some((name, _)) => {
            let argument = taker.arguments.iter().find(|argument| argument.name == name.trim_end_matches(':'));
            let values = argument.map(|argument| argument.values.iter().map(|value| format!("{value} ")).collect());
            (start + name.len() + 1, values.unwrap_or_default())
        }
        None => {
            let missing = taker.arguments.iter().filter(|argument| !is_given(&argument.name, given));
            (start, missing.map(|argument| format!("{}=", argument.name)).collect())
        }
    }
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
                { "name": "user.get", "params": [{ "name": "id", "required": true, "schema": { "type": "integer" } }] },
                { "name": "time", "params": [] },
            ],
            "x-events": [{ "name": "chat", "payload": { "properties": { "text": { "type": "string" } } } }],
        }));
        Names::of(&Api::new(&document.expect("a document")))
    }

    fn completed(line: &str) -> (String, Vec<String>) {
        let Completion { start, texts } = known().complete(line);
        (line[..start].to_owned(), texts)
    }

    #[test]
    fn names_arguments_and_values_are_completed() {
        let cases: [(&str, &str, &[&str]); 15] = [
            ("us", "", &["user.create ", "user.get "]),
            ("", "", &["time ", "user.create ", "user.get "]),
            ("nobody", "", &[]),
            (":d", "", &[":describe "]),
            (":describe c", ":describe ", &["chat"]),
            (":send ", ":send ", &["chat "]),
            (":send chat ", ":send chat ", &["text="]),
            (":listen c", ":listen ", &["chat"]),
            ("user.create ", "user.create ", &["name=", "active=", "role="]),
            ("user.create name=x a", "user.create name=x ", &["active="]),
            ("user.create name=x active=", "user.create name=x active=", &["false ", "true "]),
            ("user.create role=a", "user.create role=", &["admin "]),
            ("user.create name=", "user.create name=", &[]),
            ("user.create name:=\"x\" ", "user.create name:=\"x\" ", &["active=", "role="]),
            ("time ", "time ", &[]),
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
        assert_eq!(hint(":send chat").as_deref(), Some(" [text=<string>]"));
        for nothing in ["user", "user.get i", "user.get id=1 ", "user.get {\"id\": 1} ", "time", ""] {
            assert_eq!(hint(nothing), None, "{nothing}");
        }
    }
}
