//! What API Gateway says of an event of a WebSocket, and the answer to it.

use rollcall_core::{Connection, CredentialVersion, Event, EventKind, NodeId, Timestamp};
use rollcall_wire::ServerMessage;
use serde::Serialize;

use crate::reply::text;

/// The connection that an event is about, and the times of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Socket {
    pub node: NodeId,
    /// The credential version of the connection's token.
    pub credentials: CredentialVersion,
    /// When that token expires, if the authorizer says so.
    pub token_ends: Option<Timestamp>,
    pub connection: Connection,
    /// When the event happened, by API Gateway's clock.
    pub at: Timestamp,
    /// When the event is handled, by the handler's clock.
    pub now: Timestamp,
}

impl Socket {
    /// This socket's event of this kind.
    pub(crate) fn event(&self, kind: EventKind) -> Event {
        let token_ends = self.token_ends;
        Event { now: self.now, token_ends, ..Event::new(self.node.clone(), self.at, kind) }
    }
}

/// A function's answer to API Gateway (Amazon API Gateway, "Lambda proxy integrations for WebSocket APIs").
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The HTTP status. Only `$connect` shows it to the client.
    pub status_code: u16,
    /// HTTP headers. Only `$connect` shows them to the client, and only `Sec-WebSocket-Protocol`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<std::collections::BTreeMap<&'static str, String>>,
    /// A frame for the client, where the route has a route response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Answer {
    /// An answer with only a status.
    pub fn status(status_code: u16) -> Self {
        Self { status_code, ..Self::default() }
    }

    /// An answer with a frame.
    pub fn frame(message: &ServerMessage) -> Self {
        Self { status_code: 200, body: Some(text(message)), ..Self::default() }
    }
}
