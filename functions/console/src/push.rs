//! Telling a node at once what its next check-in would tell it anyway.

use std::time::Duration;

use rollcall_aws::{ConnectionError, Connections, Delivery, Documents, chain, dismiss, record, text};
use rollcall_core::{ConnectionId, Node, NodeId, Refusal, Timestamp, gone};
use rollcall_wire::ServerMessage;
use rollcall_wire::console::DeliveryState;
use tokio::time::Instant;

use crate::handle::Console;

/// How long a connection is tried to be closed whose handshake may not be over: `@connections` does not know it before then.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// How long to wait before it is tried again: at first, and at most.
const CLOSE_AGAIN: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(320)];

impl<D: Documents, C: Connections> Console<D, C> {
    /// Whether the node's connection took it. A connection that is surely gone is noted as closed, as its `$disconnect` would.
    pub(crate) async fn push(
        &self,
        node: &NodeId,
        stored: &Node,
        news: &ServerMessage,
        now: Timestamp,
    ) -> DeliveryState {
        let Some(held) = stored.reachable() else { return DeliveryState::Pending };
        let connection = held.connection.id.as_str();
        match self.connections.post(&held.connection.id, text(news)).await {
            Ok(Delivery::Delivered) => {
                tracing::info!(%node, connection, outcome = "pushed", PushesSent = 1, "push");
                return DeliveryState::Pushed;
            }
            Ok(Delivery::Gone) => {
                tracing::info!(%node, connection, outcome = "gone", PushesLost = 1, "push");
                if let Some(event) = gone(node, stored, now)
                    && let Err(error) = record(&self.store, event, &self.policy).await
                {
                    tracing::warn!(%node, error = chain(&error), "a connection that is gone could not be noted");
                }
            }
            Err(error) => {
                tracing::warn!(%node, connection, outcome = "failed", error = chain(&error), PushesLost = 1, "push");
            }
        }
        DeliveryState::Pending
    }

    /// Tells every connection that may be open with a token that is no longer accepted why, and closes it. A connection whose
    /// handshake is under way is closed as soon as it is over. Best effort: whatever such a connection says is refused.
    pub(crate) async fn dismiss_outdated(&self, node: &NodeId, stored: &Node, now: Timestamp) {
        let young = !stored.handshake_is_over(now);
        for connection in stored.outdated_connections() {
            let young = young && stored.open().is_some_and(|held| held.connection.id == *connection);
            if let Err(error) = self.close(connection, Some(Refusal::Revoked), young).await {
                tracing::warn!(%node, %connection, error = chain(&error), "a connection could not be closed");
            }
        }
    }

    /// Closes a connection; tells it why before, if there is a reason to tell.
    pub(crate) async fn close(
        &self,
        connection: &ConnectionId,
        reason: Option<Refusal>,
        young: bool,
    ) -> Result<Delivery, ConnectionError> {
        let (until, [mut pause, longest]) = (Instant::now() + CLOSE_WITHIN, CLOSE_AGAIN);
        loop {
            let closed = match reason {
                Some(reason) => dismiss(&self.connections, connection, reason).await?,
                None => self.connections.close(connection).await?,
            };
            if closed == Delivery::Delivered || !young || Instant::now() >= until {
                return Ok(closed);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }
}
