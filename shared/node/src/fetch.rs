//! Fetching documents that are too large for a frame.

use std::{convert::Infallible, pin::Pin, sync::Arc};

use http::{
    HeaderValue, Request, StatusCode, Uri,
    header::{AUTHORIZATION, HOST},
};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use rollcall_wire::DOCUMENT_BYTES;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::{
    NodeConfig, NodeError,
    connect::{authorization, tls},
    protocol::ConnectFailure,
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

/// `GET {base}/v1/configs/{sha256}` with the token, over HTTP/1.1 and a connection of its own. Redirects are not
/// followed: the token is for this server.
pub(crate) struct HttpFetch {
    server: Option<Arc<Server>>,
}

struct Server {
    secure: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    host_header: HeaderValue,
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
            let request = request.map_err(|error| error.to_string());
            let fetched = async { server.get(request?).await };
            fetched.await.map_err(FetchError::Failed)
        })
    }
}

impl Server {
    fn new(url: &str, config: &NodeConfig) -> Result<Self, NodeError> {
        let invalid = |why: &str| NodeError::InvalidUrl { why: format!("the HTTP URL: {why}") };
        let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(invalid("it must begin with http:// or https://")),
        };
        if uri.query().is_some() {
            return Err(invalid("it can't have a query"));
        }
        let Some(named) = uri.host().filter(|host| !host.is_empty()) else {
            return Err(invalid("it names no host"));
        };
        let header = uri.port_u16().map_or(named.to_owned(), |port| format!("{named}:{port}"));
        Ok(Self {
            secure,
            host: named.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: uri.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            host_header: HeaderValue::from_str(&header).map_err(|error| invalid(&error.to_string()))?,
            path: uri.path().trim_end_matches('/').to_owned(),
            authorization: authorization(&config.token)?,
        })
    }

    fn request(&self, sha256: &str) -> http::Result<Request<Empty<Bytes>>> {
        Request::get(format!("{}/v1/configs/{sha256}", self.path))
            .header(HOST, self.host_header.clone())
            .header(AUTHORIZATION, self.authorization.clone())
            .body(Empty::new())
    }

    async fn get(&self, request: Request<Empty<Bytes>>) -> Result<String, String> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| error.to_string())?;
        if !self.secure {
            return exchange(tcp, request).await;
        }
        let config = tls().map_err(|failure| match failure {
            ConnectFailure::Unreachable { why } => why,
            ConnectFailure::Refused { status, .. } => format!("HTTP status {status}"),
        })?;
        let name = ServerName::try_from(self.host.clone()).map_err(|error| error.to_string())?;
        let tls = TlsConnector::from(config).connect(name, tcp).await.map_err(|error| error.to_string())?;
        exchange(tls, request).await
    }
}

async fn exchange<S>(stream: S, request: Request<Empty<Bytes>>) -> Result<String, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("HTTP status {}", response.status().as_u16()));
        }
        let body = Limited::new(response.into_body(), DOCUMENT_BYTES).collect().await;
        let body = body.map_err(|error| match error.downcast::<LengthLimitError>() {
            Ok(_) => format!("it has more than {DOCUMENT_BYTES} bytes"),
            Err(error) => error.to_string(),
        })?;
        String::from_utf8(body.to_bytes().into()).map_err(|_| "it is not UTF-8".to_owned())
    };
    // The connection may be done before the answer has been taken from it; how it failed shows in the answer.
    let driven = async {
        let _ = connection.await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        answer = answer => answer,
        never = driven => match never {},
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
            assert_eq!((server.host.as_str(), server.port, server.secure), ("::1", 8788, true));
            let request = server.request("abc").expect("a request");
            assert_eq!(request.uri(), "/live/v1/configs/abc");
            assert_eq!(request.headers()[HOST], "[::1]:8788");
            assert_eq!(request.headers()[AUTHORIZATION], "Bearer s3cret");
            assert!(!format!("{request:?}").contains("s3cret"));
        }
        assert_eq!(server("http://example.org").expect("valid").port, 80);
        assert_eq!(server("https://example.org").expect("valid").port, 443);
    }

    #[test]
    fn what_is_no_http_url_is_refused_before_the_first_connection() {
        for url in ["", "example.org", "wss://example.org", "http:///x", "http://exa mple.org", "http://example.org/?a"]
        {
            assert!(matches!(server(url), Err(NodeError::InvalidUrl { .. })), "{url}");
        }
    }
}
