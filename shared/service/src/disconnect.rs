//! Handles a `$disconnect`.

use rollcall_core::{EventKind, Policy, Reply};

use crate::error::chain;
use crate::record::record;
use crate::socket::{Answer, Socket};
use crate::store::Store;

/// Records that the connection closed, with the close code and the reason, if there were any. Nothing waits for the
/// answer.
pub async fn disconnect(
    socket: &Socket,
    code: Option<u16>,
    reason: Option<String>,
    store: &impl Store,
    policy: &Policy,
) -> Answer {
    let (node, connection) = (&socket.node, &socket.connection.id);
    let kind = EventKind::Disconnect { connection: socket.connection.clone(), code, reason };
    match record(store, socket.event(kind), policy).await {
        Ok(recorded) => {
            if let Reply::Refused(refusal) = recorded.reply {
                let reason = refusal.code();
                tracing::info!(%node, %connection, code, outcome = "refused", reason, Refusals = 1, "disconnect");
            } else {
                let units = recorded.units.write;
                tracing::info!(
                    %node, %connection, code, outcome = "stored", Disconnects = 1, WriteUnits = units, "disconnect"
                );
            }
            Answer::status(200)
        }
        Err(error) => {
            let error = chain(&error);
            tracing::error!(%node, %connection, code, outcome = "failed", error, Failures = 1, "disconnect");
            Answer::status(503)
        }
    }
}
