//! What each server is asked, and what it must answer.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::frame;
use crate::servers::Name;

/// What is called.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Add,
    /// A text of so many bytes.
    Echo(usize),
    CreateUser,
    CreateUserUnchecked,
    /// So many `add`s in one message.
    Batch(usize),
    Slow,
    /// So many events of so many bytes to everybody.
    Emit {
        count: usize,
        bytes: usize,
    },
    Join {
        rooms: usize,
    },
    EmitTo {
        room: usize,
        bytes: usize,
    },
    /// A method by its number, which answers with one more than its argument.
    Numbered(usize),
}

/// The language of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    JsonRpc,
    /// JSON-RPC is sent and comes back as it is.
    Mirror,
    /// Socket.IO 5 over Engine.IO 4.
    SocketIo,
}

/// Ids begin here, so that all have as many digits and all frames of a call are of one length.
pub(crate) const FIRST_ID: u32 = 1_000_000;

impl Dialect {
    pub(crate) fn of(server: Name) -> Self {
        match server {
            Name::Conduit | Name::ByHand | Name::Jsonrpsee => Self::JsonRpc,
            Name::Bare => Self::Mirror,
            Name::Socketioxide => Self::SocketIo,
        }
    }

    /// The path of the handshake's URL.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::SocketIo => "/socket.io/?EIO=4&transport=websocket",
            _ => "/",
        }
    }

    /// What a connection says first, and how many frames it gets before it may call.
    pub(crate) fn greeting(self) -> (Option<&'static str>, usize) {
        match self {
            // "open" of Engine.IO comes by itself, "connect" of Socket.IO is answered.
            Self::SocketIo => (Some("40"), 2),
            _ => (None, 0),
        }
    }

    /// The text of a request.
    pub(crate) fn request(self, call: &Call, id: u32) -> String {
        if let Call::Batch(calls) = call {
            let calls: Vec<String> = (0..*calls as u32).map(|n| self.request(&Call::Add, id + n)).collect();
            return format!("[{}]", calls.join(","));
        }
        let (method, params) = (call.method(), call.params(id));
        match self {
            Self::SocketIo => format!(r#"42{id}["{method}",{params}]"#),
            _ => format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params},"id":{id}}}"#),
        }
    }

    /// The whole frame of a request.
    pub(crate) fn frame(self, call: &Call, id: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame::write_masked(&mut bytes, frame::TEXT, self.request(call, id).as_bytes());
        bytes
    }

    /// Checks that an answer is the right one to a request of this kind, whichever of them.
    pub(crate) fn check(self, call: &Call, answer: &[u8]) -> Result<()> {
        let text = std::str::from_utf8(answer).context("an answer is not UTF-8")?;
        let shown = || text.chars().take(300).collect::<String>();
        match self {
            Self::Mirror => {
                let id = self.id(answer).with_context(|| format!("no id in {}", shown()))?;
                let first = if let Call::Batch(calls) = call { id + 1 - *calls as u32 } else { id };
                ensure!(text == self.request(call, first), "this came back: {}", shown());
            }
            Self::SocketIo => {
                let id = self.id(answer).with_context(|| format!("no ack: {}", shown()))?;
                let ack: Value = serde_json::from_str(text.trim_start_matches(|c: char| c.is_ascii_digit()))?;
                ensure!(ack == json!([call.result(id)]), "this was acknowledged: {}", shown());
            }
            Self::JsonRpc => {
                let answers: Value = serde_json::from_str(text)?;
                let answers = match (call, &answers) {
                    (Call::Batch(calls), Value::Array(all)) if all.len() == *calls => all.iter().collect(),
                    (Call::Batch(_), _) => vec![],
                    (_, one) => vec![one],
                };
                ensure!(!answers.is_empty(), "this is no answer to a batch: {}", shown());
                for answer in answers {
                    let id = answer["id"].as_u64().with_context(|| format!("no id in {}", shown()))?;
                    ensure!(answer["result"] == call.result(id as u32), "this was answered: {}", shown());
                }
            }
        }
        Ok(())
    }

    /// The id that an answer is to; of a batch the last.
    pub(crate) fn id(self, answer: &[u8]) -> Option<u32> {
        let from = match self {
            Self::SocketIo => answer.strip_prefix(b"43")?,
            _ => {
                // At the end with most servers, at the beginning with others; texts may be long.
                let name = b"\"id\":";
                let at = answer.windows(name.len()).rposition(|part| part == name)?;
                &answer[at + name.len()..]
            }
        };
        let digits = from.iter().take_while(|byte| byte.is_ascii_digit());
        let id = digits.fold(0, |id: u32, digit| id.wrapping_mul(10).wrapping_add(u32::from(digit - b'0')));
        (id >= FIRST_ID).then_some(id)
    }
}

