//! What must hold for the answers to nodes.

use http::HeaderValue;
use rollcall_service::http::{HttpAnswer, Request};
use rollcall_wire::{ErrorCode, MESSAGE_LIMIT_BYTES, SEQ_MAX, ServerMessage, sha256};

use crate::{kind, type_of};

/// The longest text of an error for a node, in bytes.
const ERROR_BYTES: usize = 256;

/// Reads a frame for a node, as the node does.
pub(super) fn frame(text: &str) -> ServerMessage {
    assert!(text.len() <= MESSAGE_LIMIT_BYTES, "a frame of {} bytes", text.len());
    let message: ServerMessage = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(serde_json::to_string(&message).expect("JSON"), text, "it is read as it was written");
    message
}

/// What a frame says. It says that the server failed only if it did.
pub(super) fn said(message: &ServerMessage, may_fail: bool) -> String {
    match message {
        ServerMessage::Error(error) => {
            assert!(error.message.len() <= ERROR_BYTES, "{}", error.message);
            assert!(error.seq.is_none_or(|seq| (1..=SEQ_MAX).contains(&seq)), "{error:?}");
            let is_failure = matches!(error.code, ErrorCode::Unavailable | ErrorCode::Internal | ErrorCode::Unknown);
            assert!(!is_failure || may_fail, "{error:?}");
            format!("{} {:?} {}", error.code, error.about, kind(&error.message))
        }
        ServerMessage::Ack(ack) => {
            let config = ack.config.as_ref().map(|config| config.document.is_some());
            format!("ack {config:?} {} {}", ack.command.is_some(), ack.firmware.is_some())
        }
        other => type_of(&serde_json::to_string(other).expect("JSON")).to_owned(),
    }
}

/// Checks an answer to a poll, and tells what it was.
pub(super) fn poll(request: &Request, answer: &HttpAnswer, may_fail: bool) -> String {
    valid_headers(answer);
    let (status, body) = (answer.status_code, answer.body.as_deref());
    if status >= 500 {
        assert!(may_fail && matches!(status, 500 | 503), "{answer:?}");
        let passes = answer.headers.contains_key("retry-after");
        assert_eq!(passes, status == 503, "{answer:?}");
    }
    if let Some(again) = answer.headers.get("retry-after") {
        assert!(again.parse::<u32>().is_ok(), "{answer:?}");
    }
    let path = &request.path;
    let (allowed, what): (&[u16], _) = if let Some(hash) = path.strip_prefix("/v1/configs/") {
        if status == 200 {
            assert_eq!(sha256(body.unwrap_or_default()), hash, "it is the document that was asked for");
        }
        (&[200, 401, 404], "config")
    } else {
        if let Some(body) = body {
            let said = said(&frame(body), may_fail);
            return format!("{status} {said}");
        }
        if path.starts_with("/v1/firmware/") { (&[200, 401, 404], "firmware") } else { (&[204, 401], "check-in") }
    };
    assert!(allowed.contains(&status) || status >= 500, "{answer:?}");
    format!("{what} {status}")
}

/// Checks that API Gateway can pass on the headers of an answer: an invalid one would become a 500.
pub(super) fn valid_headers(answer: &HttpAnswer) {
    for (name, value) in &answer.headers {
        let printable = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        assert!(printable && HeaderValue::from_str(value).is_ok(), "{name}: {value:?}");
        assert_eq!(*name, name.to_ascii_lowercase());
    }
    assert_eq!(answer.headers.contains_key("content-type"), answer.body.is_some(), "{answer:?}");
    assert!(answer.body.is_some() || answer.status_code != 200, "{answer:?}");
}
