//! API Gateway's HTTP API, which routes requests to functions in payload format 2.0.

mod config;
mod event;
mod response;
mod routes;

use std::{fmt, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode, header::EXPECT, request::Parts};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    assumed::http_api::{self as assumed, Refused},
    bucket::Bucket,
    ids,
    invoke::{Invoke, InvokeError},
    listener::{
        self, Body, Door,
        body::{self, Held},
    },
    refusal::{self, Answer},
};

pub use config::{HttpConfig, HttpLimits, HttpRoute};
pub(crate) use routes::Segment;

use event::Arrival;
use routes::Routes;

/// The answer to a request that matches no route ("Create routes for HTTP APIs, Routing API requests").
const NOT_FOUND: Refused = (StatusCode::NOT_FOUND, "Not Found");

/// A running HTTP API. Dropping it stops it without waiting; [`HttpApi::shutdown`] waits.
pub struct HttpApi {
    core: Arc<Core>,
    local_addr: SocketAddr,
    accepting: TaskTracker,
}

impl HttpApi {
    /// Serves HTTP/1.1 without TLS, with connections that are kept alive. Every request is answered by the function of
    /// the most specific route. Routes whose key is not valid are logged and left out.
    ///
    /// # Panics
    /// If it is called outside a Tokio runtime with IO and time enabled.
    pub fn start(listener: TcpListener, config: HttpConfig, invoke: Arc<dyn Invoke>) -> Self {
        let local_addr = listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)));
        let core = Arc::new(Core::new(config, local_addr, invoke));
        let accepting = TaskTracker::new();
        let serving = Arc::clone(&core);
        accepting.spawn(listener::accept(listener, core.stopping.clone(), core.tasks.clone(), move |stream, peer| {
            serve(Arc::clone(&serving), stream, peer)
        }));
        accepting.close();
        Self { core, local_addr, accepting }
    }

    /// The address on which it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Stops accepting, and waits until the requests that have begun are answered, but not longer than
    /// [`HttpLimits::shutdown`]. Requests that take longer are cut off. The port is free afterwards.
    pub async fn shutdown(&self) {
        self.stop();
        self.accepting.wait().await;
        self.core.tasks.wait().await;
    }

    fn stop(&self) {
        self.core.stopping.cancel();
        self.core.tasks.close();
    }
}

impl Drop for HttpApi {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for HttpApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpApi").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}

/// The state that all connections share.
struct Core {
    config: HttpConfig,
    routes: Routes,
    domain_name: String,
    requests: Bucket,
    door: Door,
    /// The connections.
    tasks: TaskTracker,
    stopping: CancellationToken,
    invoke: Arc<dyn Invoke>,
}

impl Core {
    fn new(config: HttpConfig, local_addr: SocketAddr, invoke: Arc<dyn Invoke>) -> Self {
        Self {
            routes: Routes::new(&config),
            domain_name: local_addr.to_string(),
            requests: Bucket::new(config.limits.requests_per_second, config.limits.burst),
            door: Door::new(&config.limits.clients),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            config,
            invoke,
        }
    }

    async fn handle(
        &self,
        peer: SocketAddr,
        request_id: &str,
        parts: &Parts,
        body: &mut Body,
    ) -> Result<Answer, Refused> {
        if !self.requests.admit() {
            return Err(assumed::THROTTLED);
        }
        let at = (self.config.clock)();
        let selected = self.routes.select(&parts.method, parts.uri.path()).ok_or(NOT_FOUND)?;
        let read = body::read(body, self.config.limits.body, &self.door).await;
        // The room is held until the function has answered, because the event contains the body.
        let Held { bytes, room: _room } = read.map_err(assumed::unread)?;
        let (stage, domain_name) = (&self.config.stage, &self.domain_name);
        let event = Arrival { at, peer, request_id, stage, domain_name, parts, body: &bytes }.event(&selected);
        drop(bytes);
        let output = self.invoke(selected.function, event, request_id).await?;
        response::answer(output).map_err(|malformed| {
            tracing::warn!(malformed, function = selected.function, request_id, "a function's answer is not valid");
            assumed::FAILED
        })
    }

    async fn invoke(&self, function: &str, event: Bytes, request_id: &str) -> Result<Bytes, Refused> {
        let running = self.invoke.invoke(function, event);
        match tokio::time::timeout(self.config.limits.integration_timeout, running).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => {
                // The message of a function's error is not logged, because it may quote the request.
                let kind = match &error {
                    InvokeError::Function { kind, .. } => kind.clone(),
                    other => other.to_string(),
                };
                tracing::warn!(error = kind, function, request_id, "the function of a request failed");
                Err(assumed::invoke_error(&error))
            }
            Err(_) => {
                tracing::warn!(function, request_id, "the function of a request exceeded the integration timeout");
                Err(assumed::TIMED_OUT)
            }
        }
    }
}

/// Serves a connection until it ends, or until the time for the shutdown is over.
async fn serve(core: Arc<Core>, stream: TcpStream, peer: SocketAddr) {
    let bound = core.config.limits.shutdown;
    let shared = Arc::clone(&core);
    let respond = move |request| respond(Arc::clone(&shared), peer, request);
    let served = listener::serve(stream, peer, &core.stopping, &core.door, respond);
    let overtime = async {
        core.stopping.cancelled().await;
        tokio::time::sleep(bound).await;
    };
    tokio::select! {
        () = served => {}
        () = overtime => tracing::warn!(%peer, "a request did not end in time for the shutdown and is cut off"),
    }
}

/// Answers a request. When the client leaves, this future is dropped, and with it the future of the invocation.
async fn respond(core: Arc<Core>, peer: SocketAddr, request: Request<Body>) -> Answer {
    let request_id = ids::request();
    let (parts, mut body) = request.into_parts();
    let mut answer = match core.handle(peer, &request_id, &parts, &mut body).await {
        Ok(answer) => answer,
        Err(refused) => {
            // A client that expects a 100 has not sent the body yet, and need not send it.
            if !parts.headers.contains_key(EXPECT) {
                body::discard(&mut body, &core.door).await;
            }
            refusal::message(refused)
        }
    };
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        answer.headers_mut().insert(HeaderName::from_static(assumed::REQUEST_ID), id);
    }
    answer
}
