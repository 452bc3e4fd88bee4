//! One incoming text: a message, a batch of messages, or what is wrong with it.

use std::{borrow::Cow, fmt, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{ErrorCode, ErrorObject, Id, Request, Response, depth, scan};

/// What one text holds.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// A message by itself, or a text that is none.
    Single(Result<Message<'a>, Invalid>),
    /// A batch that is not empty; each entry stands for itself.
    Batch(Vec<Result<Message<'a>, Invalid>>),
}

/// One message of a peer.
#[derive(Debug)]
pub enum Message<'a> {
    /// A call or a notification.
    Request(Request<'a>),
    /// An answer to a call that this side made.
    Response(Response<'a>),
}

/// A text, or an entry of a batch, that is no message. It is answered with `error` under `id`.
#[derive(Debug)]
pub struct Invalid {
    /// The id, where one could be read; else null.
    pub id: Id,
    /// -32700 for a text that is not JSON, -32600 for JSON that is no message.
    pub error: ErrorObject,
}

/// Reads one text. Never fails: what is wrong is part of what it returns.
///
/// ```
/// use conduit::protocol::{Incoming, Message, parse};
///
/// let Incoming::Single(Ok(Message::Request(request))) = parse(r#"{"jsonrpc":"2.0","method":"tick"}"#) else {
///     panic!("not a request");
/// };
/// assert_eq!((&*request.method, request.id), ("tick", None));
/// ```
#[must_use]
pub fn parse(text: &str) -> Incoming<'_> {
    parse_within(text, &Limits { batch: usize::MAX, depth: usize::MAX })
}

/// What a text of a peer that is not trusted may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries of a batch. No more of them than that are kept while it is read.
    pub batch: usize,
    /// Arrays and objects inside one another, the request's own and that of a batch among them.
    pub depth: usize,
}

/// [`parse`] for peers that are not trusted: a text over a limit is wrong as a whole.
#[must_use]
pub fn parse_within<'a>(text: &'a str, limits: &Limits) -> Incoming<'a> {
    let is_batch = text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('[');
    if is_batch {
        if let Some(entries) = scan::batch(text, limits, |request| Ok(Message::Request(request))) {
            return Incoming::Batch(entries);
        }
    } else if let Some(request) = scan::request(text, limits) {
        return Incoming::Single(Ok(Message::Request(request)));
    }
    if depth::is_over(text, limits.depth) {
        // What is no JSON is told so first.
        let invalid = match serde_json::from_str::<&RawValue>(text) {
            Err(error) => not_json(&error),
            Ok(_) => {
                // The id can be read all the same, or the caller would wait for its answer.
                let id = match message(text) {
                    Ok(Message::Request(Request { id: Some(id), .. })) => id,
                    _ => Id::NULL,
                };
                no_message(id, format!("arrays and objects lie inside one another more than {} deep", limits.depth))
            }
        };
        return Incoming::Single(Err(invalid));
    }
    if is_batch { batch(text, limits.batch) } else { Incoming::Single(message(text)) }
}

fn batch(text: &str, max: usize) -> Incoming<'_> {
    // In one pass where every entry is an object as it should be, which takes 15 % less; else each entry by itself.
    let mut deserializer = serde_json::Deserializer::from_str(text);
    if let Ok(envelopes) = (Envelopes { max }).deserialize(&mut deserializer)
        && deserializer.end().is_ok()
        && !envelopes.is_empty()
    {
        return Incoming::Batch(envelopes.into_iter().map(Envelope::into_message).collect());
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let entries = Entries { max }.deserialize(&mut deserializer);
    match entries.and_then(|entries| deserializer.end().map(|()| entries)) {
        Err(error) => Incoming::Single(Err(not_json(&error))),
        Ok((_, 0)) => Incoming::Single(Err(no_message(Id::NULL, "a batch must hold at least one request"))),
        Ok((_, count)) if count > max => {
            let why = format!("a batch of {count} is over the limit of {max}");
            Incoming::Single(Err(no_message(Id::NULL, why)))
        }
        Ok((entries, _)) => Incoming::Batch(entries.into_iter().map(|entry| message(entry.get())).collect()),
    }
}

/// Reads the entries of a batch as envelopes; an error for any that may be none, and for more than `max`.
struct Envelopes {
    max: usize,
}

impl<'de> DeserializeSeed<'de> for Envelopes {
    type Value = Vec<Envelope<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Envelopes {
    type Value = Vec<Envelope<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a batch")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut envelopes = Vec::new();
        while let Some(envelope) = seq.next_element::<Envelope<'de>>()? {
            if envelope.is_text_in_doubt || envelopes.len() == self.max {
                return Err(A::Error::custom("to be read entry by entry"));
            }
            envelopes.push(envelope);
        }
        Ok(envelopes)
    }
}

