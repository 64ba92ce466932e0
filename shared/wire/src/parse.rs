//! From text to a message, or to the error that the node is told.

use serde_json::{Map, Value};

use crate::{CheckIn, ErrorCode, ErrorMessage, MESSAGE_LIMIT_BYTES, NodeMessage, RESULTS, SEQ_MAX};

/// Why a node's message can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct MessageError {
    /// What is wrong, for programs.
    pub code: ErrorCode,
    /// What is wrong, for people.
    pub message: String,
    /// The message's sequence number, if it had a readable one.
    pub seq: Option<u64>,
}

impl From<MessageError> for ErrorMessage {
    fn from(error: MessageError) -> Self {
        Self { code: error.code, message: error.message, seq: error.seq, stored_seq: None }
    }
}

/// Reads a node's message.
///
/// # Errors
/// With the [`ErrorCode`] that the node is to be told: too large, not JSON, too deep, without a `type`, of an unknown
/// one, or with a field that is wrong.
pub fn parse_node_message(text: &str) -> Result<NodeMessage, MessageError> {
    if text.len() > MESSAGE_LIMIT_BYTES {
        let message = format!("{} bytes; at most {MESSAGE_LIMIT_BYTES} fit a message", text.len());
        return Err(MessageError { code: ErrorCode::TooLarge, message, seq: None });
    }
    let mut fields: Map<String, Value> = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    let seq = fields.get("seq").and_then(Value::as_u64);
    let refuse = |code, message: String| MessageError { code, message, seq };
    let kind = match fields.remove("type") {
        Some(Value::String(kind)) => kind,
        Some(_) => return Err(refuse(ErrorCode::NoType, "type must be text".to_owned())),
        None => return Err(refuse(ErrorCode::NoType, "the message has no type".to_owned())),
    };
    match kind.as_str() {
        "check-in" => {
            let check_in = CheckIn::deserialize_fields(fields).map_err(|why| refuse(ErrorCode::InvalidField, why))?;
            Ok(NodeMessage::CheckIn(check_in))
        }
        "config" => Ok(NodeMessage::Config),
        "firmware-url" => match fields.remove("version") {
            Some(Value::String(version)) => Ok(NodeMessage::FirmwareUrl { version }),
            _ => Err(refuse(ErrorCode::InvalidField, "version: must be text".to_owned())),
        },
        _ => {
            let known = "this server knows the types check-in, config and firmware-url";
            Err(refuse(ErrorCode::UnknownType, known.to_owned()))
        }
    }
}

impl CheckIn {
    fn deserialize_fields(fields: Map<String, Value>) -> Result<Self, String> {
        let check_in: Self = serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
            match error.path().to_string() {
                path if path == "." => error.inner().to_string(),
                path => format!("{path}: {}", error.inner()),
            }
        })?;
        if check_in.seq == 0 || check_in.seq > SEQ_MAX {
            return Err(format!("seq: must be from 1 to {SEQ_MAX}"));
        }
        if check_in.results.len() > RESULTS {
            return Err(format!("results: at most {RESULTS}, not {}", check_in.results.len()));
        }
        Ok(check_in)
    }
}

fn not_json(error: &serde_json::Error) -> MessageError {
    let text = error.to_string();
    // serde_json has no accessor for this one: its own limit is 128 levels.
    let code = if text.starts_with("recursion limit exceeded") { ErrorCode::TooDeep } else { ErrorCode::NotJson };
    MessageError { code, message: text, seq: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> ErrorCode {
        parse_node_message(text).expect_err(text).code
    }

    #[test]
    fn a_minimal_check_in_asks_for_an_answer() {
        let parsed = parse_node_message(r#"{"type":"check-in","seq":7}"#);
        assert_eq!(parsed, Ok(NodeMessage::CheckIn(CheckIn::idle(7))));
    }

    #[test]
    fn unknown_fields_are_ignored_and_order_does_not_matter() {
        let parsed = parse_node_message(r#"{"seq":7,"colour":"red","type":"check-in","health":{"fans":3}}"#);
        let expected = CheckIn { health: Some(crate::Health::default()), ..CheckIn::idle(7) };
        assert_eq!(parsed, Ok(NodeMessage::CheckIn(expected)));
    }

    #[test]
    fn each_way_of_being_wrong_has_its_own_code() {
        assert_eq!(code("hello"), ErrorCode::NotJson);
        assert_eq!(code(""), ErrorCode::NotJson);
        assert_eq!(code("[1]"), ErrorCode::NotJson);
        assert_eq!(code(&format!("{{\"type\":{}", "[".repeat(500))), ErrorCode::TooDeep);
        assert_eq!(code(r#"{"seq":1}"#), ErrorCode::NoType);
        assert_eq!(code(r#"{"type":7}"#), ErrorCode::NoType);
        assert_eq!(code(r#"{"type":"reboot"}"#), ErrorCode::UnknownType);
        assert_eq!(code(r#"{"type":"check-in"}"#), ErrorCode::InvalidField);
        assert_eq!(code(r#"{"type":"check-in","seq":"1"}"#), ErrorCode::InvalidField);
        assert_eq!(code(r#"{"type":"check-in","seq":0}"#), ErrorCode::InvalidField);
        assert_eq!(code(r#"{"type":"check-in","seq":-1}"#), ErrorCode::InvalidField);
        assert_eq!(code(r#"{"type":"check-in","seq":9007199254740992}"#), ErrorCode::InvalidField);
        assert_eq!(code(&format!(r#"{{"type":"{}"}}"#, "x".repeat(MESSAGE_LIMIT_BYTES))), ErrorCode::TooLarge);
    }

    #[test]
    fn an_error_names_the_field_and_the_sequence_number() {
        let error =
            parse_node_message(r#"{"type":"check-in","seq":9,"health":{"uptime_s":"long"}}"#).expect_err("text");
        assert_eq!(error.seq, Some(9));
        assert!(error.message.starts_with("health.uptime_s: invalid type"), "{}", error.message);
    }

    #[test]
    fn what_a_newer_server_says_is_still_readable() {
        let error: crate::ServerMessage =
            serde_json::from_str(r#"{"type":"error","code":"not-invented-yet","message":"?"}"#).expect("readable");
        let expected = ErrorMessage { code: ErrorCode::Unknown, message: "?".to_owned(), seq: None, stored_seq: None };
        assert_eq!(error, crate::ServerMessage::Error(expected));
    }
}
