//! Requests to the legacy endpoint.

use std::fmt;
use std::future::Future;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rollcall_core::Seconds;
use rollcall_cutover::{Answer, Incoming, Mapping, is_hop};

use crate::http::Request;

/// What a path can't have. API Gateway has decoded it.
const IN_A_PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}').add(b'%');
/// A request that is passed on.
#[derive(Clone, PartialEq, Eq)]
pub struct Forwarded {
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The headers: names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long an answer may take, in seconds.
    pub timeout_s: Seconds,
}

/// Without what may have the node's credential: the query, the headers, and the body.
impl fmt::Debug for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.split('?').next().unwrap_or_default();
        f.debug_struct("Forwarded").field("method", &self.method).field("url", &url).finish_non_exhaustive()
    }
}

/// Passes requests on to the legacy endpoint.
pub trait Upstream {
    /// Sends a request, and hears the whole answer.
    ///
    /// # Errors
    /// If there is none in time.
    fn forward(&self, request: &Forwarded) -> impl Future<Output = Result<Answer, UpstreamError>>;
}

/// Ends what takes too long.
pub trait Deadline {
    /// What comes of this, if it comes within so many milliseconds.
    fn within<F: Future>(&self, milliseconds: u64, future: F) -> impl Future<Output = Option<F::Output>>;
}

/// Why the legacy endpoint has not answered.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Not within the time that it has.
    #[error("the endpoint did not answer within {0} seconds")]
    Slow(Seconds),
    /// It can't be reached, or its answer is none.
    #[error("the endpoint can't be reached")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl UpstreamError {
    /// The status for the node (RFC 9110, sections 15.6.3 and 15.6.5).
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Slow(_) => 504,
            Self::Failed(_) => 502,
        }
    }
}

/// The body of a request; `None` if it is not what it says it is.
pub(super) fn body(request: &Request) -> Option<Vec<u8>> {
    let body = request.body.as_deref().unwrap_or_default();
    if request.is_base64_encoded { STANDARD.decode(body).ok() } else { Some(body.as_bytes().to_vec()) }
}

/// A request as a dialect hears it.
pub(super) fn incoming<'a>(request: &'a Request, forwarded: &'a Forwarded) -> Incoming<'a> {
    Incoming {
        method: &request.method,
        path: &request.path,
        query: &request.query,
        headers: &request.headers,
        body: &forwarded.body,
    }
}

impl Forwarded {
    /// A request as the endpoint gets it. The headers that say where it came from are made anew: a node can't pretend.
    pub(super) fn of(request: &Request, body: Vec<u8>, mapping: &Mapping) -> Self {
        let path = utf8_percent_encode(&request.path, IN_A_PATH);
        let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
        // Whoever asks the endpoint names it as the host.
        let is_kept = |name: &str| !is_hop(name) && name != "host" && !name.starts_with("x-forwarded-");
        let mut headers: Vec<_> = request
            .headers
            .iter()
            .filter(|(name, _)| is_kept(name.as_str()))
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let host = request.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        headers.extend(host.map(|host| ("x-forwarded-host".to_owned(), host.to_owned())));
        headers.extend(request.source_ip.clone().map(|ip| ("x-forwarded-for".to_owned(), ip)));
        Self {
            method: request.method.clone(),
            url: format!("{}{path}{query}", mapping.application.url.trim_end_matches('/')),
            headers,
            body,
            timeout_s: mapping.application.timeout_s,
        }
    }
}
