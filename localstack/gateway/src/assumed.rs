//! Behaviour of API Gateway that is generally known, but not confirmed by any documentation that was read for this.
//!
//! Everything here is **assumed**. It is kept in one place, so that a correction is one edit.

pub(crate) mod http_api;

use std::time::Duration;

use http::StatusCode;

use crate::invoke::InvokeError;

/// How a connection ends: the close code, and the text in `disconnectReason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// WebSocket close code (RFC 6455, section 7.4.1).
    pub(crate) code: u16,
    /// `disconnectReason`, and the reason in the close frame when the gateway sends one.
    pub(crate) reason: &'static str,
}

/// Assumed, not confirmed: a connection that is idle, too old, or whose gateway stops is closed with this.
pub(crate) const GOING_AWAY: End = End { code: 1001, reason: "Going away" };

/// Assumed, not confirmed: the code and the text for a TCP connection that was lost.
pub(crate) const LOST: End = End { code: 1006, reason: "Connection closed abnormally" };

/// Assumed, not confirmed: a DELETE on `@connections` closes with this.
pub(crate) const DELETED: End = End { code: 1000, reason: "Connection closed normally" };

/// Assumed, not confirmed: a binary frame, without a binary setting on the API, ends the connection.
pub(crate) const BINARY: End = End { code: 1003, reason: "Binary frames are not supported" };

/// Assumed, not confirmed: text that is not UTF-8 ends the connection (RFC 6455 demands the code).
pub(crate) const NOT_UTF8: End = End { code: 1007, reason: "Text is not UTF-8" };

/// Assumed, not confirmed: a client that breaks the protocol is disconnected with this (RFC 6455 demands the code).
pub(crate) const PROTOCOL: End = End { code: 1002, reason: "Protocol error" };

/// Assumed, not confirmed: the text. The code 1009 is documented.
pub(crate) const TOO_BIG: End = End { code: 1009, reason: "Message too big" };

/// The text is from a captured `$disconnect` event. The code 1005 is assumed, not confirmed.
pub(crate) const NO_STATUS: End = End { code: 1005, reason: "Client-side close frame status not set" };

/// Assumed, not confirmed: ping and pong frames don't count as activity for the idle timer.
pub(crate) const PINGS_ARE_ACTIVITY: bool = false;

/// Assumed, not confirmed: what a client is told when no route matches and there is no `$default`.
pub(crate) const NO_ROUTE: &str = "Forbidden";

/// Assumed, not confirmed: what a client is told when its message's function fails.
pub(crate) fn message_error(error: &InvokeError) -> &'static str {
    match error {
        InvokeError::Throttled => TOO_MANY,
        InvokeError::Function { .. } | InvokeError::TimedOut | InvokeError::Unavailable(_) => INTERNAL,
    }
}

/// Lambda ends a process every few hours between two invocations, even if it is never idle ("Understanding the Lambda
/// execution environment lifecycle"). The number of hours is observed, not documented.
pub(crate) const LIFETIME: Duration = Duration::from_hours(2);

/// Assumed, not confirmed: the text for an error or timeout of a function.
pub(crate) const INTERNAL: &str = "Internal server error";

/// Assumed, not confirmed: the text for a message that is throttled.
pub(crate) const TOO_MANY: &str = "Too Many Requests";

/// Assumed, not confirmed: the status of a handshake that lacks an identity source.
pub(crate) const NO_IDENTITY: (StatusCode, &str) = (StatusCode::UNAUTHORIZED, "Unauthorized");

/// Assumed, not confirmed: the status of a handshake that the authorizer's policy does not allow.
pub(crate) const DENIED: (StatusCode, &str) = (StatusCode::FORBIDDEN, "Forbidden");

/// Assumed, not confirmed: the status of a handshake whose authorizer crashed, timed out or returned no valid answer.
pub(crate) const AUTHORIZER_FAILED: (StatusCode, &str) = (StatusCode::INTERNAL_SERVER_ERROR, INTERNAL);

/// Assumed, not confirmed: the status of a handshake that a throttled authorizer or `$connect` refuses.
pub(crate) const THROTTLED: (StatusCode, &str) = (StatusCode::TOO_MANY_REQUESTS, TOO_MANY);

