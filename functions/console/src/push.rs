//! Telling a node at once what its next check-in would tell it anyway.

use rollcall_aws::{Connections, Delivery, Documents, chain, record, text};
use rollcall_core::{Event, EventKind, Node, NodeId, Timestamp};
use rollcall_wire::ServerMessage;
use rollcall_wire::console::DeliveryState;

use crate::handle::Console;

/// What is stored as the reason of a close that a push has noticed.
const REASON_GONE: &str = "gone";

impl<D: Documents, C: Connections> Console<D, C> {
    /// Whether the node's connection took it. A connection that is gone is noted as closed, as its `$disconnect` would.
    pub(crate) async fn push(
        &self,
        node: &NodeId,
        stored: &Node,
        news: &ServerMessage,
        now: Timestamp,
    ) -> DeliveryState {
        let Some(held) = stored.open() else { return DeliveryState::Pending };
        let connection = held.connection.id.as_str();
        match self.connections.post(&held.connection.id, text(news)).await {
            Ok(Delivery::Delivered) => {
                tracing::info!(%node, connection, outcome = "pushed", PushesSent = 1, "push");
                return DeliveryState::Pushed;
            }
            Ok(Delivery::Gone) => {
                tracing::info!(%node, connection, outcome = "gone", PushesLost = 1, "push");
                let connection = held.connection.clone();
                let kind = EventKind::Disconnect { connection, code: None, reason: Some(REASON_GONE.to_owned()) };
                let event = Event { node: node.clone(), at: now, kind };
                if let Err(error) = record(&self.store, event, &self.policy).await {
                    tracing::warn!(%node, error = chain(&error), "a connection that is gone could not be noted");
                }
            }
            Err(error) => {
                tracing::warn!(%node, connection, outcome = "failed", error = chain(&error), PushesLost = 1, "push");
            }
        }
        DeliveryState::Pending
    }
}