impl Call {
    fn method(&self) -> String {
        match self {
            Self::Add | Self::Batch(_) => "add".into(),
            Self::Echo(_) => "echo".into(),
            Self::CreateUser => "create_user".into(),
            Self::CreateUserUnchecked => "create_user_unchecked".into(),
            Self::Slow => "slow".into(),
            Self::Emit { .. } => "emit".into(),
            Self::Join { .. } => "join".into(),
            Self::EmitTo { .. } => "emit_to".into(),
            Self::Numbered(number) => format!("m{number}"),
        }
    }

    fn params(&self, id: u32) -> Value {
        match self {
            Self::Add | Self::Batch(_) => json!({ "a": id, "b": 2 }),
            Self::Echo(bytes) => json!({ "text": text(*bytes) }),
            Self::CreateUser | Self::CreateUserUnchecked => {
                json!({ "username": "ferris", "email": "ferris@example.org", "age": 11, "nickname": "crab" })
            }
            Self::Slow => json!({}),
            Self::Emit { count, bytes } => json!({ "count": count, "bytes": bytes }),
            Self::Join { rooms } => json!({ "rooms": rooms }),
            Self::EmitTo { room, bytes } => json!({ "room": format!("r{room}"), "bytes": bytes }),
            Self::Numbered(_) => json!([id]),
        }
    }

    /// What the method must return. Of those that answer with a count, nobody asks.
    fn result(&self, id: u32) -> Value {
        match self {
            Self::Add | Self::Batch(_) => json!(id + 2),
            Self::Echo(bytes) => json!(text(*bytes)),
            Self::CreateUser | Self::CreateUserUnchecked => json!("ferrisferris@example.orgcrab".len() + 11),
            Self::Slow => json!(true),
            Self::Numbered(_) => json!(id + 1),
            Self::Emit { .. } | Self::Join { .. } | Self::EmitTo { .. } => Value::Null,
        }
    }
}

/// Prose-like text without anything to escape.
fn text(bytes: usize) -> String {
    "a text that comes back as it was sent, ".chars().cycle().take(bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_answers_are_found() {
        let id = FIRST_ID + 5;
        for (dialect, right, wrong) in [
            (
                Dialect::JsonRpc,
                r#"{"jsonrpc":"2.0","result":1000007,"id":1000005}"#,
                r#"{"jsonrpc":"2.0","result":7,"id":1000005}"#,
            ),
            (Dialect::SocketIo, "431000005[1000007]", "431000005[1]"),
        ] {
            dialect.check(&Call::Add, right.as_bytes()).unwrap();
            assert!(dialect.check(&Call::Add, wrong.as_bytes()).is_err());
            assert_eq!(dialect.id(right.as_bytes()), Some(id));
        }
        let sent = Dialect::Mirror.request(&Call::Add, id);
        Dialect::Mirror.check(&Call::Add, sent.as_bytes()).unwrap();
        assert!(Dialect::Mirror.check(&Call::Add, sent.replace("\"b\":2", "\"b\":3").as_bytes()).is_err());
    }

    #[test]
    fn a_batch_must_be_answered_whole() {
        let answer = |id: u32| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{}}}"#, id + 2);
        let batch = format!("[{},{}]", answer(FIRST_ID), answer(FIRST_ID + 1));
        Dialect::JsonRpc.check(&Call::Batch(2), batch.as_bytes()).unwrap();
        assert!(Dialect::JsonRpc.check(&Call::Batch(3), batch.as_bytes()).is_err());
        assert_eq!(Dialect::JsonRpc.id(batch.as_bytes()), Some(FIRST_ID + 1));
    }

    #[test]
    fn all_frames_of_a_call_are_of_one_length() {
        for dialect in [Dialect::JsonRpc, Dialect::SocketIo] {
            let len = |n| dialect.frame(&Call::Add, FIRST_ID + n).len();
            assert!(len(0) == len(9) && len(0) == len(4095));
        }
    }
}
