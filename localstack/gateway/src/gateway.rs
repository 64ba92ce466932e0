//! The WebSocket API: the state that its connections share, and the routing of requests.

use std::{fmt, net::SocketAddr, sync::Arc, time::SystemTime};

use bytes::Bytes;
use http::{Request, Uri};
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
    /// Serves `wss`-less WebSockets on `/{stage}`, and to loopback clients the management API on
    /// `/{stage}/@connections/{id}`; see also [`Gateway::serve_connections`].
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

    /// Serves the management API alone, on `/{stage}/@connections/{id}` of a listener that nodes are not told of, until the
    /// gateway stops. Its callers share no bound with clients that have not asked for anything yet.
    ///
    /// # Panics
    /// Outside a Tokio runtime with IO and time enabled.
    pub fn serve_connections(&self, listener: TcpListener) {
        let Core { stopping, tasks, .. } = &*self.core;
        let serving = Arc::clone(&self.core);
        self.accepting.spawn(listener::accept(listener, stopping.clone(), tasks.clone(), move |stream, peer| {
            serve_management(Arc::clone(&serving), stream, peer)
        }));
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// How many connections are open: `$connect` has accepted them, and they are not known to have ended.
    pub fn connections(&self) -> usize {
        self.core.registry.len()
    }

    /// Cuts every connection without a closing handshake, as if the network had failed. `$disconnect` follows for each.
    pub fn cut(&self) {
        self.core.registry.cut();
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
    /// Of the sockets' listener.
    pub(crate) door: Door,
    /// Of the management API's own listener.
    pub(crate) management_door: Door,
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
            management_door: Door::new(&limits.clients),
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

/// Serves HTTP until the peer is done.
async fn serve_management(core: Arc<Core>, stream: TcpStream, peer: SocketAddr) {
    let shared = Arc::clone(&core);
    let respond = move |request| respond_management(Arc::clone(&shared), request);
    listener::serve(stream, peer, &core.stopping, &core.management_door, respond).await;
}

async fn respond(core: Arc<Core>, peer: SocketAddr, request: Request<Body>) -> Answer {
    let Some(below) = below_stage(&core, request.uri()) else { return refusal::forbidden() };
    if below.is_empty() {
        return handshake::respond(core, peer, request).await;
    }
    match connection(below).filter(|_| is_here(peer)) {
        Some(id) => management::respond(&core, &core.door, &id, request).await,
        None => refusal::forbidden(),
    }
}

async fn respond_management(core: Arc<Core>, request: Request<Body>) -> Answer {
    match below_stage(&core, request.uri()).and_then(connection) {
        Some(id) => management::respond(&core, &core.management_door, &id, request).await,
        None => refusal::forbidden(),
    }
}

/// What a path asks for below the stage; nothing if it is not below ours.
fn below_stage<'a>(core: &Core, uri: &'a Uri) -> Option<&'a str> {
    let path = uri.path();
    let path = path.strip_prefix('/').unwrap_or(path);
    let (stage, below) = path.split_once('/').unwrap_or((path, ""));
    percent_decode_str(stage).eq(core.config.stage.bytes()).then_some(below)
}

/// The id of the connection that a path is about, whose slashes must be encoded.
fn connection(below: &str) -> Option<String> {
    let id = below.strip_prefix("@connections/").or_else(|| below.strip_prefix("%40connections/"))?;
    let is_id = !id.is_empty() && !id.contains('/');
    is_id.then(|| percent_decode_str(id).decode_utf8_lossy().into_owned())
}

/// Whether a client is on this machine, as the functions are. From elsewhere only nodes come.
fn is_here(peer: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_here() {
        for (peer, here) in [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("10.0.0.1:1", false),
            ("172.30.87.1:1", false),
            ("[::ffff:10.0.0.1]:1", false),
            ("[fe80::1]:1", false),
        ] {
            assert_eq!(is_here(peer.parse().expect("an address")), here, "{peer}");
        }
    }
}