/// Reads the entries of a batch as their texts, and how many there are; beyond `max` only the number.
struct Entries {
    max: usize,
}

impl<'de> DeserializeSeed<'de> for Entries {
    type Value = (Vec<&'de RawValue>, usize);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries {
    type Value = (Vec<&'de RawValue>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a batch")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while entries.len() < self.max
            && let Some(entry) = seq.next_element()?
        {
            entries.push(entry);
        }
        let mut count = entries.len();
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok((entries, count))
    }
}

fn message(text: &str) -> Result<Message<'_>, Invalid> {
    match serde_json::from_str::<Envelope<'_>>(text) {
        Ok(envelope) if envelope.is_text_in_doubt => {
            serde_json::from_str::<&RawValue>(text).map_err(|error| not_json(&error))?;
            envelope.into_message()
        }
        Ok(envelope) => envelope.into_message(),
        // The envelope takes any value for every member, so a text that is JSON can only be no object. The parser
        // itself does not tell: it calls `1e400` malformed, which the grammar does not.
        Err(error) => Err(match serde_json::from_str::<&RawValue>(text) {
            Ok(_) => no_message(Id::NULL, "a request must be a JSON object"),
            Err(_) => not_json(&error),
        }),
    }
}

fn not_json(error: &serde_json::Error) -> Invalid {
    let message = format!("invalid JSON: {}", shortened(&error.to_string()));
    Invalid { id: Id::NULL, error: ErrorObject::with_code(ErrorCode::ParseError, message) }
}

fn no_message(id: Id, why: impl fmt::Display) -> Invalid {
    let message = format!("invalid request: {why}");
    Invalid { id, error: ErrorObject::with_code(ErrorCode::InvalidRequest, message) }
}

/// The members of an object that JSON-RPC gives a meaning, each as its text.
#[derive(Default)]
struct Envelope<'a> {
    jsonrpc: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
    params: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    result: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    timeout_ms: Option<&'a RawValue>,
    /// A member that stands there twice. Which of the two counts would be a guess, so neither does.
    twice: Option<&'static str>,
    /// Whether the name of a member holds what names are not looked at for when they are read as bytes.
    is_text_in_doubt: bool,
}

impl<'a> Envelope<'a> {
    fn into_message(self) -> Result<Message<'a>, Invalid> {
        let parsed = self.id.map(|raw| Id::parse(raw.get()));
        // The id to answer under: null where it is missing, given twice or of a wrong kind.
        let id = match &parsed {
            Some(Some(id)) if self.twice != Some("id") => id.clone(),
            _ => Id::NULL,
        };
        if let Some(member) = self.twice {
            return Err(no_message(id, format_args!("member `{member}` appears more than once")));
        }
        if let Some(raw) = self.id
            && parsed == Some(None)
        {
            return Err(no_message(id, format_args!("`id` must be a string, a number or null, not {}", kind(raw))));
        }
        match self.jsonrpc {
            Some(version) if string(version).as_deref() == Some("2.0") => {}
            Some(version) => {
                let seen = shortened(version.get());
                return Err(no_message(id, format_args!("`jsonrpc` must be \"2.0\", not {seen}")));
            }
            None => return Err(no_message(id, "member `jsonrpc` is missing; it must be \"2.0\"")),
        }
        if self.method.is_none() && (self.result.is_some() || self.error.is_some()) {
            return self.into_response(id).map(Message::Response);
        }
        self.into_request(id).map(Message::Request)
    }

    fn into_request(self, id: Id) -> Result<Request<'a>, Invalid> {
        let Some(method) = self.method else {
            return Err(no_message(id, "member `method` is missing"));
        };
        let Some(name) = string(method) else {
            return Err(no_message(id, format_args!("`method` must be a string, not {}", kind(method))));
        };
        // "If present, parameters for the rpc call MUST be provided as a Structured value." Null stands for
        // "not present": several languages can't leave a member out.
        let params = match self.params {
            Some(raw) if raw.get() == "null" => None,
            Some(raw) if !raw.get().starts_with(['{', '[']) => {
                let seen = if raw.get().starts_with('"') { "a string" } else { kind(raw) };
                return Err(no_message(id, format_args!("`params` must be an object or an array, not {seen}")));
            }
            params => params.map(RawValue::get),
        };
        let timeout = self.timeout_ms.map_or(Ok(None), milliseconds).map_err(|why| no_message(id.clone(), why))?;
        Ok(Request { method: name, params, id: self.id.is_some().then_some(id), timeout })
    }

    fn into_response(self, id: Id) -> Result<Response<'a>, Invalid> {
        let outcome = match (self.result, self.error) {
            (Some(result), None) => Ok(result),
            (None, Some(error)) => Err(serde_json::from_str(error.get()).map_err(|why| {
                no_message(id.clone(), format_args!("`error` is no error object: {}", shortened(&why.to_string())))
            })?),
            _ => return Err(no_message(id, "a response carries `result` or `error`, not both")),
        };
        Ok(Response { id, outcome })
    }
}

