//! Messages: the selection of their route, and their answers.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc::error::TrySendError;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    assumed,
    config::{Route, Routes},
    event::Message,
    gateway::Core,
    ids,
    invoke::InvokeError,
    refusal,
    registry::{Entry, InFlight},
};

const DEFAULT: &str = "$default";

/// A route selection expression of the form `$request.body.NAME[.NAME…]`.
#[derive(Debug)]
pub(crate) struct Selection {
    path: Vec<String>,
}

impl Selection {
    /// Parses an expression. One of another form never selects a keyed route.
    pub(crate) fn parse(expression: &str) -> Self {
        let path = expression.strip_prefix("$request.body.").map_or_else(
            || {
                tracing::warn!(expression, "not a route selection expression: only $default is used");
                Vec::new()
            },
            |path| path.split('.').map(str::to_owned).collect(),
        );
        Self { path }
    }

    /// The route for a message, and its key for the event.
    fn select<'a>(&self, routes: &'a Routes, body: &str) -> Option<(&'a str, &'a Route)> {
        self.keyed(routes, body).or_else(|| Some((DEFAULT, routes.default.as_ref()?)))
    }

    fn keyed<'a>(&self, routes: &'a Routes, body: &str) -> Option<(&'a str, &'a Route)> {
        let (last, parents) = self.path.split_last()?;
        let body = serde_json::from_str::<Value>(body).ok()?;
        let object = parents.iter().try_fold(&body, |value, name| value.get(name))?;
        let key = object.get(last)?.as_str()?;
        // Clients may not choose `$connect`, `$disconnect` and `$default`.
        if key.starts_with('$') {
            return None;
        }
        routes.keyed.get_key_value(key).map(|(key, route)| (key.as_str(), route))
    }
}

/// Passes a message to its function without waiting for it. The messages of one connection run in parallel, and each
/// reply is sent as soon as it is ready. A message holds a place until its reply or refusal is queued. So a client that
/// sends faster than it reads is slowed down, and every message is answered.
pub(crate) fn receive(core: &Arc<Core>, entry: &Arc<Entry>, text: &str) {
    let place = entry.take_place();
    let request_id = ids::request();
    if !core.requests.admit() {
        return refuse(place, assumed::TOO_MANY, &request_id);
    }
    let Some((route_key, route)) = core.selection.select(&core.config.routes, text) else {
        return refuse(place, assumed::NO_ROUTE, &request_id);
    };
    let message = Message { route_key, request_id: &request_id, body: text };
    let event = core.events.message(&entry.identity, core.now(), &message);
    let running = core.invoke(&route.function, event);
    let responds = route.responds;
    tokio::spawn(async move {
        let result = running.await;
        if let Some(frame) = reply(&place, result, responds, &request_id) {
            // If the client reads slowly, the reply waits here and keeps its place.
            let _ = place.entry().outgoing.send(frame).await;
        }
    });
}

fn refuse(place: InFlight, message: &str, request_id: &str) {
    let frame = error(place.entry(), message, request_id);
    if let Err(TrySendError::Full(frame)) = place.entry().outgoing.try_send(frame) {
        // The reader of the socket must not wait here, because the same task writes to it.
        tokio::spawn(async move {
            let _ = place.entry().outgoing.send(frame).await;
        });
    }
}

fn error(entry: &Entry, message: &str, request_id: &str) -> Utf8Bytes {
    let frame = refusal::error_frame(message, &entry.identity.connection_id, request_id);
    Utf8Bytes::try_from(frame).unwrap_or_default()
}

fn reply(place: &InFlight, result: Result<Bytes, InvokeError>, responds: bool, request_id: &str) -> Option<Utf8Bytes> {
    let entry = place.entry();
    let connection = &entry.identity.connection_id;
    match result {
        Ok(output) if responds => match body(&output) {
            Ok(body) => body.map(Utf8Bytes::from),
            Err(malformed) => {
                tracing::warn!(%malformed, %connection, "a function's answer is not a valid proxy response");
                Some(error(entry, assumed::INTERNAL, request_id))
            }
        },
        Ok(_) => None,
        Err(failure) => {
            tracing::warn!(error = %failure, %connection, "the function of a message failed");
            Some(error(entry, assumed::message_error(&failure), request_id))
        }
    }
}

/// The `body` of a function's answer; `None` if the answer is empty or has no body.
fn body(output: &[u8]) -> Result<Option<String>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Response {
        body: Option<String>,
    }
    if output.is_empty() {
        return Ok(None);
    }
    let response = serde_json::from_slice::<Option<Response>>(output)?;
    Ok(response.and_then(|response| response.body).filter(|body| !body.is_empty()))
}
