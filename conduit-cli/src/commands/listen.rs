//! `conduit listen`: events as they come.

use std::{
    collections::BTreeSet,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use conduit::Connect;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::{
    args::Listen,
    exit::Exit,
    failure::{Failure, Result, inform, warn},
    interrupts::Interrupts,
    output::{
        self, Output,
        style::{self, paint},
    },
    pretty,
    session::{Login, Session},
};

/// Events that may wait to be written.
const QUEUE: usize = 10_000;

pub(crate) async fn run(args: Listen, output: Output, mut interrupts: Interrupts) -> Result {
    let (feed, mut inbox) = inbox();
    let open = Session::open_with(&args.server, Login::Needed, |connect| feed.of(connect, &args.events));
    let session = interrupts.guard(open).await?;
    inform_unless(output.json, || format!("listening to {}; Ctrl-C ends it", session.server.url));
    let mut left = args.count.unwrap_or(u64::MAX);
    let ended = loop {
        if left == 0 {
            break Ok(());
        }
        tokio::select! {
            // What came before the connection closed is written.
            biased;
            event = inbox.next() => {
                output::line(&event.expect("the feed is kept").line(output))?;
                left -= 1;
            }
            end = session.client.closed() => {
                let why = if end.reason.is_empty() { String::new() } else { format!(": {}", end.reason) };
                break Err(Failure::new(Exit::Closed, format!("the connection ended with code {}{why}", end.code)));
            }
            () = interrupts.next() => break Ok(()),
        }
        inbox.tell_missed();
    };
    session.close().await;
    ended
}

fn inform_unless(is_json: bool, message: impl FnOnce() -> String) {
    if !is_json {
        inform(message());
    }
}

/// An event that came.
#[derive(Serialize)]
pub(crate) struct Event {
    #[serde(rename = "event")]
    pub(crate) name: String,
    #[serde(rename = "data")]
    pub(crate) payload: Box<RawValue>,
}

impl Event {
    /// The event on one line: for scripts, or with the time for people.
    pub(crate) fn line(&self, output: Output) -> String {
        let Self { name, payload } = self;
        if output.json {
            return pretty::compact(&serde_json::to_string(self).expect("a name and JSON are JSON"));
        }
        let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let name = paint(style::NAME, &output::safe(name));
        format!("{} {name} {}", paint(style::FAINT, &time), pretty::colored_line(payload.get()))
    }
}

/// What handlers of events fill.
#[derive(Clone)]
pub(crate) struct Feed {
    events: mpsc::Sender<Event>,
    missed: Arc<AtomicU64>,
}

/// Where events wait to be written.
pub(crate) struct Inbox {
    events: mpsc::Receiver<Event>,
    missed: Arc<AtomicU64>,
}

pub(crate) fn inbox() -> (Feed, Inbox) {
    let (sender, events) = mpsc::channel(QUEUE);
    let missed = Arc::new(AtomicU64::new(0));
    (Feed { events: sender, missed: Arc::clone(&missed) }, Inbox { events, missed })
}

impl Feed {
    /// Takes these events of a connection; all of them where none is named.
    pub(crate) fn of(&self, connect: Connect, events: &[String]) -> Connect {
        let all = ["*".to_owned()];
        let names: BTreeSet<&String> = if events.is_empty() { all.iter().collect() } else { events.iter().collect() };
        names.into_iter().fold(connect, |connect, name| {
            let feed = self.clone();
            connect.on(name.as_str(), move |name: String, payload: Box<RawValue>| {
                feed.push(Event { name, payload });
                ready(())
            })
        })
    }

    fn push(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Inbox {
    /// The next event; `None` when no feed is left.
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Says how many events were dropped since it was said last.
    pub(crate) fn tell_missed(&self) {
        match self.missed.swap(0, Ordering::Relaxed) {
            0 => {}
            missed => warn(format!("{missed} events were dropped: the output is read more slowly than they come")),
        }
    }
}
