//! From a text frame to what it means.

use rollcall_wire::{
    Ack, ByeReason, CommandNews, ConfigNews, ErrorCode, ErrorMessage, FirmwareNews, FirmwareUrl, ServerMessage,
};
use serde::Deserialize;
use serde_json::Value;

/// What the server said.
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
    /// Say nothing for this long, if that could be read; and which check-in was not stored.
    SlowDown {
        retry_after_s: Option<u32>,
        seq: Option<u64>,
    },
    Bye {
        reason: ByeReason,
        retry_after_s: Option<u32>,
    },
    /// Something that this library does not know.
    Other(Value),
    /// No JSON: nothing that anybody could act on.
    Unreadable,
}

/// Reads a frame. Every text has a meaning, if only that there is none.
pub(crate) fn read(text: &str) -> Incoming {
    // Not as a value at first: none holds every number that a command's arguments may have.
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
        // A known type with fields that don't fit is as foreign as an unknown type.
        _ => match serde_json::from_str::<Value>(text) {
            Ok(value) if value.get("type").is_none() => without_type(value),
            Ok(value) => without_sense(value),
            Err(_) => Incoming::Unreadable,
        },
    }
}

/// To go on as if nothing had been said would be the worst answer to these two, however odd their figures are.
fn without_sense(value: Value) -> Incoming {
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
    // A cast of a float ends at the ends of the type.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clipped is what is wanted")]
    whole.or_else(|| figure.as_f64().map(|figure| figure.ceil() as u32))
}

/// API Gateway's own errors have a `message` and no type: a function failed ("Internal server error"), or there was
/// too much to do ("Too Many Requests").
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
    fn the_gateways_own_errors_count_as_ours() {
        let failed = r#"{"message":"Internal server error","connectionId":"a","requestId":"b"}"#;
        let throttled = r#"{"message":"Too Many Requests","connectionId":"a","requestId":"b"}"#;
        let code = |text| match read(text) {
            Incoming::Error(error) => error.code,
            other => panic!("{other:?}"),
        };
        assert_eq!((code(failed), code(throttled)), (ErrorCode::Internal, ErrorCode::Unavailable));
    }

    #[test]
    fn a_command_with_numbers_that_no_type_holds_is_read_as_it_was_told() {
        let args = r#"{"a":[1e400,1.0,12345678901234567890123]}"#;
        let text = format!(r#"{{"type":"command","command":3,"name":"set","args":{args},"expires_in_s":60}}"#);
        let Incoming::Command(news) = read(&text) else { panic!("no command: {text}") };
        assert_eq!((news.command, news.args.text()), (3, args));
    }

    #[test]
    fn what_is_not_known_is_kept_as_it_came() {
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
    fn a_slow_down_with_odd_figures_still_slows_down() {
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
        fn no_text_is_too_strange_to_read(text in ".*") {
            let _ = read(&text);
        }
    }
}
