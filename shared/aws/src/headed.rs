//! Events with headers that are not ASCII.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An event of API Gateway with any headers. `aws_lambda_events` refuses an event with a header that is not ASCII. A
/// client may send such a header (RFC 9110, section 5.5), and the function would fail for it. Here, each character that
/// a header can't have is replaced by `?`. The header stays, so that a condition or a token in it is refused and not
/// ignored.
#[derive(Debug)]
pub struct Headed<Event>(pub Event);

impl<'de, Event: DeserializeOwned> Deserialize<'de> for Headed<Event> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut event = Value::deserialize(deserializer)?;
        for name in ["headers", "multiValueHeaders"] {
            if let Some(headers) = event.get_mut(name) {
                to_ascii(headers);
            }
        }
        Event::deserialize(event).map(Headed).map_err(D::Error::custom)
    }
}

/// Replaces the characters that a header's value can't have, in each text below this value.
fn to_ascii(value: &mut Value) {
    match value {
        Value::String(text) if !text.bytes().all(is_allowed) => {
            *text = text.chars().map(|c| if c.is_ascii() && is_allowed(c as u8) { c } else { '?' }).collect();
        }
        Value::Array(values) => values.iter_mut().for_each(to_ascii),
        Value::Object(fields) => fields.values_mut().for_each(to_ascii),
        _ => {}
    }
}

/// Whether `http::HeaderValue` accepts the byte in text: visible ASCII, spaces and tabs.
fn is_allowed(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~')
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayWebsocketProxyRequest};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_header_that_is_not_ascii_fails_no_event_and_is_not_ignored() {
        let event = json!({
            "headers": { "If-Match": "\"é\"", "User-Agent": "Gerät \u{1f4a5}\u{7f}\n" },
            "multiValueHeaders": { "X-Name": ["ok", "ä"] },
            "requestContext": { "connectedAt": 1, "requestTimeEpoch": 1, "http": { "method": "GET" } },
        });
        let Headed(socket): Headed<ApiGatewayWebsocketProxyRequest> =
            serde_json::from_value(event.clone()).expect("an event");
        assert_eq!(socket.headers["if-match"], "\"?\"");
        assert_eq!(socket.headers["user-agent"], "Ger?t ???");
        let Headed(request): Headed<ApiGatewayV2httpRequest> = serde_json::from_value(event).expect("an event");
        assert_eq!(request.headers["if-match"], "\"?\"");
    }
}
