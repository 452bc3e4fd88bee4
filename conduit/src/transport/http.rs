//! JSON-RPC over HTTP: one request or batch in a `POST`, its answer in the response.

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};

use super::{ServerState, login, peer_addr, refused, turned_away, unauthorized};
use crate::{
    protocol::{ErrorCode, ErrorObject, Id, error_text},
    session::not_utf8,
};

/// Answers 200 with what JSON-RPC answers, errors of calls included, and 204 when it answers nothing.
///
/// What the HTTP layer itself refuses has an HTTP status: 401 for a wrong token or a login that is missing,
/// 413 for a body over `max_message_size`, 415 for one that is not `application/json`. The last matters for
/// security: browsers send any other type across origins without asking.
pub(super) async fn call(State(server): ServerState, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(refusal) = turned_away(&server, &parts.headers).await {
        return refusal;
    }
    let peer = peer_addr(&parts.extensions);
    let identity = match login(&server, &parts.headers, peer).await {
        Ok(identity) => identity,
        Err(refusal) => return refused(&refusal),
    };
    let logged_in = identity.is_some();
    if !is_json(&parts.headers) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "a call must be sent as application/json\n").into_response();
    }
    let body = match read(&parts.headers, body, server.config().max_message_size).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let text = match std::str::from_utf8(&body) {
        Ok(text) => text,
        Err(error) => return json(error_text(&Id::NULL, &not_utf8(error))).into_response(),
    };
    match server.call_once(peer, identity, text).await {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(answer) if !logged_in && asks_for_login(&answer) => unauthorized(answer),
        Some(answer) => json(answer).into_response(),
    }
}

pub(super) fn json(text: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], text)
}

async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<axum::body::Bytes, Response> {
    let too_large = || {
        let message = format!("the body is over the limit of {limit} bytes\n");
        (StatusCode::PAYLOAD_TOO_LARGE, message).into_response()
    };
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    to_bytes(body, limit).await.map_err(|_| too_large())
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
