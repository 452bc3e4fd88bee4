//! The terminal client: events of the server become lines to read, lines that are typed become calls.

use std::io::{BufRead, stdin};

use conduit::{Client, Event};
use serde_json::json;
use tokio::sync::mpsc;

use crate::{
    Result,
    room::{Joined, Left, Said, Say},
};

/// One who is in a room.
pub struct Terminal {
    client: Client,
    room: String,
    /// What the handlers of events write, and the answers to what was typed.
    writer: mpsc::UnboundedSender<String>,
    lines: mpsc::UnboundedReceiver<String>,
}

/// Shows what is said in a room, and says what is typed, up to the end of the input.
pub async fn run(url: &str, name: &str, room: &str) -> Result {
    let mut terminal = Terminal::join(url, name, room).await?;
    let client = terminal.client.clone();
    let mut input = typed();
    loop {
        tokio::select! {
            // First: what was said before the connection closed is shown.
            biased;
            line = terminal.read() => println!("{line}"),
            end = client.closed() => return Err(format!("the server closed the connection: {}", end.reason).into()),
            // What is said keeps its order because each waits for the one before.
            line = input.recv() => match line {
                Some(line) => terminal.enter(&line).await?,
                None => break,
            },
        }
    }
    terminal.close().await;
    Ok(())
}

/// The lines of the input, from a thread that the end of the program does not wait for.
fn typed() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        let lines = stdin().lock().lines();
        lines.map_while(|line| line.ok()).try_for_each(|line| sender.blocking_send(line))
    });
    receiver
}

impl Terminal {
    /// Connects, and enters the room.
    pub async fn join(url: &str, name: &str, room: &str) -> Result<Self> {
        let (writer, lines) = mpsc::unbounded_channel();
        let client = Client::connect(url)
            .password(name)
            // Who is not there misses what is said: better to know.
            .reconnect(false)
            .on_event(writing(&writer, |said: Said| format!("{}: {}", said.name, said.text)))
            .on_event(writing(&writer, |joined: Joined| format!("* {} joined", joined.name)))
            .on_event(writing(&writer, |left: Left| format!("* {} left", left.name)))
            .await?;
        let terminal = Self { client, room: room.to_owned(), writer, lines };
        // A name that is taken is refused once the connection is there, so that this call learns it.
        let here = terminal.who("room.join").await.map_err(|error| match error.close_reason() {
            Some(reason) => reason.to_owned(),
            None => error.to_string(),
        })?;
        terminal.write(&here);
        Ok(terminal)
    }

    /// Takes a line that was typed: `/here` asks who is here, any other is said.
    pub async fn enter(&self, line: &str) -> Result {
        let answer = match line.trim() {
            "" => return Ok(()),
            "/here" => self.who("room.here").await.map(Some),
            text => {
                let say = Say { room: self.room.clone(), text: text.to_owned() };
                self.client.call::<i64>(Say::NAME, &say).await.map(|_| None)
            }
        };
        match answer {
            Ok(None) => {}
            Ok(Some(line)) => self.write(&line),
            Err(error) => match error.object() {
                Some(refusal) => {
                    let data = refusal.data().map_or("", |data| data.get());
                    self.write(&format!("! {} {data}", refusal.message()));
                }
                None => return Err(error.into()),
            },
        }
        Ok(())
    }

    async fn who(&self, method: &str) -> conduit::Result<String> {
        let names: Vec<String> = self.client.call(method, json!({ "room": self.room })).await?;
        Ok(format!("* here: {}", names.join(", ")))
    }

    /// The next line to show.
    pub async fn read(&mut self) -> String {
        self.lines.recv().await.expect("this terminal can write itself")
    }

    fn write(&self, line: &str) {
        self.writer.send(safe(line)).expect("this terminal can read itself");
    }

    /// Says goodbye.
    pub async fn close(self) {
        self.client.close().await;
    }
}

/// A handler that makes a line of an event. It waits for nothing, so that lines keep the order of the events.
fn writing<E: Event>(
    writer: &mpsc::UnboundedSender<String>,
    line: fn(E) -> String,
) -> impl Fn(E) -> std::future::Ready<()> + Send + Sync + use<E> {
    let writer = writer.clone();
    move |event| {
        // The reader is gone when the terminal is, and the connection with it.
        let _ = writer.send(safe(&line(event)));
        std::future::ready(())
    }
}

/// A line that is safe to show: others must not steer the terminal.
fn safe(line: &str) -> String {
    line.replace(char::is_control, " ")
}