/// The text of a JSON string, borrowed where it holds no escape.
fn string<'a>(raw: &'a RawValue) -> Option<Cow<'a, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(raw.get()).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// How long a caller waits, or why that is no time.
fn milliseconds(raw: &RawValue) -> Result<Option<Duration>, String> {
    // Whole numbers are taken exactly, as where requests are scanned.
    if let Ok(whole) = raw.get().parse() {
        return Ok(Some(Duration::from_millis(whole)));
    }
    match serde_json::from_str::<Option<f64>>(raw.get()) {
        Ok(None) => Ok(None),
        Ok(Some(time)) if time >= 0.0 => Ok(Some(Duration::try_from_secs_f64(time / 1e3).unwrap_or(Duration::MAX))),
        _ => {
            let seen = shortened(raw.get());
            Err(format!("`timeout_ms` must be a number of milliseconds that is not negative, not {seen}"))
        }
    }
}

fn kind(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        // Where a string is wanted, only one that can't be decoded is refused.
        Some(b'"') => "a string that holds half of a surrogate pair",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// A piece of a peer's text that is safe to repeat in a message.
fn shortened(text: &str) -> Cow<'_, str> {
    const LIMIT: usize = 100;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}...", &text[..end]).into(),
        None => text.into(),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

struct EnvelopeVisitor;

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'de>, A::Error> {
        let mut envelope = Envelope::default();
        while let Some(member) = map.next_key::<Member>()? {
            let (slot, name) = match member {
                Member::Jsonrpc => (&mut envelope.jsonrpc, "jsonrpc"),
                Member::Method => (&mut envelope.method, "method"),
                Member::Params => (&mut envelope.params, "params"),
                Member::Id => (&mut envelope.id, "id"),
                Member::Result => (&mut envelope.result, "result"),
                Member::Error => (&mut envelope.error, "error"),
                Member::TimeoutMs => (&mut envelope.timeout_ms, "timeout_ms"),
                Member::Other { in_doubt } => {
                    envelope.is_text_in_doubt |= in_doubt;
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if slot.replace(map.next_value()?).is_some() {
                envelope.twice = Some(name);
            }
        }
        Ok(envelope)
    }
}

/// The name of a member. One that can't be decoded, such as half of a surrogate pair, is none of JSON-RPC's.
enum Member {
    Jsonrpc,
    Method,
    Params,
    Id,
    Result,
    Error,
    TimeoutMs,
    Other { in_doubt: bool },
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As bytes: a string would have to be one that can be decoded.
        deserializer.deserialize_bytes(MemberVisitor)
    }
}

struct MemberVisitor;

