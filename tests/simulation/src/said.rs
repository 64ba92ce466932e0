//! Messages from their texts.

use rollcall_wire::{NodeMessage, ServerMessage};

/// A message of the server; `None` for what API Gateway itself says.
pub(crate) fn server_message(text: &str) -> Option<ServerMessage> {
    serde_json::from_str(text).ok()
}

/// A message of a node; `None` if it can't be read.
pub(crate) fn node_message(text: &str) -> Option<NodeMessage> {
    serde_json::from_str(text).ok()
}
