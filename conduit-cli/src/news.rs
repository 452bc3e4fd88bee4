//! What comes from a server unasked: events, and that the connection was lost or made again.

use std::{
    collections::BTreeSet,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use conduit::{Client, CloseCode, Connect, Disconnected};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    output::{
        self, Output,
        style::{self, paint},
    },
    pretty,
};

/// News that may wait to be read; later ones are dropped and counted.
const QUEUE: usize = 10_000;

#[derive(Debug)]
pub(crate) enum News {
    Event(Event),
    /// The connection has ended. Another one follows, unless the client has ended as well.
    Lost(Disconnected),
    Back,
    /// The client has ended: no other connection follows.
    Ended(Disconnected),
}

/// An event that came.
#[derive(Debug, Serialize)]
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

/// How a connection ended, for people.
pub(crate) fn ending(end: &Disconnected) -> String {
    let why = if end.reason.is_empty() { String::new() } else { format!(": {}", output::safe(&end.reason)) };
    match end.code {
        // No server sent the code, and the reason says all.
        CloseCode::ABNORMAL | CloseCode::UNAUTHORIZED if !why.is_empty() => format!("the connection ended{why}"),
        code => format!("the connection ended with code {code}{why}"),
    }
}

/// Where news come in.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    news: mpsc::Sender<News>,
    dropped: Arc<AtomicU64>,
}

/// Where news wait to be read.
#[derive(Debug)]
pub(crate) struct Inbox {
    news: mpsc::Receiver<News>,
    dropped: Arc<AtomicU64>,
}

pub(crate) fn inbox() -> (Feed, Inbox) {
    let (sender, news) = mpsc::channel(QUEUE);
    let dropped = Arc::new(AtomicU64::new(0));
    (Feed { news: sender, dropped: Arc::clone(&dropped) }, Inbox { news, dropped })
}

impl Feed {
    /// Takes these events of a connection; all of them where none is named.
    pub(crate) fn events(&self, connect: Connect, events: &[String]) -> Connect {
        let all = ["*".to_owned()];
        let names: BTreeSet<&String> = if events.is_empty() { all.iter().collect() } else { events.iter().collect() };
        names.into_iter().fold(connect, |connect, name| {
            let feed = self.clone();
            connect.on(name.as_str(), move |name: String, payload: Box<RawValue>| {
                feed.push(News::Event(Event { name, payload }));
                ready(())
            })
        })
    }

    /// Has a connection made again when it is lost, and takes the news of that.
    pub(crate) fn reconnecting(&self, connect: Connect) -> Connect {
        let (lost, back) = (self.clone(), self.clone());
        let connect = connect.reconnect(true).on_disconnect(move |end: Disconnected| {
            lost.push(News::Lost(end));
            ready(())
        });
        connect.on_reconnect(move |_: u32| {
            back.push(News::Back);
            ready(())
        })
    }

    /// Takes the end of a client.
    pub(crate) fn end_of(&self, client: Client) -> JoinHandle<()> {
        let feed = self.clone();
        tokio::spawn(async move { feed.push(News::Ended(client.closed().await)) })
    }

    fn push(&self, news: News) {
        if self.news.try_send(news).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Inbox {
    /// The next; `None` when no feed is left.
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<News> {
        self.news.recv().await
    }

    /// What is to be said of those that were dropped since it was said last.
    pub(crate) fn dropped(&self) -> Option<String> {
        match self.dropped.swap(0, Ordering::Relaxed) {
            0 => None,
            dropped => Some(format!("{dropped} events were dropped: the output is read more slowly than they come")),
        }
    }
}
