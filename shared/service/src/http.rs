//! Requests by HTTP and the answers to them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
pub use http::header::AUTHORIZATION;
use rollcall_core::Timestamp;
use rollcall_wire::{JsonError, utf8};
use serde::Serialize;

/// A request, as API Gateway passes it on (payload format 2.0).
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Request {
    pub method: String,
    /// The path, decoded.
    pub path: String,
    /// The query, as it was sent.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Option<String>,
    pub is_base64_encoded: bool,
    /// When API Gateway got the request, by its clock.
    pub at: Timestamp,
    /// When the request is handled, by the handler's clock.
    pub now: Timestamp,
    pub source_ip: Option<String>,
    /// The ARN of the sender, if API Gateway's IAM authorizer has checked the request.
    pub iam_user: Option<String>,
}

impl Request {
    /// The token or key in `Authorization: Bearer …`; `None` if there is no such header.
    pub fn bearer(&self) -> Option<&str> {
        bearer_in(self.headers.get(AUTHORIZATION)?.to_str().ok()?)
    }

    /// The body as text, without a byte order mark.
    ///
    /// # Errors
    /// If the body is not UTF-8.
    pub fn text(&self) -> Result<Cow<'_, str>, JsonError> {
        let body = self.body.as_deref().unwrap_or_default();
        if !self.is_base64_encoded {
            return utf8(body.as_bytes()).map(Cow::Borrowed);
        }
        let bytes = STANDARD.decode(body).map_err(|_| JsonError::NotUtf8)?;
        utf8(&bytes).map(|text| Cow::Owned(text.to_owned()))
    }
}

/// The token or key in the value of an `Authorization` header; `None` if its scheme is not `Bearer`.
pub fn bearer_in(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_matches(' '))
}

/// A function's answer to an HTTP API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpAnswer {
    /// The HTTP status.
    pub status_code: u16,
    /// HTTP headers.
    pub headers: BTreeMap<&'static str, String>,
    /// The body; `None` for an answer without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl HttpAnswer {
    /// An answer with only a status.
    pub fn status(status_code: u16) -> Self {
        Self { status_code, ..Self::default() }
    }

    /// An answer with a body of this media type.
    pub fn body(status_code: u16, media_type: &str, body: String) -> Self {
        Self { status_code, body: Some(body), ..Self::default() }.with("content-type", media_type.to_owned())
    }

    /// An answer with a value as JSON.
    pub fn json(status_code: u16, value: &impl Serialize) -> Self {
        // Plain structs with text keys can always be written as JSON.
        Self::body(status_code, "application/json", serde_json::to_string(value).unwrap_or_default())
    }

    /// The answer with another header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.insert(name, value);
        self
    }
}
