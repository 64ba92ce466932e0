//! Assumed behaviour of HTTP APIs. An item says "reported of AWS" where somebody has published what they saw there.

use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::{http_api::Segment, invoke::InvokeError, listener::body::Unread};

/// The status and text that a client gets instead of a function's answer.
pub(crate) type Refused = (StatusCode, &'static str);

/// Assumed, not confirmed: the status and text for a body over the quota. The quota itself is documented.
pub(crate) const TOO_LARGE: Refused = (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");

/// Assumed, not confirmed: the status and text for a body whose framing breaks the rules of HTTP.
pub(crate) const BROKEN_BODY: Refused = (StatusCode::BAD_REQUEST, "Bad Request");

/// The answer to a request whose body was not read.
pub(crate) fn unread(why: Unread) -> Refused {
    match why {
        Unread::TooLarge => TOO_LARGE,
        Unread::Broken => BROKEN_BODY,
        Unread::Slow => super::SLOW_BODY,
        Unread::Full => super::FULL,
    }
}

/// Assumed, not confirmed: the text for a request that is throttled. The status is documented.
pub(crate) const THROTTLED: Refused = (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");

/// Assumed, not confirmed: the answer if a function takes longer than the integration timeout. Reported of AWS.
pub(crate) const TIMED_OUT: Refused = (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");

/// Assumed, not confirmed: the answer if a function failed, or returned no valid answer.
pub(crate) const FAILED: Refused = (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");

/// Assumed, not confirmed: the answer if an invocation failed. A function that ran into its own timeout has failed like
/// any other; only the gateway's timeout is [`TIMED_OUT`].
pub(crate) fn invoke_error(error: &InvokeError) -> Refused {
    match error {
        InvokeError::Throttled => THROTTLED,
        InvokeError::Function { .. } | InvokeError::TimedOut | InvokeError::Unavailable(_) => FAILED,
    }
}

/// Assumed, not confirmed: an answer that is not JSON leads to [`FAILED`]. The documentation only covers valid JSON;
/// AWS's own .NET test tool passes on anything.
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

/// How a value in an answer's `headers` is treated.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderText {
    /// It is the text of a header.
    Text(String),
    /// It is left out.
    LeftOut,
    /// It makes the whole answer invalid.
    Invalid,
}

/// Assumed, not confirmed: numbers and booleans become text, null is left out, and an object or array makes the whole
/// answer malformed.
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

/// Assumed, not confirmed: `rawPath` and path parameters are decoded, in spite of the name `rawPath`; bytes that are
/// not UTF-8 after that are replaced. Reported of AWS, where `rawQueryString` is not changed.
pub(crate) fn path_text(encoded: &str) -> String {
    percent_decode_str(encoded).decode_utf8_lossy().into_owned()
}

/// Assumed, not confirmed: the content types whose body is text in an event. With any other type, or none, the body is
/// base64. The documentation mentions "binary" types without a list. It is reported of AWS that form data is base64 and
/// these four are text; `+json` is a guess.
pub(crate) fn is_text(content_type: Option<&str>) -> bool {
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or("").trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || matches!(&*essence, "application/json" | "application/xml" | "application/javascript")
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Assumed, not confirmed: a path variable, unlike a greedy one, is not empty. So `/nodes/` does not match
/// `/nodes/{id}`.
pub(crate) const EMPTY_VARIABLES: bool = false;

/// A sort key for routes: the route that sorts first is preferred. The documentation only says "the most-specific
/// match", and that greedy routes come after all others. The rest is assumed, not confirmed: the earliest segment that
/// differs decides, a literal before a variable; then an exact method comes before `ANY`.
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
    fn parameters_and_case_of_a_content_type_do_not_matter() {
        for text in ["text/plain", "TEXT/html", "application/json; charset=utf-8", " application/problem+json"] {
            assert!(is_text(Some(text)), "{text}");
        }
        for binary in ["application/octet-stream", "application/x-www-form-urlencoded", "image/png", "json", ""] {
            assert!(!is_text(Some(binary)), "{binary}");
        }
        assert!(!is_text(None));
    }
}
