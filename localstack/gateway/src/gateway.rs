//! The WebSocket API: the state that its connections share, and the routing of requests.

use std::{fmt, net::SocketAddr, sync::Arc, time::SystemTime};

use bytes::Bytes;
use http::Request;
use percent_encoding::percent_decode_str;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    bucket::Bucket,
    config::GatewayConfig,
    event::Events,
    handshake,
    invoke::{Invoke, InvokeError},
    listener::{self, Body, Door},
    management,
    messages::Selection,
    refusal::{self, Answer},
    registry::Registry,
};

/// A running WebSocket API. Dropping it stops it without waiting; [`Gateway::shutdown`] waits.
pub struct Gateway {
    core: Arc<Core>,
    local_addr: SocketAddr,
    accepting: TaskTracker,
}

impl Gateway {
    /// Serves `wss`-less WebSockets on `/{stage}` and the management API on `/{stage}/@connections/{id}`.
    ///
    /// # Panics
    /// Outside a Tokio runtime with IO and time enabled.
    pub fn start(listener: TcpListener, config: GatewayConfig, invoke: Arc<dyn Invoke>) -> Self {
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

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// How many connections are open: `$connect` has accepted them, and they are not known to have ended.
    pub fn connections(&self) -> usize {
        self.core.registry.len()
    }

    /// Stops accepting, closes every connection with 1001 and waits until `$disconnect` has run for each, but not
    /// longer than [`crate::Limits::shutdown`]. The port is free afterwards.
    pub async fn shutdown(&self) {
        self.stop();
        self.accepting.wait().await;
        let bound = self.core.config.limits.shutdown;
        if tokio::time::timeout(bound, self.core.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.core.tasks.len(), "connections did not end in time for the shutdown");
        }
    }

    fn stop(&self) {
        self.core.stopping.cancel();
        self.core.registry.stop();
        self.core.tasks.close();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("local_addr", &self.local_addr)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

/// The state that all connections share.
pub(crate) struct Core {
    pub(crate) config: GatewayConfig,
    pub(crate) events: Events,
    pub(crate) selection: Selection,
    pub(crate) registry: Registry,
    pub(crate) new_connections: Bucket,
    pub(crate) requests: Bucket,
    pub(crate) door: Door,
    /// Whatever has to be over before the gateway is: HTTP connections, and sockets up to their `$disconnect`.
    pub(crate) tasks: TaskTracker,
    pub(crate) stopping: CancellationToken,
    invoke: Arc<dyn Invoke>,
}

impl Core {
    fn new(config: GatewayConfig, local_addr: SocketAddr, invoke: Arc<dyn Invoke>) -> Self {
        let domain_name = config.domain_name.clone().unwrap_or_else(|| local_addr.to_string());
        let limits = &config.limits;
        let rate = limits.new_connections_per_second;
        Self {
            events: Events::new(&config, domain_name),
            selection: Selection::parse(&config.routes.selection),
            registry: Registry::default(),
            new_connections: Bucket::new(rate, rate),
            requests: Bucket::new(limits.requests_per_second, limits.burst),
            door: Door::new(&limits.clients),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            config,
            invoke,
        }
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.config.clock)()
    }

    /// Invokes a function, and gives up on it after the integration timeout.
    pub(crate) fn invoke(
        &self,
        function: &str,
        payload: Bytes,
    ) -> impl Future<Output = Result<Bytes, InvokeError>> + Send + 'static {
        let running = self.invoke.invoke(function, payload);
        let bound = self.config.limits.integration_timeout;
        async move { tokio::time::timeout(bound, running).await.unwrap_or(Err(InvokeError::TimedOut)) }
    }
}

/// Serves HTTP until the connection ends or becomes a WebSocket, which has a task of its own.
async fn serve(core: Arc<Core>, stream: TcpStream, peer: SocketAddr) {
    let shared = Arc::clone(&core);
    let respond = move |request| respond(Arc::clone(&shared), peer, request);
    listener::serve(stream, peer, &core.stopping, &core.door, respond).await;
}

async fn respond(core: Arc<Core>, peer: SocketAddr, request: Request<Body>) -> Answer {
    let path = request.uri().path();
    let path = path.strip_prefix('/').unwrap_or(path);
    let (stage, rest) = path.split_once('/').unwrap_or((path, ""));
    if percent_decode_str(stage).ne(core.config.stage.bytes()) {
        return refusal::forbidden();
    }
    if let Some(id) = rest.strip_prefix("@connections/").or_else(|| rest.strip_prefix("%40connections/")) {
        // A slash of an id must be encoded.
        if id.is_empty() || id.contains('/') {
            return refusal::forbidden();
        }
        let id = percent_decode_str(id).decode_utf8_lossy().into_owned();
        return management::respond(&core, &id, request).await;
    }
    if rest.is_empty() {
        return handshake::respond(core, peer, request).await;
    }
    refusal::forbidden()
}
