//! What must hold for any text that `conduit::protocol::parse` reads.
//!
//! The fuzzer searches for a text that breaks it (`fuzz/run`); the tests hold it to the seeds and to texts made
//! from them (`tests/parser_corpus.rs`).

use conduit::protocol::{
    ErrorCode, Id, Incoming, Invalid, Message, Request, Response, error_text, parse, request_text, result_text,
};
use serde_json::{Value, value::RawValue};

/// Panics when the parser breaks a promise on this text.
pub fn check_parse(text: &str) {
    match (parse(text), raw(text)) {
        (Incoming::Single(Err(invalid)), None) => {
            assert_eq!(code(&invalid), ErrorCode::ParseError);
            assert!(invalid.id.is_null());
            check_invalid(&invalid);
        }
        (incoming, None) => panic!("read as {incoming:?}, but it is not JSON"),
        (Incoming::Single(message), Some(_)) => check_message(&message, text),
        (Incoming::Batch(messages), Some(_)) => check_batch(&messages, text),
    }
}

fn check_batch(messages: &[Result<Message<'_>, Invalid>], text: &str) {
    let entries: Vec<&RawValue> = serde_json::from_str(text).expect("a batch is an array");
    assert!(!messages.is_empty());
    assert_eq!(messages.len(), entries.len());
    messages.iter().zip(entries).for_each(|(message, entry)| check_message(message, entry.get()));
}

/// Checks what was made of a text that is JSON.
fn check_message(message: &Result<Message<'_>, Invalid>, text: &str) {
    match message {
        Ok(Message::Request(request)) => check_request(request, text),
        Ok(Message::Response(response)) => check_response(response),
        Err(invalid) => {
            assert_eq!(code(invalid), ErrorCode::InvalidRequest);
            check_invalid(invalid);
        }
    }
}

/// What was read is what stands there, and it can be written and read again.
fn check_request(request: &Request<'_>, text: &str) {
    // Some JSON is no `Value`: numbers out of range, strings with half a surrogate pair, very deep nesting.
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        assert_eq!(value["method"], *request.method);
        assert_eq!(value.get("id").is_some(), request.id.is_some());
        assert_eq!(value["id"].as_str(), request.id.as_ref().and_then(Id::as_str));
        let params = request.params.map(|params| serde_json::from_str::<Value>(params).expect("a part of JSON"));
        assert_eq!(value.get("params").filter(|params| !params.is_null()), params.as_ref());
        let told = value.get("timeout_ms").and_then(Value::as_f64);
        assert_eq!(told.is_some(), request.timeout.is_some());
        // Fractions are rounded; times beyond what a `u64` of milliseconds holds are cut.
        if let (Some(told), Some(timeout)) = (value["timeout_ms"].as_u64(), request.timeout) {
            assert_eq!(timeout.as_millis(), u128::from(told));
        }
    }
    if let Some(params) = request.params {
        assert!(params.starts_with(['{', '[']));
    }
    if let Some(id) = &request.id {
        check_id(id);
    }
    let written =
        request_text(&request.method, request.params.and_then(raw), request.id.as_ref()).expect("it was JSON");
    let Incoming::Single(Ok(Message::Request(again))) = parse(&written) else {
        panic!("{written} is no request");
    };
    assert_eq!((&again.method, &again.id), (&request.method, &request.id));
    assert_eq!(again.params, request.params);
}

fn check_response(response: &Response<'_>) {
    check_id(&response.id);
    let written = match &response.outcome {
        Ok(result) => result_text(&response.id, result).expect("it was JSON"),
        Err(error) => error_text(&response.id, error),
    };
    assert_same_response(response, &written);
}

/// The refusal is a valid answer.
fn check_invalid(invalid: &Invalid) {
    check_id(&invalid.id);
    assert!(invalid.error.message().len() < 700, "a peer's text is repeated at length");
    let answer = error_text(&invalid.id, &invalid.error);
    assert_same_response(&Response { id: invalid.id.clone(), outcome: Err(invalid.error.clone()) }, &answer);
}

fn assert_same_response(response: &Response<'_>, written: &str) {
    let Incoming::Single(Ok(Message::Response(again))) = parse(written) else {
        panic!("{written} is no response");
    };
    assert_eq!(again.id, response.id);
    match (&again.outcome, &response.outcome) {
        (Ok(again), Ok(result)) => assert_eq!(again.get(), result.get()),
        (Err(again), Err(error)) => assert_eq!(again, error),
        _ => panic!("{written} has the other outcome"),
    }
}

fn check_id(id: &Id) {
    let text = id.to_string();
    assert_eq!(Id::parse(&text).as_ref(), Some(id));
    assert_eq!(serde_json::to_string(id).expect("an id is JSON"), text);
}

fn code(invalid: &Invalid) -> ErrorCode {
    ErrorCode::from_code(invalid.error.code()).expect("a code of conduit's own")
}

/// The text, if it is JSON.
fn raw(text: &str) -> Option<&RawValue> {
    serde_json::from_str(text).ok()
}
