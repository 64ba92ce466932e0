//! Listening for HTTP connections and serving them. The caller answers the requests.

pub(crate) mod body;
pub(crate) mod head;
pub(crate) mod rules;
mod turn;
mod wire;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::{HeaderValue, Request, StatusCode, header::CONNECTION};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::ClientLimits,
    refusal::{self, Answer},
};

pub(crate) use body::Body;
use turn::{Room, Turn};
pub(crate) use wire::Wire;

/// How many bytes of a connection hyper may buffer: enough for the longest head, with its header names.
const BUFFER: usize = 32 * 1024;

/// The state that the connections of a listener share: the bounds on what they may hold, and how much they hold.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) limits: Arc<ClientLimits>,
    room: Arc<Room>,
    /// How many bytes the bodies under way may still take.
    bodies: Arc<Semaphore>,
}

impl Door {
    pub(crate) fn new(limits: &ClientLimits) -> Self {
        Self {
            room: Room::new(limits.waiting),
            bodies: Arc::new(Semaphore::new(limits.bodies.min(Semaphore::MAX_PERMITS))),
            limits: Arc::new(limits.clone()),
        }
    }
}

/// Accepts until `stopping`, and serves every connection in one of `tasks`.
pub(crate) async fn accept<F>(
    listener: TcpListener,
    stopping: CancellationToken,
    tasks: TaskTracker,
    serve: impl Fn(TcpStream, SocketAddr) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let accepted = tokio::select! {
            () = stopping.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                tasks.spawn(serve(stream, peer));
            }
            Err(error) => {
                // Most likely the process has no free file descriptors. To try again at once would only use processor
                // time.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Serves HTTP/1.1 until the connection ends or is upgraded. Once `stopping` is cancelled, requests that have begun are
/// finished, and no other request is begun. A request that breaks the rules of HTTP is refused here.
pub(crate) async fn serve<F>(
    stream: TcpStream,
    peer: SocketAddr,
    stopping: &CancellationToken,
    door: &Door,
    respond: impl Fn(Request<Body>) -> F,
) where
    F: Future<Output = Answer>,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let turn = Turn::new(&door.room);
    let wire = Wire::new(stream, Arc::clone(&turn), Arc::clone(&door.limits));
    let service = service_fn(move |request: Request<Incoming>| {
        turn.begin();
        let turn = Arc::clone(&turn);
        let (mut parts, incoming) = request.into_parts();
        let (body, whole) = Body::new(incoming);
        let responding = match rules::refused(&mut parts) {
            Some(refused) => Err(refusal::message(refused)),
            None => Ok(respond(Request::from_parts(parts, body))),
        };
        async move {
            let mut answer = match responding {
                Ok(responding) => responding.await,
                Err(refusal) => refusal,
            };
            if !whole.load(Ordering::Acquire) {
                // The rest of the body would be read as the next request.
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                turn.over();
            } else if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                turn.answered();
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let mut http = http1::Builder::new();
    // `Wire` has timeouts of its own.
    http.max_buf_size(BUFFER).header_read_timeout(None);
    let mut http = std::pin::pin!(http.serve_connection(TokioIo::new(wire), service).with_upgrades());
    let served = tokio::select! {
        served = http.as_mut() => served,
        () = stopping.cancelled() => {
            http.as_mut().graceful_shutdown();
            http.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, %peer, "an HTTP connection ended early");
    }
}
