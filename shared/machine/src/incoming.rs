//! Reads the server's text frames.

use rollcall_wire::{
    Ack, ByeReason, CommandNews, ConfigNews, ErrorCode, ErrorMessage, FirmwareNews, FirmwareUrl, ServerMessage,
};
use serde::Deserialize;
use serde_json::Value;

/// A message from the server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Incoming {
    Ack(Ack),
    Config(ConfigNews),
    Command(CommandNews),
    Firmware(FirmwareNews),
    FirmwareUrl(FirmwareUrl),
    Error(ErrorMessage),
    Reconnect {
        within_s: u32,
    },
    /// Send nothing for this long; `None` if the number could not be read. `seq`: the check-in that was not stored.
    SlowDown {
        retry_after_s: Option<u32>,
        seq: Option<u64>,
    },
    Bye {
        reason: ByeReason,
        retry_after_s: Option<u32>,
    },
    /// JSON that is no message this library knows.
    Other(Value),
    /// Text that is not JSON.
    Unreadable,
}

/// Reads a frame. It fails for no text: text that can't be read has variants of its own.
pub(crate) fn read(text: &str) -> Incoming {
    // The text is not read as a `Value` first: a `Value` can't hold every number that a command's arguments may have.
    match serde_json::from_str(text) {
        Ok(ServerMessage::Ack(ack)) => Incoming::Ack(ack),
        Ok(ServerMessage::Config(news)) => Incoming::Config(news),
        Ok(ServerMessage::Command(news)) => Incoming::Command(news),
        Ok(ServerMessage::Firmware(news)) => Incoming::Firmware(news),
        Ok(ServerMessage::FirmwareUrl(url)) => Incoming::FirmwareUrl(url),
        Ok(ServerMessage::Error(error)) => Incoming::Error(error),
        Ok(ServerMessage::Reconnect { within_s }) => Incoming::Reconnect { within_s },
        Ok(ServerMessage::SlowDown { retry_after_s, seq }) => {
            Incoming::SlowDown { retry_after_s: Some(retry_after_s), seq }
        }
        Ok(ServerMessage::Bye { reason, retry_after_s }) => Incoming::Bye { reason, retry_after_s },
        // A known type with fields that can't be read is treated as an unknown type.
        _ => match serde_json::from_str::<Value>(text) {
            Ok(value) if value.get("type").is_none() => without_type(value),
            Ok(value) => with_wrong_fields(value),
            Err(_) => Incoming::Unreadable,
        },
    }
}

/// Reads JSON with a `type`, whose fields could not be read. `slow-down` and `bye` count all the same: to ignore them
/// because of a wrong number would be the worst reaction.
fn with_wrong_fields(value: Value) -> Incoming {
    let retry_after_s = value.get("retry_after_s").and_then(seconds);
    match value.get("type").and_then(Value::as_str) {
        Some("slow-down") => Incoming::SlowDown { retry_after_s, seq: value.get("seq").and_then(Value::as_u64) },
        Some("bye") => match value.get("reason").map(ByeReason::deserialize) {
            Some(Ok(reason)) => Incoming::Bye { reason, retry_after_s },
            _ => Incoming::Bye { reason: ByeReason::Unknown, retry_after_s },
        },
        _ => Incoming::Other(value),
    }
}

fn seconds(figure: &Value) -> Option<u32> {
    let whole = figure.as_u64().map(|whole| u32::try_from(whole).unwrap_or(u32::MAX));
    // A cast from a float saturates at the bounds of the integer.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value is to be clipped")]
    whole.or_else(|| figure.as_f64().map(|figure| figure.ceil() as u32))
}

/// Reads JSON without a `type`. API Gateway's own errors are such: their `message` says that a function failed
/// ("Internal server error"), or that there were too many requests ("Too Many Requests").
fn without_type(value: Value) -> Incoming {
    let Some(message) = value.get("message").and_then(Value::as_str) else { return Incoming::Other(value) };
    let code = if message == "Internal server error" { ErrorCode::Internal } else { ErrorCode::Unavailable };
    Incoming::Error(ErrorMessage { code, message: message.to_owned(), seq: None, about: None, stored_seq: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_of_api_gateway_itself_are_read_as_errors() {
        let failed = r#"{"message":"Internal server error","connectionId":"a","requestId":"b"}"#;
        let throttled = r#"{"message":"Too Many Requests","connectionId":"a","requestId":"b"}"#;
        let code = |text| match read(text) {
            Incoming::Error(error) => error.code,
            other => panic!("{other:?}"),
        };
        assert_eq!((code(failed), code(throttled)), (ErrorCode::Internal, ErrorCode::Unavailable));
    }

    #[test]
    fn a_command_keeps_numbers_that_no_number_type_can_hold() {
        let args = r#"{"a":[1e400,1.0,12345678901234567890123]}"#;
        let text = format!(r#"{{"type":"command","command":3,"name":"set","args":{args},"expires_in_s":60}}"#);
        let Incoming::Command(news) = read(&text) else { panic!("no command: {text}") };
        assert_eq!((news.command, news.args.text()), (3, args));
    }

    #[test]
    fn json_that_is_no_known_message_is_kept_unchanged() {
        for value in [json!({"type": "command", "id": 3}), json!({"type": "ack", "seq": "one"}), json!([1])] {
            assert_eq!(read(&value.to_string()), Incoming::Other(value));
        }
    }

    #[test]
    fn a_bye_with_an_unknown_reason_is_still_a_bye() {
        let unknown = Incoming::Bye { reason: ByeReason::Unknown, retry_after_s: None };
        for text in [r#"{"type":"bye","reason":"new"}"#, r#"{"type":"bye"}"#, r#"{"type":"bye","reason":7}"#] {
            assert_eq!(read(text), unknown);
        }
    }

    #[test]
    fn a_slow_down_with_wrong_numbers_is_still_a_slow_down() {
        let figures = [("60", Some(60)), ("0.5", Some(1)), ("1e99", Some(u32::MAX)), ("4294967296", Some(u32::MAX))];
        for (figure, retry_after_s) in figures.into_iter().chain([("-1", Some(0)), ("null", None), ("\"x\"", None)]) {
            let slow_down = read(&format!(r#"{{"type":"slow-down","retry_after_s":{figure},"seq":3}}"#));
            assert_eq!(slow_down, Incoming::SlowDown { retry_after_s, seq: Some(3) }, "{figure}");
            let bye = read(&format!(r#"{{"type":"bye","reason":"slow-down","retry_after_s":{figure}}}"#));
            assert_eq!(bye, Incoming::Bye { reason: ByeReason::SlowDown, retry_after_s }, "{figure}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_read(text in ".*") {
            let _ = read(&text);
        }
    }
}
