//! Fetches documents that are too large for a frame.

use std::{error::Error, pin::Pin, sync::Arc};

use http::{HeaderValue, Request, Uri, header::AUTHORIZATION};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use rollcall_machine::{DocumentBody, FetchError, NodeError};

use crate::{
    config::NodeConfig,
    connect::authorization,
    http::{Origin, text},
};

/// A way to fetch documents that are too large for a frame.
///
/// The library checks the size and the hash of the document, limits the time of an attempt to
/// [`Timing::fetch_timeout`](crate::Timing::fetch_timeout), and repeats failed attempts.
pub trait Fetch: Send + Sync {
    /// Fetches the document with this SHA-256 (64 lower-case hexadecimal digits). Dropping the future cancels the
    /// fetch.
    fn fetch(&self, sha256: &str) -> Fetching;
}

/// A fetch that is under way. Its output is the text of the document.
pub type Fetching = Pin<Box<dyn Future<Output = Result<String, FetchError>> + Send>>;

/// Fetches with `GET {http_url}/v1/configs/{sha256}` and the token.
pub(crate) struct HttpFetch {
    server: Option<Arc<Server>>,
}

struct Server {
    origin: Origin,
    /// The path of the URL, without a slash at its end.
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
        Box::pin(async move { server.get(request.map_err(failed)?).await })
    }
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

    async fn get(&self, request: Request<Empty<Bytes>>) -> Result<String, FetchError> {
        let mut answer = self.origin.ask(request).await.map_err(FetchError::Failed)?;
        let mut body = DocumentBody::of(answer.response.status().as_u16())?;
        while let Some(frame) = answer.response.body_mut().frame().await {
            let frame = frame.map_err(failed)?;
            frame.data_ref().map_or(Ok(()), |bytes| body.take(bytes))?;
        }
        body.finish()
    }
}

fn failed(error: impl Error) -> FetchError {
    FetchError::Failed(text(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Result<Server, NodeError> {
        Server::new(url, &NodeConfig::new("wss://example.org", "s3cret"))
    }

    #[test]
    fn the_path_of_the_http_url_is_kept_and_the_token_goes_into_a_sensitive_header() {
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
    fn a_url_that_is_no_http_url_is_refused_before_the_first_connection() {
        for url in ["", "example.org", "wss://example.org", "http:///x", "http://exa mple.org", "http://example.org/?a"]
        {
            assert!(matches!(server(url), Err(NodeError::InvalidUrl { .. })), "{url}");
        }
    }
}
