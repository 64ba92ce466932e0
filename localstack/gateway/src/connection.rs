//! One connection, from its handshake to its `$disconnect`.

use std::sync::Arc;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::protocol::{Role, WebSocketConfig},
};

use crate::{
    config::Limits,
    frames::Frames,
    gateway::Core,
    handshake::{Accepted, Opening},
    listener::Wire,
    messages,
    refusal::Answer,
    registry::Entry,
    socket::{Ended, Socket, Step},
};

/// Decides a handshake, answers it, serves the socket, and invokes `$disconnect` when it has ended.
///
/// A connection that `$connect` accepted gets exactly one `$disconnect`, whether or not the client received the 101.
pub(crate) async fn run(core: Arc<Core>, opening: Box<Opening>, upgrade: OnUpgrade, answer: oneshot::Sender<Answer>) {
    // Boxed, so that the memory for the decision is freed before the socket is served.
    let accepted = match Box::pin(opening.decide(&core)).await {
        Ok(accepted) => accepted,
        Err(refusal) => {
            let _ = answer.send(refusal.into_answer());
            return;
        }
    };
    let Accepted { identity, answer: switching_protocols } = accepted;
    let (outgoing, queued) = mpsc::channel(core.config.limits.outgoing);
    let entry = Arc::new(Entry::new(identity, outgoing, core.config.limits.in_flight));
    core.registry.insert(&entry);

    let stream = match answer.send(switching_protocols) {
        Ok(()) => Box::pin(upgraded(upgrade, &core.config.limits)).await,
        Err(_) => None,
    };
    let Some(stream) = stream else {
        core.registry.remove(&entry.identity.connection_id);
        disconnect(&core, &entry, &Ended::lost()).await;
        return;
    };
    let mut socket = Socket::new(stream, queued, Arc::clone(&entry), Arc::clone(&core));
    let ended = loop {
        match socket.step().await {
            Step::Text(text) => messages::receive(&core, &entry, &text),
            Step::Ended(ended) => break ended,
        }
    };
    core.registry.remove(&entry.identity.connection_id);
    // A client that closes slowly must not delay `$disconnect`.
    Box::pin(async {
        tokio::join!(socket.finish(&ended), disconnect(&core, &entry, &ended));
    })
    .await;
}

async fn upgraded(upgrade: OnUpgrade, limits: &Limits) -> Option<WebSocketStream<Frames>> {
    let upgraded = upgrade.await.ok()?;
    // The bare socket is used and not hyper's wrapper around it, which would cost memory for every connection.
    let parts = upgraded.downcast::<TokioIo<Wire>>().ok()?;
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_write_buffer_size(limits.message.saturating_mul(4).max(64 * 1024))
        .max_frame_size(Some(limits.frame))
        .max_message_size(Some(limits.message));
    let frames = Frames::new(parts.io.into_inner().into_inner(), parts.read_buf);
    Some(WebSocketStream::from_raw_socket(frames, Role::Server, Some(config)).await)
}

async fn disconnect(core: &Core, entry: &Entry, ended: &Ended) {
    let Some(function) = &core.config.routes.disconnect else {
        return;
    };
    let event = core.events.disconnect(&entry.identity, core.now(), ended.code, &ended.reason);
    if let Err(error) = core.invoke(function, event).await {
        let connection = &entry.identity.connection_id;
        tracing::warn!(%error, %connection, code = ended.code, "$disconnect failed");
    }
}
