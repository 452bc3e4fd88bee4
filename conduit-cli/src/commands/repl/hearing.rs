//! The events that somebody at a shell wants to hear of.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use conduit::Client;
use tokio::task::JoinHandle;

use super::editor::Printer;
use crate::{
    news::{Event, Feed, Inbox, News, ending},
    output::{Level, Output},
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
    client: Option<Client>,
    /// What tells of the end of the client.
    end: Option<JoinHandle<()>>,
}

impl Hearing {
    /// Hears these events from now on, or all of them where none is named; says what is heard then.
    pub(super) fn hear(&self, events: Vec<String>) -> String {
        let mut heard = self.lock();
        if events.is_empty() {
            heard.only(true);
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
            heard.only(false);
        }
        for event in events {
            heard.names.remove(event);
            if heard.all {
                heard.ignored.insert(event.clone());
            }
        }
        heard.to_string()
    }

    /// Tells from now on of the connections of this client, which takes the place of one that has ended.
    pub(super) fn follow(&self, client: &Client, feed: &Feed) {
        let mut heard = self.lock();
        heard.end = Some(feed.end_of(client.clone()));
        heard.client = Some(client.clone());
    }

    /// Tells of no client any more: this one is being closed.
    pub(super) fn unfollow(&self) {
        let mut heard = self.lock();
        heard.end.take().inspect(JoinHandle::abort);
        heard.client = None;
    }

    /// Prints what is heard, as it comes, and what becomes of the connection.
    pub(super) async fn print(self, mut inbox: Inbox, output: Output, mut printer: Printer) {
        while let Some(news) = inbox.next().await {
            let printed = match news {
                News::Event(event) if self.lock().wants(&event) => printer.print(event.line(output)),
                News::Lost(end) if self.lock().comes_back() => {
                    printer.say(output, Level::Warning, &format!("{}; connecting again", ending(&end)))
                }
                News::Ended(end) => {
                    printer.say(output, Level::Warning, &format!("{}; the next line connects again", ending(&end)))
                }
                News::Back => {
                    self.set_is_back();
                    printer.say(output, Level::Note, "connected again")
                }
                News::Event(_) | News::Lost(_) => Ok(()),
            };
            let told = printed.and_then(|()| match inbox.dropped() {
                Some(dropped) => printer.say(output, Level::Warning, &dropped),
                None => Ok(()),
            });
            if told.is_err() {
                return;
            }
        }
    }

    /// Whether the connection is another one than when this was asked last.
    pub(super) fn take_is_back(&self) -> bool {
        std::mem::take(&mut self.lock().is_back)
    }

    pub(super) fn set_is_back(&self) {
        self.lock().is_back = true;
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    /// Whether another connection follows one that is lost.
    fn comes_back(&self) -> bool {
        self.client.as_ref().is_some_and(|client| !client.is_closed())
    }

    /// Hears all, or nothing, and has no names to tell them by.
    fn only(&mut self, all: bool) {
        self.all = all;
        self.names.clear();
        self.ignored.clear();
    }

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
