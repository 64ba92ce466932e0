//! What listening for HTTP is, whoever answers.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::refusal::Answer;

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
                // Out of file descriptors, most likely: trying again at once would only burn the processor.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Serves HTTP/1.1 until the peer is done or has become something else. Once `stopping`, what was begun is
/// finished and nothing more is begun.
pub(crate) async fn serve<F>(
    stream: TcpStream,
    peer: SocketAddr,
    stopping: &CancellationToken,
    respond: impl Fn(Request<Incoming>) -> F,
) where
    F: Future<Output = Answer>,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let service = service_fn(|request| {
        let responding = respond(request);
        async move { Ok::<_, Infallible>(responding.await) }
    });
    let http = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut http = std::pin::pin!(http);
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
