//! Answers as API Gateway takes them, with any bytes and headers (payload format 2.0).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall_cutover::{Answer, is_hop};
use serde::Serialize;

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Passed {
    /// The HTTP status.
    pub status_code: u16,
    /// The headers. Several of one name are one, with commas (RFC 9110, section 5.3).
    pub headers: BTreeMap<String, String>,
    /// The values of `set-cookie`, which can't be one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<String>,
    /// The body.
    pub body: String,
    /// Whether the body is base64: it is, if it is not text.
    pub is_base64_encoded: bool,
}

impl Passed {
    /// An answer with only a status.
    pub fn status(status_code: u16) -> Self {
        Self { status_code, ..Self::default() }
    }

    /// The answer of an API without such a route, as API Gateway gives it.
    pub(super) fn nothing_here() -> Self {
        let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
        Self { headers, body: r#"{"message":"Not Found"}"#.to_owned(), ..Self::status(404) }
    }
}

impl From<&Answer> for Passed {
    fn from(answer: &Answer) -> Self {
        let (mut headers, mut cookies) = (BTreeMap::<String, String>::new(), vec![]);
        for (name, value) in &answer.headers {
            if name == "set-cookie" {
                cookies.push(value.clone());
            } else if !is_hop(name) {
                let all = headers.entry(name.clone()).or_default();
                if !all.is_empty() {
                    all.push_str(", ");
                }
                all.push_str(value);
            }
        }
        let (body, is_base64_encoded) = match std::str::from_utf8(&answer.body) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (STANDARD.encode(&answer.body), true),
        };
        Self { status_code: answer.status, headers, cookies, body, is_base64_encoded }
    }
}
