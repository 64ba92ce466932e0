//! Faults before DynamoDB and before `@connections`.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::chaos::Chaos;
use crate::troubles::Troubles;

/// What is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// DynamoDB.
    Store,
    /// API Gateway's `@connections`.
    Connections,
}

/// A proxy on loopback before a service. Dropping it ends it.
#[derive(Debug)]
pub struct Before {
    address: SocketAddr,
    inner: Arc<Inner>,
    _serving: JoinSet<()>,
}

#[derive(Debug)]
struct Inner {
    service: Service,
    chaos: Chaos,
    /// The authority of the service, once it is known.
    target: OnceLock<String>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Chaos {
    /// A proxy before a service. It listens at once, since functions are told its address before the service has one.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn before(&self, service: Service) -> io::Result<Before> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let inner = Arc::new(Inner { service, chaos: self.clone(), target: OnceLock::new(), client });
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&inner)));
        Ok(Before { address, inner, _serving: serving })
    }
}

impl Before {
    /// Where it listens: `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Passes requests on to the service at this address, from the first call on.
    pub fn stand_before(&self, target: &str) {
        let _ = self.inner.target.set(target.to_owned());
    }
}

async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, Arc::clone(&inner)));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, inner: Arc<Inner>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| Arc::clone(&inner).pass(request));
    // A connection that breaks is what its client sees, too.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// The answer is lost: the connection closes without one.
#[derive(Debug)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer is lost")
    }
}

impl std::error::Error for Lost {}

impl Inner {
    async fn pass(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Lost> {
        let troubles = self.chaos.troubles();
        match self.service {
            Service::Store => self.pass_to_store(request, troubles).await,
            Service::Connections if troubles.pushes_lost && request.method() == Method::POST => {
                self.chaos.hit("pushes-lost");
                Ok(Response::default())
            }
            Service::Connections => self.forward(request).await,
        }
    }

    async fn pass_to_store(
        &self,
        request: Request<Incoming>,
        troubles: Troubles,
    ) -> Result<Response<Full<Bytes>>, Lost> {
        if troubles.store_down {
            self.chaos.hit("store-down");
            return Err(Lost);
        }
        if self.chaos.happens(troubles.throttled, "throttled") {
            return Ok(throttled());
        }
        if !troubles.store_slow.is_zero() {
            self.chaos.hit("store-slow");
            tokio::time::sleep(troubles.store_slow).await;
        }
        let answer = self.forward(request).await;
        if self.chaos.happens(troubles.answers_lost, "answers-lost") { Err(Lost) } else { answer }
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Lost> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let target = self.target.get().ok_or(Lost)?;
        parts.uri = format!("http://{target}{path}").parse::<Uri>().map_err(|_| Lost)?;
        let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
        let answer = self.client.request(Request::from_parts(parts, Full::new(body))).await.map_err(|_| Lost)?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
        Ok(Response::from_parts(parts, Full::new(body)))
    }
}

/// DynamoDB's answer to a request that is over the table's throughput (Amazon DynamoDB, "Error handling").
fn throttled() -> Response<Full<Bytes>> {
    let body =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow"}"#;
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = http::StatusCode::BAD_REQUEST;
    let json = http::HeaderValue::from_static("application/x-amz-json-1.0");
    answer.headers_mut().insert(http::header::CONTENT_TYPE, json);
    answer
}