/// Assumed, not confirmed: the status of a handshake whose authorizer failed in this way. A function that
/// raises the word "Unauthorized" asks for a 401.
pub(crate) fn authorizer_error(error: &InvokeError) -> (StatusCode, &'static str) {
    match error {
        InvokeError::Function { message, .. } if message == "Unauthorized" => NO_IDENTITY,
        InvokeError::Throttled => THROTTLED,
        InvokeError::Function { .. } | InvokeError::TimedOut | InvokeError::Unavailable(_) => AUTHORIZER_FAILED,
    }
}

/// Assumed, not confirmed: the status of a handshake whose `$connect` function returned no valid answer.
pub(crate) const CONNECT_FAILED: (StatusCode, &str) = (StatusCode::BAD_GATEWAY, INTERNAL);

/// Assumed, not confirmed: the status of a handshake whose `$connect` function failed in this way.
pub(crate) fn connect_error(error: &InvokeError) -> (StatusCode, &'static str) {
    match error {
        InvokeError::Throttled => THROTTLED,
        InvokeError::Function { .. } | InvokeError::TimedOut | InvokeError::Unavailable(_) => CONNECT_FAILED,
    }
}

/// Assumed, not confirmed: the answer for a stage that does not exist, for sockets and `@connections`.
pub(crate) const WRONG_STAGE: (StatusCode, &str) = (StatusCode::FORBIDDEN, "Forbidden");

/// Assumed, not confirmed: the answer to a request to the stage that does not ask for a WebSocket.
pub(crate) const NOT_A_HANDSHAKE: (StatusCode, &str) = (StatusCode::UPGRADE_REQUIRED, "Upgrade Required");

/// Assumed, not confirmed: the answer to a request to the stage, or an `@connections` call, with an unsupported method.
pub(crate) const WRONG_METHOD: (StatusCode, &str) = (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");

/// Assumed, not confirmed: the answer to a handshake that breaks RFC 6455, except by a wrong version.
pub(crate) const BAD_HANDSHAKE: (StatusCode, &str) = (StatusCode::BAD_REQUEST, "Bad Request");

/// Assumed, not confirmed: the answer to a body that takes longer than it may.
pub(crate) const SLOW_BODY: (StatusCode, &str) = (StatusCode::REQUEST_TIMEOUT, "Request Timeout");

/// The answer when the bodies under way hold more bytes than they may. AWS has no such bound.
pub(crate) const FULL: (StatusCode, &str) = (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");

/// Assumed, not confirmed: the answer to an `@connections` POST whose body is not UTF-8. Only text frames are sent.
pub(crate) const POST_NOT_UTF8: (StatusCode, &str) = (StatusCode::BAD_REQUEST, "Bad Request");

/// Assumed, not confirmed: headers that belong to one hop and are not in events. Captured events lack them.
pub(crate) fn is_hop_header(name: &str) -> bool {
    matches!(name, "connection" | "upgrade")
}

/// Assumed, not confirmed: how a header's name is spelled in an event. Captured events show `Sec-WebSocket-Key` and
/// `X-Forwarded-For`; the client's own spelling is lost before.
pub(crate) fn header_name(name: &str) -> String {
    name.split('-').map(capitalized).collect::<Vec<_>>().join("-")
}

fn capitalized(word: &str) -> String {
    if word == "websocket" {
        return "WebSocket".into();
    }
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// How a value in an authorizer's context is treated.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ContextValue {
    /// Later events have it as a string.
    Text(String),
    /// It is left out of later events.
    LeftOut,
    /// It makes the whole answer invalid.
    Invalid,
}

/// Assumed, not confirmed: a value of the authorizer's context becomes a string, null is left out, and an
/// object or array makes the whole answer invalid.
pub(crate) fn context_value(value: serde_json::Value) -> ContextValue {
    match value {
        serde_json::Value::Null => ContextValue::LeftOut,
        serde_json::Value::Bool(value) => ContextValue::Text(value.to_string()),
        serde_json::Value::Number(value) => ContextValue::Text(value.to_string()),
        serde_json::Value::String(value) => ContextValue::Text(value),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => ContextValue::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_names_are_spelled_as_in_captured_events() {
        assert_eq!(header_name("sec-websocket-key"), "Sec-WebSocket-Key");
        assert_eq!(header_name("x-forwarded-for"), "X-Forwarded-For");
        assert_eq!(header_name("authorization"), "Authorization");
    }
}
