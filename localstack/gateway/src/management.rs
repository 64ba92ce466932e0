//! The `@connections` management API: post to a connection, read its state, and close it.

use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, HOST, ORIGIN},
};
use http_body_util::Full;
use serde::Serialize;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    assumed, event,
    gateway::Core,
    listener::{
        Body, Door,
        body::{self, Held, Unread},
        rules::is_this_machine,
    },
    refusal::{self, Answer},
    registry::Entry,
};

/// Answers a call about the connection whose id is `id`, which came through `door`.
///
/// The signature is not verified, only asked for: a caller that forgot to sign would fail on AWS. So a web page that
/// gets here, by its `Origin` or under a name of its own, is refused.
pub(crate) async fn respond(core: &Core, door: &Door, id: &str, request: Request<Body>) -> Answer {
    if is_page(request.headers()) {
        return refusal::forbidden();
    }
    let signed = request.headers().get(AUTHORIZATION);
    if !signed.is_some_and(|value| value.as_bytes().starts_with(b"AWS4-HMAC-SHA256")) {
        return refusal::exception(
            StatusCode::FORBIDDEN,
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        );
    }
    if !core.requests.admit() {
        return too_fast();
    }
    match *request.method() {
        Method::POST => post(core, door, id, request.into_body()).await,
        Method::GET => core.registry.get(id).map_or_else(gone, |entry| look(&entry)),
        Method::DELETE if core.registry.delete(id) => empty(StatusCode::NO_CONTENT),
        Method::DELETE => gone(),
        _ => refusal::not_allowed("GET, POST, DELETE"),
    }
}

/// Whether a web page sent the request. A page's requests have an `Origin`, and a page can't be served under an address
/// or a reserved name.
fn is_page(headers: &HeaderMap) -> bool {
    let elsewhere = |host: &HeaderValue| !host.to_str().is_ok_and(is_this_machine);
    headers.contains_key(ORIGIN) || headers.get(HOST).is_some_and(elsewhere)
}

async fn post(core: &Core, door: &Door, id: &str, mut body: Body) -> Answer {
    let body = match body::read(&mut body, core.config.limits.message, door).await {
        // As soon as it is queued it counts for the connection, whose queue has a bound of its own.
        Ok(Held { bytes, room: _ }) => bytes,
        Err(Unread::TooLarge) => return too_large(),
        Err(Unread::Broken) => return refusal::message(assumed::POST_NOT_UTF8),
        Err(Unread::Slow) => return refusal::message(assumed::SLOW_BODY),
        Err(Unread::Full) => return refusal::message(assumed::FULL),
    };
    let Ok(text) = Utf8Bytes::try_from(body) else {
        return refusal::message(assumed::POST_NOT_UTF8);
    };
    let Some(entry) = core.registry.get(id) else {
        return gone();
    };
    match entry.outgoing.send_timeout(text, core.config.limits.push_wait).await {
        Ok(()) => empty(StatusCode::OK),
        Err(SendTimeoutError::Closed(_)) => gone(),
        // The connection is open. With a 410 the caller would treat a slow client as disconnected.
        Err(SendTimeoutError::Timeout(_)) => too_fast(),
    }
}

fn look(entry: &Entry) -> Answer {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Looked<'a> {
        connected_at: String,
        last_active_at: String,
        identity: Caller<'a>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Caller<'a> {
        source_ip: &'a str,
        user_agent: &'a str,
    }
    let at = |epoch_ms| event::iso8601(UNIX_EPOCH + Duration::from_millis(epoch_ms));
    let looked = Looked {
        connected_at: at(entry.identity.connected_at),
        last_active_at: at(entry.last_active.load(Ordering::Relaxed)),
        identity: Caller {
            source_ip: &entry.identity.source_ip,
            user_agent: entry.identity.user_agent.as_deref().unwrap_or(""),
        },
    };
    refusal::answer(StatusCode::OK, event::json(&looked))
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = status;
    answer
}

fn gone() -> Answer {
    refusal::exception(StatusCode::GONE, "GoneException", "Gone")
}

fn too_large() -> Answer {
    refusal::exception(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException", "Request Too Long")
}

/// Also the documented answer when "the WebSocket client side buffer is full" ("Amazon API Gateway
/// Management API, `PostToConnection`").
fn too_fast() -> Answer {
    refusal::exception(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", "Too Many Requests")
}
