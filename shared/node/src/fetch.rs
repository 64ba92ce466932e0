//! Fetching documents that are too large for a frame.

use std::{pin::Pin, sync::Arc};

use http::{HeaderValue, Request, StatusCode, Uri, header::AUTHORIZATION};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use rollcall_wire::DOCUMENT_BYTES;

use crate::{
    NodeConfig, NodeError,
    connect::authorization,
    http::{Origin, text},
};

/// How documents are fetched that are too large for a frame.
///
/// The library checks size and hash of what comes, limits the time of an attempt by
/// [`Timing::fetch_timeout`](crate::Timing::fetch_timeout), and repeats what fails.
pub trait Fetch: Send + Sync {
    /// Fetches the document with this SHA-256 (64 lower-case hexadecimal digits). Dropping the future gives it up.
    fn fetch(&self, sha256: &str) -> Fetching;
}

/// A fetch that is under way: the document's text in the end.
pub type Fetching = Pin<Box<dyn Future<Output = Result<String, FetchError>> + Send>>;

/// Why a document could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The node was given no place to fetch from: it is not tried again.
    #[error("no HTTP URL")]
    NoUrl,
    /// This attempt failed: how, for people.
    #[error("{0}")]
    Failed(String),
}

/// `GET {base}/v1/configs/{sha256}` with the token.
pub(crate) struct HttpFetch {
    server: Option<Arc<Server>>,
}

struct Server {
    origin: Origin,
    /// Without a slash at its end.
    path: String,
    authorization: HeaderValue,
}

impl HttpFetch {
    pub(crate) fn new(config: &NodeConfig) -> Result<Self, NodeError> {
        let server = config.http_url.as_ref().map(|url| Server::new(url, config)).transpose()?;
        Ok(Self { server: server.map(Arc::new) })
    }
}

impl Fetch for HttpFetch {
    fn fetch(&self, sha256: &str) -> Fetching {
        let Some(server) = self.server.clone() else { return Box::pin(std::future::ready(Err(FetchError::NoUrl))) };
        let request = server.request(sha256);
        Box::pin(async move {
            let fetched = async { server.get(request.map_err(text)?).await };
            fetched.await.map_err(FetchError::Failed)
        })
    }
}

/// Whether this is a SHA-256 in lower-case hexadecimal, and nothing else that could hide in a path.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl Server {
    fn new(url: &str, config: &NodeConfig) -> Result<Self, NodeError> {
        let invalid = |why: &str| NodeError::InvalidUrl { why: format!("the HTTP URL: {why}") };
        let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))?;
        let origin = Origin::of(&uri).map_err(|why| invalid(&why))?;
        if uri.query().is_some() {
            return Err(invalid("it can't have a query"));
        }
        Ok(Self {
            origin,
            path: uri.path().trim_end_matches('/').to_owned(),
            authorization: authorization(&config.token)?,
        })
    }

    fn request(&self, sha256: &str) -> http::Result<Request<Empty<Bytes>>> {
        Request::get(format!("{}/v1/configs/{sha256}", self.path))
            .header(AUTHORIZATION, self.authorization.clone())
            .body(Empty::new())
    }

    async fn get(&self, request: Request<Empty<Bytes>>) -> Result<String, String> {
        let answer = self.origin.ask(request).await?;
        let status = answer.response.status();
        if status != StatusCode::OK {
            return Err(format!("HTTP status {}", status.as_u16()));
        }
        let (_, incoming) = answer.response.into_parts();
        let body = Limited::new(incoming, DOCUMENT_BYTES).collect().await;
        let body = body.map_err(|error| match error.downcast::<LengthLimitError>() {
            Ok(_) => format!("it has more than {DOCUMENT_BYTES} bytes"),
            Err(error) => error.to_string(),
        })?;
        String::from_utf8(body.to_bytes().into()).map_err(|_| "it is not UTF-8".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Result<Server, NodeError> {
        Server::new(url, &NodeConfig::new("wss://example.org", "s3cret"))
    }

    #[test]
    fn the_path_of_the_base_is_kept_and_the_token_goes_into_a_sensitive_header() {
        for base in ["https://[::1]:8788/live", "https://[::1]:8788/live/"] {
            let server = server(base).expect("valid");
            let origin = &server.origin;
            assert_eq!((origin.host.as_str(), origin.port, origin.secure), ("::1", 8788, true));
            let request = server.request("abc").expect("a request");
            assert_eq!(request.uri(), "/live/v1/configs/abc");
            assert_eq!(request.headers()[AUTHORIZATION], "Bearer s3cret");
            assert!(!format!("{request:?}").contains("s3cret"));
        }
        assert_eq!(server("http://example.org").expect("valid").origin.port, 80);
        assert_eq!(server("https://example.org").expect("valid").origin.port, 443);
    }

    #[test]
    fn what_is_no_http_url_is_refused_before_the_first_connection() {
        for url in ["", "example.org", "wss://example.org", "http:///x", "http://exa mple.org", "http://example.org/?a"]
        {
            assert!(matches!(server(url), Err(NodeError::InvalidUrl { .. })), "{url}");
        }
    }
}
