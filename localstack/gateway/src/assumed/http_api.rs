//! What is assumed of HTTP APIs. Where somebody has said what they saw on AWS, the item says so.

use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::{http_api::Segment, invoke::InvokeError, listener::body::Unread};

/// What a client is told instead of a function's answer.
pub(crate) type Refused = (StatusCode, &'static str);

/// Assumed, not confirmed: the status and words for a body over the quota; the quota itself is documented.
pub(crate) const TOO_LARGE: Refused = (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");

/// Assumed, not confirmed: the status and words for a body that is not framed as HTTP frames bodies.
pub(crate) const BROKEN_BODY: Refused = (StatusCode::BAD_REQUEST, "Bad Request");

/// What a client is told whose body was not read.
pub(crate) fn unread(why: Unread) -> Refused {
    match why {
        Unread::TooLarge => TOO_LARGE,
        Unread::Broken => BROKEN_BODY,
        Unread::Slow => super::SLOW_BODY,
        Unread::Full => super::FULL,
    }
}

/// Assumed, not confirmed: the words for a request that is throttled; the status is documented.
pub(crate) const THROTTLED: Refused = (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");

/// Assumed, not confirmed: a function that takes longer than the integration timeout. Reported of AWS.
pub(crate) const TIMED_OUT: Refused = (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");

/// Assumed, not confirmed: a function that failed, or whose answer can't be made sense of.
pub(crate) const FAILED: Refused = (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");

/// Assumed, not confirmed: what a client is told when there is no answer. A function that ran into its own
/// timeout has failed like any other; only the gateway's timeout is [`TIMED_OUT`].
pub(crate) fn invoke_error(error: &InvokeError) -> Refused {
    match error {
        InvokeError::Throttled => THROTTLED,
        InvokeError::Function { .. } | InvokeError::TimedOut | InvokeError::Unavailable(_) => FAILED,
    }
}

/// Assumed, not confirmed: an answer that is not JSON at all has [`FAILED`]. Documentation speaks of valid JSON
/// only; AWS's own .NET test tool passes on anything.
pub(crate) const NOT_JSON_IS_AN_ANSWER: bool = false;

/// Assumed, not confirmed: the statuses a function may choose. A 1xx would leave the client in the middle of an
/// HTTP exchange.
pub(crate) fn usable_status(status: u16) -> Option<StatusCode> {
    (200..600).contains(&status).then(|| StatusCode::from_u16(status).ok()).flatten()
}

/// Whether an answer with this status may have a body (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5).
pub(crate) fn has_content(status: StatusCode) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Assumed, not confirmed: the type of a body whose function, giving a `statusCode`, names none. Reported of AWS.
pub(crate) const DEFAULT_CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// Assumed, not confirmed: the header of every answer that has the event's `requestId`. Reported of AWS.
pub(crate) const REQUEST_ID: &str = "apigw-requestid";

/// What a value in an answer's `headers` becomes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderText {
    /// A header.
    Text(String),
    /// Nothing.
    LeftOut,
    /// A reason to reject the whole answer.
    Invalid,
}

/// Assumed, not confirmed: numbers and booleans are written out, null is left out, and an object or array makes
/// the whole answer malformed.
pub(crate) fn header_text(value: Value) -> HeaderText {
    match value {
        Value::Null => HeaderText::LeftOut,
        Value::Bool(value) => HeaderText::Text(value.to_string()),
        Value::Number(value) => HeaderText::Text(value.to_string()),
        Value::String(value) => HeaderText::Text(value),
        Value::Array(_) | Value::Object(_) => HeaderText::Invalid,
    }
}

/// Assumed, not confirmed: headers that belong to one hop (RFC 9110, section 7.6.1), and are passed on in neither
/// direction.
pub(crate) fn is_hop_header(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Assumed, not confirmed: `rawPath` and a path parameter are decoded, in spite of the former's name; what is not
/// UTF-8 then is replaced. Reported of AWS, where `rawQueryString` is left as it came.
pub(crate) fn path_text(encoded: &str) -> String {
    percent_decode_str(encoded).decode_utf8_lossy().into_owned()
}

/// Assumed, not confirmed: the content types whose body is text in an event; any other, or none, is base64.
/// Documentation speaks of "binary" types without a list. That form data is base64 and these four are text is
/// reported of AWS; `+json` is a guess.
pub(crate) fn is_text(content_type: Option<&str>) -> bool {
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or("").trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || matches!(&*essence, "application/json" | "application/xml" | "application/javascript")
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Assumed, not confirmed: a path variable, unlike a greedy one, is not empty: `/nodes/` is no `/nodes/{id}`.
pub(crate) const EMPTY_VARIABLES: bool = false;

/// Assumed, not confirmed, beyond "the most-specific match": whatever sorts first is preferred. Greedy routes come
/// after all others, which is documented; then the earliest segment that differs decides, a literal before a
/// variable; then an exact method before `ANY`.
pub(crate) fn preference(path: &[Segment], any: bool) -> (bool, Vec<u8>, bool) {
    let kinds = path.iter().map(|segment| match segment {
        Segment::Literal(_) => 0,
        Segment::Variable(_) => 1,
        Segment::Greedy(_) => 2,
    });
    (matches!(path.last(), Some(Segment::Greedy(_))), kinds.collect(), any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_is_text_whatever_its_parameters_and_case() {
        for text in ["text/plain", "TEXT/html", "application/json; charset=utf-8", " application/problem+json"] {
            assert!(is_text(Some(text)), "{text}");
        }
        for binary in ["application/octet-stream", "application/x-www-form-urlencoded", "image/png", "json", ""] {
            assert!(!is_text(Some(binary)), "{binary}");
        }
        assert!(!is_text(None));
    }
}
