//! The legacy endpoint, by HTTP.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rollcall_cutover::Answer;
use rollcall_service::{Deadline, Forwarded, PrivateAddresses, Resolver, Target, Upstream, UpstreamError};
use rustls::ClientConfig;
use tokio::time::timeout;
use tower_service::Service;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(4);
/// How long a connection may be idle and still be used. A function is frozen between events, so that it does not see the
/// other side close. Servers keep idle connections for five seconds and more.
const IDLE: Duration = Duration::from_secs(4);
/// The longest answer, in bytes: one of Lambda has at most 6 MB, in base64 (AWS Lambda quotas).
const ANSWER_BYTES: usize = 4 * 1024 * 1024;

type Failure = Box<dyn Error + Send + Sync>;

/// Asks the legacy endpoint. It connects only to addresses that may be asked, uses no proxy, and follows no redirects.
pub(crate) struct Endpoint {
    client: Client<HttpsConnector<HttpConnector<Checked>>, Full<Bytes>>,
    private: PrivateAddresses,
}

impl Endpoint {
    /// A client that trusts the system's certificate authorities, or those in the file that `SSL_CERT_FILE` names.
    ///
    /// # Errors
    /// If there are none.
    pub(crate) fn open(resolver: Resolver, private: PrivateAddresses) -> io::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(io::Error::other)?.with_native_roots()?.with_no_client_auth();
        let mut http = HttpConnector::new_with_resolver(Checked { resolver: Arc::new(resolver), private });
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT));
        let https = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(https.wrap_connector(http));
        Ok(Self { client, private })
    }

    async fn ask(&self, forwarded: &Forwarded) -> Result<Answer, Failure> {
        Target::read(&forwarded.url, self.private)?;
        let answered = match self.client.request(request(forwarded)?).await {
            // The connection may have been closed while it was idle. What only reads can be asked for again.
            Err(error) if !error.is_connect() && reads(&forwarded.method) => {
                self.client.request(request(forwarded)?).await
            }
            answered => answered,
        };
        let (head, body) = answered?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await?.to_bytes().to_vec();
        Ok(Answer { status: head.status.as_u16(), headers: headers(&head.headers), body })
    }
}

impl Upstream for Endpoint {
    async fn forward(&self, request: &Forwarded) -> Result<Answer, UpstreamError> {
        let within = Duration::from_secs(request.timeout_s.into());
        let answered = timeout(within, self.ask(request)).await;
        answered.map_err(|_| UpstreamError::Slow(request.timeout_s))?.map_err(UpstreamError::Failed)
    }
}

impl Deadline for Endpoint {
    async fn within<F: Future>(&self, milliseconds: u64, future: F) -> Option<F::Output> {
        timeout(Duration::from_millis(milliseconds), future).await.ok()
    }
}

fn reads(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

fn request(forwarded: &Forwarded) -> Result<Request<Full<Bytes>>, Failure> {
    let method: Method = forwarded.method.parse()?;
    let mut request = Request::builder().method(method).uri(&forwarded.url);
    for (name, value) in &forwarded.headers {
        request = request.header(name, value);
    }
    Ok(request.body(Full::new(Bytes::from(forwarded.body.clone())))?)
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

/// Finds the addresses of a host, if all of them may be asked.
#[derive(Clone)]
struct Checked {
    resolver: Arc<Resolver>,
    private: PrivateAddresses,
}

impl Service<Name> for Checked {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { resolver, private } = self.clone();
        Box::pin(async move {
            let target = Target::read(&format!("http://{name}/"), private)?;
            let addresses = target.addresses(&resolver, private).await?;
            // The connector puts the port in.
            let addresses: Vec<_> = addresses.into_iter().map(|address: IpAddr| SocketAddr::new(address, 0)).collect();
            Ok(addresses.into_iter())
        })
    }
}
