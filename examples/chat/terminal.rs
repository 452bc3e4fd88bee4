//! The terminal client: JSON-RPC messages over a WebSocket, one by one, as any client in any language does it.

use std::io::{BufRead, stdin};

use conduit::{
    Event, Id,
    protocol::{Incoming, Message as Rpc, Request, Response, parse, request_text},
};
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use serde_json::{from_str, json};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::{
    Result,
    room::{Joined, Left, Said, Say},
};

/// One who is in a room.
pub struct Terminal {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    room: String,
    /// Calls that wait for their answers.
    waiting: usize,
}

/// What came of a message of the server.
pub enum Heard {
    /// A line to show.
    Line(String),
    /// Nothing to show.
    Nothing,
    /// The server has closed the connection.
    End,
}

/// Shows what is said in a room, and says what is typed, up to the end of the input.
pub async fn run(url: &str, name: &str, room: &str) -> Result {
    let mut terminal = Terminal::join(url, name, room).await?;
    let mut input = lines();
    loop {
        tokio::select! {
            heard = terminal.hear() => match heard? {
                Heard::Line(line) => println!("{line}"),
                Heard::Nothing => {}
                Heard::End => return Err("the server closed the connection".into()),
            },
            // Calls run side by side; what is said keeps its order because each waits for the one before.
            line = input.recv(), if terminal.waiting == 0 => match line {
                Some(line) => terminal.enter(&line).await?,
                None => return terminal.close().await,
            },
        }
    }
}

/// The lines of the input, from a thread that the end of the program does not wait for.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        let lines = stdin().lock().lines();
        lines.map_while(|line| line.ok()).try_for_each(|line| sender.blocking_send(line))
    });
    receiver
}

impl Terminal {
    /// Connects, logs in, and enters the room. The answers are yet to be heard.
    pub async fn join(url: &str, name: &str, room: &str) -> Result<Self> {
        let (socket, _) = connect_async(url).await?;
        let mut terminal = Self { socket, room: room.to_owned(), waiting: 0 };
        terminal.send("rpc.login", &json!({ "token": name })).await?;
        terminal.send("room.join", &json!({ "room": room })).await?;
        Ok(terminal)
    }

    /// Takes a line that was typed: `/here` asks who is here, any other is said.
    pub async fn enter(&mut self, line: &str) -> Result {
        match line.trim() {
            "" => Ok(()),
            "/here" => self.send("room.here", &json!({ "room": self.room })).await,
            text => self.send(Say::NAME, &Say { room: self.room.clone(), text: text.to_owned() }).await,
        }
    }

    /// Sends a call whose id is the name of the method, so that the answer tells what it answers.
    async fn send(&mut self, method: &str, params: &impl Serialize) -> Result {
        let text = request_text(method, Some(params), Some(&Id::from(method)))?;
        self.waiting += 1;
        Ok(self.socket.send(Message::text(text)).await?)
    }

    /// The next message of the server. Loses nothing when it is dropped.
    pub async fn hear(&mut self) -> Result<Heard> {
        match self.socket.next().await.transpose()? {
            Some(Message::Text(text)) => match parse(&text) {
                Incoming::Single(Ok(Rpc::Request(event))) => self.event(&event),
                Incoming::Single(Ok(Rpc::Response(answer))) => self.answer(&answer),
                _ => Err(format!("this is no message: {text}").into()),
            },
            Some(_) => Ok(Heard::Nothing),
            None => Ok(Heard::End),
        }
    }

    fn event(&self, event: &Request<'_>) -> Result<Heard> {
        let params = event.params.map_or("null", |params| params.get());
        Ok(match &*event.method {
            Said::NAME => {
                let Said { name, text, .. } = from_str(params)?;
                line(&format!("{name}: {text}"))
            }
            Joined::NAME => line(&format!("* {} joined", from_str::<Joined>(params)?.name)),
            Left::NAME => line(&format!("* {} left", from_str::<Left>(params)?.name)),
            _ => Heard::Nothing,
        })
    }

    fn answer(&mut self, answer: &Response<'_>) -> Result<Heard> {
        self.waiting = self.waiting.saturating_sub(1);
        match (answer.id.as_str(), &answer.outcome) {
            (Some("room.join" | "room.here"), Ok(names)) => {
                Ok(line(&format!("* here: {}", from_str::<Vec<String>>(names.get())?.join(", "))))
            }
            (_, Ok(_)) => Ok(Heard::Nothing),
            (Some("rpc.login" | "room.join"), Err(error)) => Err(error.message().into()),
            (_, Err(error)) => {
                let data = error.data().map_or("", |data| data.get());
                Ok(line(&format!("! {} {data}", error.message())))
            }
        }
    }

    /// Says goodbye.
    pub async fn close(mut self) -> Result {
        self.socket.close(None).await?;
        while self.socket.next().await.is_some_and(|message| message.is_ok()) {}
        Ok(())
    }
}

/// A line that is safe to show: others must not steer the terminal.
fn line(text: &str) -> Heard {
    Heard::Line(text.replace(char::is_control, " "))
}
