//! Messages from their texts.

use rollcall_wire::{Ack, CheckIn, NodeMessage, ServerMessage};

/// A message of the server; `None` for what API Gateway itself says.
pub(crate) fn server_message(text: &str) -> Option<ServerMessage> {
    // Most messages are acks. Their type need not be looked for.
    if text.starts_with("{\"type\":\"ack\",") {
        return serde_json::from_str::<Ack>(text).ok().map(ServerMessage::Ack);
    }
    serde_json::from_str(text).ok()
}

/// A message of a node; `None` if it can't be read.
pub(crate) fn node_message(text: &str) -> Option<NodeMessage> {
    if text.starts_with("{\"type\":\"check-in\",") {
        return serde_json::from_str::<CheckIn>(text).ok().map(NodeMessage::CheckIn);
    }
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_reads_what_the_long_one_reads() {
        let texts = [
            r#"{"type":"ack","seq":1,"next_check_in_s":300,"reconnect_within_s":9,"spread_s":1,"firmware":{"version":"2"}}"#,
            r#"{"type":"bye","reason":"superseded"}"#,
            r#"{"message":"Internal server error"}"#,
            r#"{"type":"ack"}"#,
        ];
        for text in texts {
            assert_eq!(server_message(text), serde_json::from_str(text).ok(), "{text}");
        }
        for text in
            [r#"{"type":"check-in","seq":3,"ack":false}"#, r#"{"type":"config"}"#, r#"{"type":"check-in"}"#, "x"]
        {
            assert_eq!(node_message(text), serde_json::from_str(text).ok(), "{text}");
        }
    }
}
