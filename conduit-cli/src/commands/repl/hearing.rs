//! The events that somebody at a shell wants to hear of.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::editor::Printer;
use crate::{
    failure,
    news::{Event, Inbox, News, ending},
    output::Output,
};

/// What is heard; nothing at first.
#[derive(Clone, Default)]
pub(super) struct Hearing(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    /// All but those that are ignored.
    all: bool,
    names: BTreeSet<String>,
    ignored: BTreeSet<String>,
    is_back: bool,
}

impl Hearing {
    /// Hears these events from now on, or all of them where none is named; says what is heard then.
    pub(super) fn hear(&self, events: Vec<String>) -> String {
        let mut heard = self.lock();
        if events.is_empty() {
            *heard = Heard { all: true, is_back: heard.is_back, ..Heard::default() };
        }
        for event in events {
            heard.ignored.remove(&event);
            heard.names.insert(event);
        }
        heard.to_string()
    }

    /// Hears these events no more, or none at all; says what is still heard.
    pub(super) fn ignore(&self, events: &[String]) -> String {
        let mut heard = self.lock();
        if events.is_empty() {
            *heard = Heard { is_back: heard.is_back, ..Heard::default() };
        }
        for event in events {
            heard.names.remove(event);
            if heard.all {
                heard.ignored.insert(event.clone());
            }
        }
        heard.to_string()
    }

    /// Prints what is heard, as it comes, and what becomes of the connection.
    pub(super) async fn print(self, mut inbox: Inbox, output: Output, mut printer: Printer) {
        while let Some(news) = inbox.next().await {
            let line = match news {
                News::Event(event) if self.lock().wants(&event) => Some(event.line(output)),
                News::Lost(end) if end.code.is_worth_a_retry() => {
                    Some(failure::warning(&format!("{}; connecting again", ending(&end))))
                }
                News::Back => {
                    self.lock().is_back = true;
                    Some(failure::note("connected again"))
                }
                News::Event(_) | News::Lost(_) => None,
            };
            let dropped = inbox.dropped().map(|dropped| failure::warning(&dropped));
            if line.into_iter().chain(dropped).any(|line| printer.print(line).is_err()) {
                return;
            }
        }
    }

    /// Whether the connection is another one than when this was asked last.
    pub(super) fn take_is_back(&self) -> bool {
        std::mem::take(&mut self.lock().is_back)
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    fn wants(&self, event: &Event) -> bool {
        self.names.contains(&event.name) || (self.all && !self.ignored.contains(&event.name))
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        match (self.all, self.ignored.is_empty(), self.names.is_empty()) {
            (true, true, _) => f.write_str("listening to all events"),
            (true, false, _) => write!(f, "listening to all events but {}", list(&self.ignored)),
            (false, _, true) => f.write_str("listening to no event"),
            (false, _, false) => write!(f, "listening to {}", list(&self.names)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_heard_is_what_was_asked_for() {
        let hearing = Hearing::default();
        let wants = |name: &str| {
            let payload = serde_json::value::to_raw_value(&()).expect("JSON");
            hearing.lock().wants(&Event { name: name.to_owned(), payload })
        };
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert!(!wants("a"));
        assert_eq!(hearing.hear(names(&["b", "a"])), "listening to a, b");
        assert!(wants("a") && !wants("c"));
        assert_eq!(hearing.ignore(&names(&["a"])), "listening to b");
        assert!(!wants("a"));
        assert_eq!(hearing.hear(Vec::new()), "listening to all events");
        assert_eq!(hearing.ignore(&names(&["c"])), "listening to all events but c");
        assert!(wants("a") && !wants("c"));
        assert_eq!(hearing.hear(names(&["c"])), "listening to all events");
        assert_eq!(hearing.ignore(&[]), "listening to no event");
        assert!(!wants("a") && !wants("c"));
    }
}