impl Visitor<'_> for MemberVisitor {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Member, E> {
        Ok(match name {
            b"jsonrpc" => Member::Jsonrpc,
            b"method" => Member::Method,
            b"params" => Member::Params,
            b"id" => Member::Id,
            b"result" => Member::Result,
            b"error" => Member::Error,
            b"timeout_ms" => Member::TimeoutMs,
            // A control character is no JSON unless it was escaped, which the bytes do not tell.
            name => Member::Other { in_doubt: name.iter().any(u8::is_ascii_control) },
        })
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Member, E> {
        self.visit_bytes(name.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code and the id that a text is refused with.
    fn refusal(text: &str) -> (i64, String) {
        match parse(text) {
            Incoming::Single(Err(invalid)) => (invalid.error.code(), invalid.id.to_string()),
            other => panic!("{text} was taken: {other:?}"),
        }
    }

    #[test]
    fn the_time_that_a_caller_waits_is_a_number_of_milliseconds() {
        let request = |time: &str| format!(r#"{{"jsonrpc":"2.0","method":"m","timeout_ms":{time},"id":1}}"#);
        for (time, wanted) in [
            ("250", Some(Duration::from_millis(250))),
            ("0", Some(Duration::ZERO)),
            ("0.5", Some(Duration::from_micros(500))),
            ("1e3", Some(Duration::from_secs(1))),
            ("1e300", Some(Duration::MAX)),
            ("null", None),
        ] {
            let text = request(time);
            let Incoming::Single(Ok(Message::Request(request))) = parse(&text) else { panic!("not a request: {time}") };
            assert_eq!(request.timeout, wanted, "{time}");
        }
        for time in ["-1", "\"1s\"", "true", "[1]", "1e400"] {
            assert_eq!(refusal(&request(time)), (-32600, "1".to_owned()), "{time}");
        }
        assert_eq!(refusal(&request("1,\"timeout_ms\":1")).0, -32600);
    }

    #[test]
    fn text_that_is_not_json_is_a_parse_error() {
        for text in
            ["", " ", "{", "[", "[1,", "nul", "{\"a\":}", "{} {}", "[] []", "\"a", "{\"jsonrpc\":\"2.0\"", "\u{feff}{}"]
        {
            assert_eq!(refusal(text), (-32700, "null".into()), "{text}");
        }
    }

    #[test]
    fn json_that_is_no_request_is_an_invalid_request() {
        for text in [
            "1",
            "\"a\"",
            "null",
            "true",
            " 1.5e3 ",
            "1e400",
            "[]",
            "{}",
            "{\"jsonrpc\":\"2.0\"}",
            "{\"method\":\"m\"}",
        ] {
            assert_eq!(refusal(text), (-32600, "null".into()), "{text}");
        }
    }

    #[test]
    fn a_bad_request_is_answered_under_its_id_where_it_has_one() {
        let one = "1".to_owned();
        assert_eq!(refusal(r#"{"jsonrpc":"2.0","method":1,"id":1}"#), (-32600, one.clone()));
        assert_eq!(refusal(r#"{"jsonrpc":"1.0","method":"m","id":1}"#), (-32600, one.clone()));
        assert_eq!(refusal(r#"{"jsonrpc":"2.0","method":"m","params":7,"id":1}"#), (-32600, one));
        assert_eq!(refusal(r#"{"jsonrpc":"2.0","method":"m","id":[1]}"#), (-32600, "null".into()));
    }

    #[test]
    fn a_member_given_twice_is_an_invalid_request() {
        assert_eq!(refusal(r#"{"jsonrpc":"2.0","method":"a","method":"b","id":1}"#), (-32600, "1".into()));
        assert_eq!(refusal(r#"{"jsonrpc":"2.0","method":"a","id":1,"id":2}"#), (-32600, "null".into()));
    }

    #[test]
    fn half_of_a_surrogate_pair_is_no_string_and_harms_nothing_where_nobody_reads_it() {
        assert_eq!(refusal(r#"{"jsonrpc":"2.0","method":"\ud800","id":1}"#), (-32600, "1".into()));
        assert_eq!(refusal(r#"{"jsonrpc":"2.0","method":"m","id":"\ud800"}"#), (-32600, "null".into()));
        let Incoming::Single(Ok(Message::Request(request))) =
            parse(r#"{"\ud800":1,"jsonrpc":"2.0","method":"m","id":1}"#)
        else {
            panic!("not a request")
        };
        assert_eq!(request.id, Some(Id::from(1)));
        assert_eq!(refusal("{\"a\u{0}\":1,\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1}").0, -32700);
        assert_eq!(refusal(r#"{"a\u0000":1,"jsonrpc":"2.0","method":7,"id":1}"#), (-32600, "1".into()));
    }

    #[test]
    fn what_a_peer_sent_is_not_repeated_at_length() {
        let long = "\u{200b}".repeat(5000);
        for text in [
            format!("\"{long}\" x"),
            format!(r#"{{"jsonrpc":"2.0","error":"{long}","id":1}}"#),
            format!(r#"{{"jsonrpc":"{long}","method":"m","id":1}}"#),
        ] {
            match parse(&text) {
                Incoming::Single(Err(invalid)) => assert!(invalid.error.message().len() < 700, "{}", invalid.error),
                other => panic!("taken: {other:?}"),
            }
        }
    }

    #[test]
    fn members_may_stand_in_any_order_and_others_are_ignored() {
        let Incoming::Single(Ok(Message::Request(request))) =
            parse(r#"{"id":"x","trace":{"a":[1]},"params":[1],"method":"\u0061dd","jsonrpc":"2.0"}"#)
        else {
            panic!("not a request")
        };
        assert_eq!((&*request.method, request.params.unwrap()), ("add", "[1]"));
        assert_eq!(request.id, Some(Id::from("x")));
    }

    #[test]
    fn a_null_id_is_an_id_and_null_params_are_none() {
        let Incoming::Single(Ok(Message::Request(request))) =
            parse(r#"{"jsonrpc":"2.0","method":"m","params":null,"id":null}"#)
        else {
            panic!("not a request")
        };
        assert_eq!((request.id, request.params.is_none()), (Some(Id::NULL), true));
    }

    #[test]
    fn responses_are_told_from_requests() {
        let Incoming::Single(Ok(Message::Response(response))) =
            parse(r#"{"jsonrpc":"2.0","error":{"code":5,"message":"no","data":[1]},"id":3}"#)
        else {
            panic!("not a response")
        };
        let error = response.outcome.unwrap_err();
        assert_eq!((error.code(), error.message(), error.data().unwrap().get()), (5, "no", "[1]"));
        assert_eq!(refusal(r#"{"jsonrpc":"2.0","result":1,"error":{"code":1,"message":""},"id":3}"#).0, -32600);
    }
}
