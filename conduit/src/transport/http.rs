//! JSON-RPC over HTTP: one request or batch in a `POST`, its answer in the response.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, StatusCode,
        header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;

use super::{ServerState, handshake, login, refused, turned_away, unauthorized, unavailable};
use crate::{
    config::ServerConfig,
    protocol::{ErrorCode, ErrorObject, Id, error_text},
    server::Server,
    session::not_utf8,
};

/// Answers 200 with what JSON-RPC answers, errors of calls included, and 204 when it answers nothing.
///
/// What the HTTP layer itself refuses has an HTTP status: 401 for a wrong token or a login that is missing,
/// 403 for a page of an origin that is not allowed, 408 for a body that does not go on, 413 for one over
/// `max_message_size`, 415 for one that is not `application/json`, 429 for a login from an address that fails too often.
/// 503 is for a login that could not be looked at (the hook panicked, or took longer than `auth_timeout`), where
/// strangers have taken all their places, and while the server has not started or shuts down. 429 and 503 tell in
/// `Retry-After` when to come back. That only JSON is taken matters for security: browsers send any other type across
/// origins without asking.
pub(super) async fn call(State(server): ServerState, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(refusal) = turned_away(&server, &parts.headers).await {
        return refusal;
    }
    let handshake = handshake(&parts.headers, &parts.extensions);
    let identity = match login(&server, &parts.headers, &handshake).await {
        Ok(identity) => identity,
        Err(refusal) => return refused(&refusal),
    };
    let logged_in = identity.is_some();
    if !is_json(&parts.headers) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "a call must be sent as application/json\n").into_response();
    }
    // Held to the answer: the bodies of strangers are as few as their connections.
    let _seat = match identity {
        Some(_) => None,
        None => match server.seat(false) {
            Some(seat) => Some(seat),
            None => return unavailable("the server has as many callers that have not logged in as it may have"),
        },
    };
    let body = match read(&server, &parts.headers, body, logged_in).await {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(),
    };
    let text = match std::str::from_utf8(&body) {
        Ok(text) => text,
        Err(error) => return json(error_text(&Id::NULL, &not_utf8(error))).into_response(),
    };
    match server.call_once(handshake, identity, text).await {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(answer) if !logged_in && asks_for_login(&answer) => unauthorized(answer),
        Some(answer) => json(answer).into_response(),
    }
}

pub(super) fn json(text: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], text)
}

/// Reads a body. A caller that is logged in has `heartbeat_timeout` for each piece of it, any other `auth_timeout` for
/// all.
async fn read(server: &Server, headers: &HeaderMap, body: Body, logged_in: bool) -> Result<Vec<u8>, BodyError> {
    let ServerConfig { max_message_size: limit, heartbeat_timeout, auth_timeout, .. } = *server.config();
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(BodyError::TooLarge { limit });
    }
    let reading = collect(body, limit, heartbeat_timeout);
    if logged_in {
        return reading.await;
    }
    tokio::time::timeout(auth_timeout, reading).await.unwrap_or(Err(BodyError::TooSlow { time: auth_timeout }))
}

async fn collect(body: Body, limit: usize, time: Duration) -> Result<Vec<u8>, BodyError> {
    let mut pieces = body.into_data_stream();
    let mut body = Vec::new();
    loop {
        let piece = tokio::time::timeout(time, pieces.next()).await.map_err(|_| BodyError::TooSlow { time })?;
        let Some(piece) = piece else { return Ok(body) };
        let piece = piece.map_err(|error| BodyError::Broken(error.to_string()))?;
        if piece.len() > limit - body.len() {
            return Err(BodyError::TooLarge { limit });
        }
        body.extend_from_slice(&piece);
    }
}

/// Why a body is not taken.
enum BodyError {
    TooLarge { limit: usize },
    TooSlow { time: Duration },
    Broken(String),
}

impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::TooLarge { limit } => {
                (StatusCode::PAYLOAD_TOO_LARGE, format!("the body is over the limit of {limit} bytes\n"))
            }
            Self::TooSlow { time } => (
                StatusCode::REQUEST_TIMEOUT,
                format!("the body did not arrive: what was left of it took over {time:?}\n"),
            ),
            Self::Broken(error) => (StatusCode::BAD_REQUEST, format!("the body can't be read: {error}\n")),
        };
        // The rest of the body may be on its way, so the connection can't be used again (RFC 9110, 15.5.9).
        (status, [(CONNECTION, "close")], message).into_response()
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Whether the one call of a request was refused for want of a login.
fn asks_for_login(answer: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Refusal {
        error: ErrorObject,
    }
    serde_json::from_str::<Refusal>(answer).is_ok_and(|refusal| refusal.error.code() == ErrorCode::Unauthorized.code())
}
