//! Handles a `$connect`.

use std::collections::BTreeMap;

use rollcall_core::{EventKind, Instance, Policy, Reply};
use rollcall_wire::SUBPROTOCOL;

use crate::connections::Connections;
use crate::error::chain;
use crate::record::{carry_out, record};
use crate::reply::status;
use crate::socket::{Answer, Socket};
use crate::store::Store;

/// The header with the subprotocols that a client offers, and the one that the server accepts (RFC 6455, section 1.9).
pub const SUBPROTOCOL_HEADER: &str = "Sec-WebSocket-Protocol";

/// Records the connection, closes the one that it replaces, and lets it in.
///
/// `instance` is the running instance of the node's program, if it gave its name. `offered` is the value of
/// [`SUBPROTOCOL_HEADER`].
pub async fn connect(
    socket: &Socket,
    instance: Option<Instance>,
    offered: Option<&str>,
    store: &impl Store,
    connections: &impl Connections,
    policy: &Policy,
) -> Answer {
    let Ok(headers) = subprotocol(offered) else {
        tracing::info!(outcome = "refused", reason = "unsupported-protocol", Refusals = 1, "connect");
        return Answer::status(400);
    };
    let (node, connection) = (&socket.node, &socket.connection.id);
    let kind = EventKind::Connect { connection: socket.connection.clone(), credentials: socket.credentials, instance };
    let recorded = match record(store, socket.event(kind), policy).await {
        Ok(recorded) => recorded,
        Err(error) => {
            tracing::error!(%node, %connection, outcome = "failed", error = chain(&error), Failures = 1, "connect");
            return Answer::status(503);
        }
    };
    carry_out(store, connections, &recorded.effects, policy).await;
    if let Reply::Refused(refusal) = recorded.reply {
        let reason = refusal.code();
        tracing::info!(%node, %connection, outcome = "refused", reason, Refusals = 1, "connect");
        return Answer::status(status(refusal));
    }
    tracing::info!(
        %node, %connection, outcome = "stored",
        Connects = 1, Superseded = recorded.superseded(), Takeovers = recorded.takeovers(),
        PresenceChanges = recorded.presence_changes(),
        WriteUnits = recorded.units.write, "connect"
    );
    Answer { status_code: 200, headers, body: None }
}

/// The response header that accepts Rollcall's subprotocol, if the node offered any subprotocol.
///
/// # Errors
/// If the node offered only other subprotocols.
fn subprotocol(offered: Option<&str>) -> Result<Option<BTreeMap<&'static str, String>>, UnsupportedProtocol> {
    let Some(offered) = offered else { return Ok(None) };
    if offered.split(',').any(|protocol| protocol.trim() == SUBPROTOCOL) {
        Ok(Some(BTreeMap::from([(SUBPROTOCOL_HEADER, SUBPROTOCOL.to_owned())])))
    } else {
        Err(UnsupportedProtocol)
    }
}

struct UnsupportedProtocol;
