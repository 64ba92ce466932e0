//! A WebSocket handshake: the 101 is sent only after the authorizer and `$connect` have both accepted.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{
        CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
        USER_AGENT,
    },
};
use http_body_util::Full;
use hyper::body::Body as _;
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{
    assumed,
    authorizer::{self, Verdict},
    connection,
    event::{self, Identity},
    gateway::Core,
    ids,
    listener::Body,
    refusal::{self, Answer, Refusal},
    request::Arrival,
};

/// Answers a request to the stage itself.
pub(crate) async fn respond(core: Arc<Core>, peer: SocketAddr, mut request: Request<Body>) -> Answer {
    let accept = match accept_key(&request) {
        Ok(accept) => accept,
        Err(refusal) => return *refusal,
    };
    if !core.new_connections.admit() || !core.requests.admit() {
        let (status, text) = assumed::THROTTLED;
        return refusal::exception(status, "LimitExceededException", text);
    }
    let Ok(id) = ids::connection() else {
        return refusal::message(assumed::AUTHORIZER_FAILED);
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let opening = Opening::new(&core, id, accept, peer, &parts.headers, &parts.uri);
    let (answer, answered) = oneshot::channel();
    // The connection has a task of its own, because hyper drops this future when the client leaves. Even then
    // `$disconnect` must follow an accepted `$connect`.
    let tasks = core.tasks.clone();
    tasks.spawn(connection::run(core, Box::new(opening), upgrade, answer));
    answered.await.unwrap_or_else(|_| refusal::message(assumed::AUTHORIZER_FAILED))
}

/// The value for `Sec-WebSocket-Accept`, if the request is a handshake (RFC 6455, section 4.2.1).
fn accept_key(request: &Request<Body>) -> Result<String, Box<Answer>> {
    if request.method() != Method::GET {
        return Err(Box::new(refusal::not_allowed("GET")));
    }
    let headers = request.headers();
    // An upgrade is ignored in HTTP/1.0 (RFC 9110, section 7.8).
    let asks = request.version() >= Version::HTTP_11
        && lists(headers, &CONNECTION, "upgrade")
        && lists(headers, &UPGRADE, "websocket");
    if !asks {
        return Err(Box::new(upgrade_required()));
    }
    let mut versions = headers.get_all(SEC_WEBSOCKET_VERSION).iter();
    match (versions.next(), versions.next()) {
        (Some(version), None) if version == "13" => {}
        (Some(_), Some(_)) => return Err(Box::new(refusal::message(assumed::BAD_HANDSHAKE))),
        _ => return Err(Box::new(upgrade_required())),
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    match (keys.next(), keys.next()) {
        // A body would be read as frames.
        (Some(key), None) if is_nonce(key) && request.body().is_end_stream() => Ok(derive_accept_key(key.as_bytes())),
        _ => Err(Box::new(refusal::message(assumed::BAD_HANDSHAKE))),
    }
}

/// Whether a header contains a word in its list. The list may be spread over several lines.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let mut lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.any(|line| line.split(',').any(|listed| listed.trim().eq_ignore_ascii_case(word)))
}

/// Whether this is the base64 of sixteen bytes.
fn is_nonce(key: &HeaderValue) -> bool {
    STANDARD.decode(key.as_bytes()).is_ok_and(|nonce| nonce.len() == 16)
}

/// Names the supported protocol and its version (RFC 9110, section 15.5.22; RFC 6455, section 4.4).
fn upgrade_required() -> Answer {
    let mut answer = refusal::message(assumed::NOT_A_HANDSHAKE);
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    answer
}

/// A handshake that is being decided.
pub(crate) struct Opening {
    identity: Identity,
    arrival: Arrival,
    accept: String,
    /// The subprotocols that the client offers, from all header lines.
    offered: Vec<String>,
    request_id: String,
}

/// A handshake that was accepted.
pub(crate) struct Accepted {
    pub(crate) identity: Identity,
    pub(crate) answer: Answer,
}

impl Opening {
    fn new(
        core: &Core,
        connection_id: String,
        accept: String,
        peer: SocketAddr,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> Self {
        let at = core.now();
        let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        Self {
            identity: Identity {
                connection_id,
                connected_at: event::epoch_ms(at),
                source_ip: peer.ip().to_string(),
                user_agent: user_agent.map(str::to_owned),
                authorizer: None,
            },
            arrival: Arrival::new(at, peer, headers, uri),
            accept,
            offered: subprotocols(headers),
            request_id: ids::request(),
        }
    }

    /// Invokes the authorizer, then `$connect`.
    pub(crate) async fn decide(mut self, core: &Core) -> Result<Accepted, Refusal> {
        if let Some(function) = &core.config.routes.authorizer {
            let authorizer = self.authorize(core, function).await?;
            self.identity.authorizer = Some(authorizer);
        }
        let protocol = match &core.config.routes.connect {
            Some(function) => self.connect(core, function).await?,
            None => None,
        };
        Ok(Accepted { answer: switching_protocols(&self.accept, protocol), identity: self.identity })
    }

    async fn authorize(&self, core: &Core, function: &str) -> Result<BTreeMap<String, String>, Refusal> {
        if core.config.identity_sources.iter().any(|source| !self.arrival.has(source)) {
            return Err(self.refuse(assumed::NO_IDENTITY));
        }
        let event = core.events.authorize(&self.identity, &self.request_id, &self.arrival);
        let output = core.invoke(function, event).await.map_err(|error| {
            tracing::info!(%error, function, "the authorizer failed");
            self.refuse(assumed::authorizer_error(&error))
        })?;
        match authorizer::judge(&output, core.events.method_arn()) {
            Verdict::Allowed(authorizer) => Ok(authorizer),
            Verdict::Denied => Err(self.refuse(assumed::DENIED)),
            Verdict::Invalid => {
                tracing::warn!(function, "the authorizer's answer is not valid");
                Err(self.refuse(assumed::AUTHORIZER_FAILED))
            }
        }
    }

    /// Invokes `$connect`. Returns the subprotocol that it chose.
    async fn connect(&self, core: &Core, function: &str) -> Result<Option<HeaderValue>, Refusal> {
        let event = core.events.connect(&self.identity, &self.request_id, &self.arrival);
        let output = core.invoke(function, event).await.map_err(|error| {
            tracing::warn!(%error, function, "$connect failed");
            self.refuse(assumed::connect_error(&error))
        })?;
        let decision = serde_json::from_slice::<Decision>(&output).ok();
        // A 1xx status would leave the client waiting for the final answer.
        let status = decision.as_ref().filter(|decision| decision.status_code >= 200);
        let status = status.and_then(|decision| StatusCode::from_u16(decision.status_code).ok());
        let (Some(status), Some(decision)) = (status, decision) else {
            tracing::warn!(function, "$connect's answer has no usable statusCode");
            return Err(self.refuse(assumed::CONNECT_FAILED));
        };
        if status.is_success() {
            return Ok(self.subprotocol(&decision));
        }
        Err(Refusal { status, body: decision.body.map_or_else(Bytes::new, Bytes::from) })
    }

    /// The subprotocol of the answer, if the client offered it (RFC 6455, section 4.2.2).
    fn subprotocol(&self, decision: &Decision) -> Option<HeaderValue> {
        let chosen = decision.subprotocol()?;
        let offered = self.offered.iter().find(|offered| *offered == chosen);
        if offered.is_none() {
            tracing::warn!("$connect chose a subprotocol that the client did not offer, so it is left out");
        }
        HeaderValue::from_str(offered?).ok()
    }

    fn refuse(&self, refusal: (StatusCode, &str)) -> Refusal {
        Refusal::new(refusal, &self.identity.connection_id, &self.request_id)
    }
}

/// What a `$connect` function returns.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decision {
    status_code: u16,
    headers: Option<BTreeMap<String, serde_json::Value>>,
    body: Option<String>,
}

impl Decision {
    /// The subprotocol in the headers of the answer.
    fn subprotocol(&self) -> Option<&str> {
        let mut headers = self.headers.iter().flatten();
        headers.find(|(name, _)| name.eq_ignore_ascii_case(SEC_WEBSOCKET_PROTOCOL.as_str()))?.1.as_str()
    }
}

fn subprotocols(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|line| line.to_str().ok());
    let offered = lines.flat_map(|line| line.split(',')).map(str::trim);
    offered.filter(|offered| !offered.is_empty()).map(str::to_owned).collect()
}

fn switching_protocols(accept: &str, protocol: Option<HeaderValue>) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let mut set = |name: HeaderName, value| answer.headers_mut().insert(name, value);
    set(CONNECTION, HeaderValue::from_static("Upgrade"));
    set(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        set(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(protocol) = protocol {
        set(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    answer
}
