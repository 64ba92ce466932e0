//! The client that sends events to endpoints.
//!
//! It resolves the host's name once, checks every address, and connects to these and no others: a name that leads
//! somewhere else a moment later changes nothing. It follows no redirects and uses no proxy. Each request has a
//! connection of its own: a function is frozen between events, and a connection that was kept would often be dead.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_rustls::ConfigBuilderExt as _;
use hyper_util::rt::TokioIo;
use rollcall_core::{Seconds, Timestamp, excerpt};
use rollcall_service::{Host, InvalidUrl, Post, Posted, PrivateAddresses, Resolver, Target, Webhooks, chain};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long a try may take, from looking up the name to the last byte that is read.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// How long connecting to one address may take, so that there is time for the next one.
const CONNECT: Duration = Duration::from_secs(4);
/// How much of an answer is read, in bytes.
const ANSWER_BYTES: usize = 1024;
/// How the client calls itself.
const AGENT: &str = concat!("rollcall/", env!("CARGO_PKG_VERSION"));

/// Sends events.
pub struct WebhookClient {
    resolver: Resolver,
    private: PrivateAddresses,
    tls: TlsConnector,
    patience: Duration,
    now: fn() -> Timestamp,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the URL {0}")]
    Url(#[from] InvalidUrl),
    #[error("no connection")]
    Connect(#[source] io::Error),
    #[error("no connection within {} seconds", CONNECT.as_secs())]
    Slow,
    #[error("no TLS")]
    Tls(#[source] io::Error),
    #[error("no answer")]
    Http(#[source] hyper::Error),
    #[error("the request can't be made")]
    Request(#[from] http::Error),
}

impl WebhookClient {
    /// A client that trusts the system's certificate authorities, or those in the file that `SSL_CERT_FILE` names.
    ///
    /// # Errors
    /// If there are none.
    pub fn open(resolver: Resolver, private: PrivateAddresses, now: fn() -> Timestamp) -> io::Result<Self> {
        let config = config()?.with_native_roots()?.with_no_client_auth();
        Ok(Self::new(resolver, private, config, now))
    }

    /// A client that trusts these certificate authorities and no others.
    ///
    /// # Errors
    /// If TLS can't be set up.
    pub fn trusting(
        roots: RootCertStore,
        resolver: Resolver,
        private: PrivateAddresses,
        now: fn() -> Timestamp,
    ) -> io::Result<Self> {
        let config = config()?.with_root_certificates(roots).with_no_client_auth();
        Ok(Self::new(resolver, private, config, now))
    }

    fn new(resolver: Resolver, private: PrivateAddresses, config: ClientConfig, now: fn() -> Timestamp) -> Self {
        Self { resolver, private, tls: TlsConnector::from(Arc::new(config)), patience: PATIENCE, now }
    }

    /// The client with another patience than [`PATIENCE`].
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    async fn send(&self, post: &Post, heard: &mut Posted) -> Result<(), Failure> {
        let target = Target::read(&post.url, self.private)?;
        let addresses = target.addresses(&self.resolver, self.private).await?;
        let stream = connect(&addresses, target.port).await?;
        // Nothing waits for more to be sent.
        let _ = stream.set_nodelay(true);
        let request = request(&target, post)?;
        if target.is_https {
            let name = server_name(&target.host)?;
            let stream = self.tls.connect(name, stream).await.map_err(Failure::Tls)?;
            self.exchange(stream, request, heard).await
        } else {
            self.exchange(stream, request, heard).await
        }
    }

    /// Sends a request on a connection, and hears the answer as far as it comes.
    async fn exchange<S>(&self, stream: S, request: Request<Full<Bytes>>, heard: &mut Posted) -> Result<(), Failure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Failure::Http)?;
        let hear = async {
            let answer = sender.send_request(request).await.map_err(Failure::Http)?;
            heard.answer.status = Some(answer.status().as_u16());
            heard.retry_after = retry_after(answer.headers(), (self.now)());
            read(answer.into_body(), heard).await.map_err(Failure::Http)
        };
        // The connection is driven here, so that it ends with the exchange.
        let mut connection = std::pin::pin!(connection);
        let mut hear = std::pin::pin!(hear);
        tokio::select! {
            biased;
            heard = &mut hear => heard,
            ended = &mut connection => {
                ended.map_err(Failure::Http)?;
                hear.await
            }
        }
    }
}

impl Webhooks for WebhookClient {
    async fn post(&self, post: &Post) -> Posted {
        let mut heard = Posted::default();
        let sent = timeout(self.patience, self.send(post, &mut heard)).await;
        heard.answer.error = match sent {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(excerpt(chain(&error).as_bytes())),
            Err(_) => Some(format!("no whole answer within {} seconds", self.patience.as_secs())),
        };
        heard
    }
}

fn config() -> io::Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    config.map_err(io::Error::other)
}

/// Connects to the first of these addresses that takes it.
async fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, Failure> {
    let mut failure = Failure::Slow;
    for address in addresses {
        match timeout(CONNECT, TcpStream::connect(SocketAddr::new(*address, port))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = Failure::Connect(error),
            Err(_) => failure = Failure::Slow,
        }
    }
    Err(failure)
}

fn server_name(host: &Host) -> Result<ServerName<'static>, Failure> {
    match host {
        Host::Address(address) => Ok(ServerName::from(*address)),
        Host::Name(name) => {
            let name = name.trim_end_matches('.').to_owned();
            ServerName::try_from(name.clone()).map_err(|_| Failure::Url(InvalidUrl::Host(name)))
        }
    }
}

fn request(target: &Target, post: &Post) -> Result<Request<Full<Bytes>>, http::Error> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(&target.path)
        .header(HOST, &target.authority)
        .header(USER_AGENT, AGENT);
    for (name, value) in &post.headers {
        request = request.header(if *name == "content-type" { CONTENT_TYPE.as_str() } else { *name }, value);
    }
    request.body(Full::new(Bytes::from(post.body.clone())))
}

/// Reads the first bytes of an answer, and hears them as far as they come.
async fn read(mut body: Incoming, heard: &mut Posted) -> Result<(), hyper::Error> {
    let mut bytes = vec![];
    while bytes.len() < ANSWER_BYTES {
        let Some(frame) = body.frame().await else { break };
        if let Some(data) = frame?.data_ref() {
            bytes.extend_from_slice(&data[..data.len().min(ANSWER_BYTES - bytes.len())]);
            heard.answer.excerpt = excerpt(&bytes);
        }
    }
    Ok(())
}

/// For how many seconds the receiver asks to be left alone: a number, or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Seconds> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().unwrap_or(Seconds::MAX));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let at = date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    Some(at.saturating_sub(now.0 / 1000).try_into().unwrap_or(Seconds::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_asks_for_time_in_seconds_or_until_a_date() {
        let asked = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().expect("a header"));
            retry_after(&headers, Timestamp(784_111_777_000))
        };
        assert_eq!([asked("120"), asked("0"), asked("99999999999")], [Some(120), Some(0), Some(u32::MAX)]);
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(asked("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0), "it is over");
        assert_eq!([asked(""), asked("-1"), asked("soon"), asked("1.5")], [None; 4]);
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp(0)), None);
    }
}
