//! Opens a connection: request, TLS, handshake.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{AUTHORIZATION, RETRY_AFTER},
};
use rollcall_machine::{ConnectFailure, NodeError};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{Error, client::IntoClientRequest, handshake::client::Request, protocol::WebSocketConfig},
};

use crate::config::{NodeConfig, Token};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How much is read at a time, in bytes: most messages fit, and a thousand nodes in one process need little memory.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// How much unsent data a connection may hold. Check-ins are small and rare, so this much means that the connection
/// sends nothing any more.
const UNSENT_LIMIT_BYTES: usize = 4 * rollcall_wire::MESSAGE_LIMIT_BYTES;

/// How much the server may send in one message: more than this version of the protocol allows, in case the server is
/// newer.
const MESSAGE_LIMIT_BYTES: usize = 8 * rollcall_wire::MESSAGE_LIMIT_BYTES;

const INSTANCE: HeaderName = HeaderName::from_static("rollcall-instance");

/// How much of the body of a refusal is kept, in bytes.
const BODY_LIMIT_BYTES: usize = 512;

/// Where and as which node to connect. The URL and the token are checked once, when it is made.
pub(crate) struct Endpoint {
    uri: Uri,
    authorization: HeaderValue,
    /// The name of this run. With it the server can tell a reconnect of this run from another device with the same
    /// token.
    instance: HeaderValue,
}

impl Endpoint {
    /// `instance` is drawn at random for each run.
    pub(crate) fn new(config: &NodeConfig, instance: u64) -> Result<Self, NodeError> {
        let invalid = |why: &str| NodeError::InvalidUrl { why: why.to_owned() };
        let uri: Uri = config.url.parse().map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))?;
        if !matches!(uri.scheme_str(), Some("ws" | "wss")) {
            return Err(invalid("it must begin with ws:// or wss://"));
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(invalid("it names no host"));
        }
        let instance = HeaderValue::from_str(&format!("{instance:016x}"));
        let instance = instance.map_err(|error| invalid(&error.to_string()))?;
        Ok(Self { uri, authorization: authorization(&config.token)?, instance })
    }

    /// Opens a connection. The caller limits the time.
    pub(crate) fn connect(&self) -> impl Future<Output = Result<Socket, ConnectFailure>> + Send + 'static {
        let request = self.request();
        let secure = self.uri.scheme_str() == Some("wss");
        async move {
            let connector = if secure { Connector::Rustls(tls()?) } else { Connector::Plain };
            let config = WebSocketConfig::default()
                .read_buffer_size(READ_BUFFER_BYTES)
                .write_buffer_size(0)
                .max_write_buffer_size(UNSENT_LIMIT_BYTES)
                .max_message_size(Some(MESSAGE_LIMIT_BYTES))
                .max_frame_size(Some(MESSAGE_LIMIT_BYTES));
            // `true` switches Nagle's algorithm off: frames are small and rarely follow each other, so it would only
            // delay them.
            let opening = connect_async_tls_with_config(request.map_err(failure)?, Some(config), true, Some(connector));
            opening.await.map(|(socket, _)| socket).map_err(failure)
        }
    }

    /// The handshake request. It does not offer the subprotocol: tungstenite fails the handshake if the server does not
    /// name an offered subprotocol in its answer. RFC 6455 allows the server to leave it out (section 4.2.2, item 5),
    /// and API Gateway does so unless `$connect` names it.
    fn request(&self) -> Result<Request, Error> {
        let mut request = self.uri.clone().into_client_request()?;
        request.headers_mut().insert(AUTHORIZATION, self.authorization.clone());
        request.headers_mut().insert(INSTANCE, self.instance.clone());
        Ok(request)
    }
}

/// The token as the header that carries it (RFC 6750, section 2.1).
pub(crate) fn authorization(token: &Token) -> Result<HeaderValue, NodeError> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.reveal()));
    let mut value = value.map_err(|_| NodeError::InvalidToken)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The TLS configuration with the root certificates of the system, which are read once in a process.
pub(crate) fn tls() -> Result<Arc<ClientConfig>, ConnectFailure> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let unreachable = |why: String| ConnectFailure::Unreachable { why };
    let native = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(native.certs);
    if usable == 0 {
        return Err(unreachable(format!("the system has no usable root certificates: {:?}", native.errors)));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unreachable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::clone(CONFIG.get_or_init(|| Arc::new(config))))
}

fn failure(error: Error) -> ConnectFailure {
    match error {
        Error::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            let start = &body[..body.len().min(BODY_LIMIT_BYTES)];
            let body = String::from_utf8_lossy(start).into_owned();
            let retry_after = retry_after(response.headers());
            ConnectFailure::Refused { status: response.status().as_u16(), body, retry_after }
        }
        other => ConnectFailure::Unreachable { why: other.to_string() },
    }
}

/// `Retry-After` in seconds (RFC 9110, section 10.2.3). A date is ignored: a node has no clock that can be trusted.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse::<u32>().unwrap_or(u32::MAX).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str, token: &str) -> Result<Endpoint, NodeError> {
        Endpoint::new(&NodeConfig::new(url, token), 7)
    }

    #[test]
    fn retry_after_is_read_in_seconds_however_many_they_are() {
        let parsed = |value: &str| {
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(value).expect("a value"))]))
        };
        assert_eq!((parsed("0"), parsed(" 120 ")), (Some(Duration::ZERO), Some(Duration::from_mins(2))));
        assert_eq!(parsed("99999999999999999999"), Some(Duration::from_secs(u32::MAX.into())));
        for none in ["", "-1", "1.5", "soon", "Fri, 31 Dec 1999 23:59:59 GMT"] {
            assert_eq!(parsed(none), None, "{none}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn every_connection_of_a_run_names_the_same_instance() {
        let endpoint = Endpoint::new(&NodeConfig::new("ws://example.org", "t"), 0xfe).expect("valid");
        for _ in 0..2 {
            assert_eq!(endpoint.request().expect("request").headers()["Rollcall-Instance"], "00000000000000fe");
        }
    }

    #[test]
    fn a_query_is_kept_and_the_token_goes_into_a_sensitive_header() {
        let request = endpoint("wss://example.org/live?site=7", "s3cret").expect("valid").request().expect("request");
        assert_eq!(request.uri().path_and_query().map(ToString::to_string).as_deref(), Some("/live?site=7"));
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer s3cret");
        assert!(!format!("{request:?}").contains("s3cret"));
    }

    #[test]
    fn a_url_that_is_no_websocket_url_is_refused_before_the_first_connection() {
        for url in ["", "example.org", "https://example.org/live", "ws:///live", "ws://exa mple.org"] {
            assert!(matches!(endpoint(url, "t"), Err(NodeError::InvalidUrl { .. })), "{url}");
        }
        assert!(matches!(endpoint("ws://example.org", "two\nlines"), Err(NodeError::InvalidToken)));
    }

    #[test]
    fn tls_has_a_cryptography_provider_of_its_own() {
        // Without root certificates on the machine this is an error, but never a panic.
        if let Err(failure) = tls() {
            assert!(matches!(failure, ConnectFailure::Unreachable { .. }));
        }
    }
}
