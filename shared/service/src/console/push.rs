//! Pushes: a node is told at once what its next check-in would tell it anyway.

use std::time::Duration;

use crate::clock::Clock;
use crate::connections::{ConnectionError, Connections, Delivery};
use crate::error::chain;
use crate::queue::Queue;
use crate::record::{dismiss, record};
use crate::reply::text;
use crate::store::Store;
use rollcall_core::{ConnectionId, Node, NodeId, Refusal, Timestamp, gone};
use rollcall_wire::ServerMessage;
use rollcall_wire::console::DeliveryState;

use crate::console::handle::Console;

/// How long closing a connection is tried if its handshake may not be over. Until then, `@connections` does not know
/// the connection.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// The pauses between two tries: the first one, and the longest.
const CLOSE_AGAIN: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(320)];

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Sends a message to the node's connection, and returns what became of it. If the connection is surely gone, its
    /// close is stored as its `$disconnect` would be.
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

    /// Closes every connection that may be open although its token is no longer accepted, and tells it why. A
    /// connection whose handshake is under way is closed as soon as the handshake is over. It is best effort: whatever
    /// such a connection sends is refused.
    pub(crate) async fn dismiss_outdated(&self, node: &NodeId, stored: &Node, now: Timestamp) {
        let may_be_opening = !stored.handshake_is_over(now);
        for connection in stored.outdated_connections() {
            let may_be_opening = may_be_opening && stored.open().is_some_and(|held| held.connection.id == *connection);
            if let Err(error) = self.close(connection, Some(Refusal::Revoked), may_be_opening).await {
                tracing::warn!(%node, %connection, error = chain(&error), "a connection could not be closed");
            }
        }
    }

    /// Closes a connection. If there is a reason, the connection is told first.
    pub(crate) async fn close(
        &self,
        connection: &ConnectionId,
        reason: Option<Refusal>,
        may_be_opening: bool,
    ) -> Result<Delivery, ConnectionError> {
        let (mut waited, [mut pause, longest]) = (Duration::ZERO, CLOSE_AGAIN);
        loop {
            let closed = match reason {
                Some(reason) => dismiss(&self.connections, connection, reason).await?,
                None => self.connections.close(connection).await?,
            };
            if closed == Delivery::Delivered || !may_be_opening || waited >= CLOSE_WITHIN {
                return Ok(closed);
            }
            self.clock.sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(longest);
        }
    }
}
