//! An open socket: it reads and writes frames, and ends when it is idle or too old.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time::{Instant, Sleep, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message, Utf8Bytes, error::ProtocolError, protocol::CloseFrame},
};

use crate::{
    assumed::{self, End},
    event,
    frames::{Broken, Frames},
    gateway::Core,
    registry::{Asked, Entry},
};

/// How long a client may take for the closing handshake before its TCP connection is dropped.
const GOODBYE: Duration = Duration::from_secs(1);

/// The next event on a socket.
pub(crate) enum Step {
    /// The client sent a message.
    Text(Utf8Bytes),
    /// The connection ended.
    Ended(Ended),
}

/// How a connection ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: u16,
    pub(crate) reason: Utf8Bytes,
    by: By,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Client,
    Gateway,
    Nobody,
}

impl Ended {
    fn new(end: End, by: By) -> Self {
        Self { code: end.code, reason: Utf8Bytes::from_static(end.reason), by }
    }

    /// The TCP connection was lost, before or after the handshake was answered.
    pub(crate) fn lost() -> Self {
        Self::new(assumed::LOST, By::Nobody)
    }

    fn by_gateway(end: End) -> Self {
        Self::new(end, By::Gateway)
    }

    fn by_client(frame: Option<CloseFrame>) -> Self {
        frame.map_or_else(
            || Self::new(assumed::NO_STATUS, By::Client),
            |frame| Self { code: frame.code.into(), reason: frame.reason, by: By::Client },
        )
    }

    fn by_error(error: &Error) -> Self {
        match error {
            Error::Capacity(_) | Error::WriteBufferFull(_) => Self::by_gateway(assumed::TOO_BIG),
            Error::Utf8(_) => Self::by_gateway(assumed::NOT_UTF8),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::lost(),
            Error::Protocol(_) => Self::by_gateway(assumed::PROTOCOL),
            Error::Io(error) if error.get_ref().is_some_and(is_broken) => Self::by_gateway(assumed::PROTOCOL),
            _ => Self::lost(),
        }
    }
}

/// A socket and its timers. One task reads, writes and waits. A client that does not read delays only what is written
/// to it.
pub(crate) struct Socket {
    stream: WebSocketStream<Frames>,
    outgoing: mpsc::Receiver<Utf8Bytes>,
    unflushed: bool,
    entry: Arc<Entry>,
    core: Arc<Core>,
    /// The timer for both bounds, idle time and lifetime. It is reset only when it fires, so that a message needs no
    /// timer.
    alarm: Pin<Box<Sleep>>,
    /// When the last data frame was received or sent.
    active: Instant,
    /// When the lifetime is over.
    expires: Instant,
}

impl Socket {
    pub(crate) fn new(
        stream: WebSocketStream<Frames>,
        outgoing: mpsc::Receiver<Utf8Bytes>,
        entry: Arc<Entry>,
        core: Arc<Core>,
    ) -> Self {
        let now = Instant::now();
        let limits = &core.config.limits;
        let expires = now + limits.lifetime;
        let alarm = Box::pin(sleep_until(expires.min(now + limits.idle)));
        Self { stream, outgoing, unflushed: false, entry, core, alarm, active: now, expires }
    }

    /// Waits for the next message or the end. Nothing is lost if the future is dropped.
    pub(crate) async fn step(&mut self) -> Step {
        poll_fn(|cx| self.poll_step(cx)).await
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let written = self.poll_write(cx);
        match self.entry.poll_close(cx) {
            Poll::Ready(Asked::ToClose(end)) => return Poll::Ready(Step::Ended(Ended::by_gateway(end))),
            Poll::Ready(Asked::ToCut) => return Poll::Ready(Step::Ended(Ended::lost())),
            Poll::Pending => {}
        }
        // If too many messages are under way, nothing is read from the client, and TCP slows it down.
        if self.entry.has_place()
            && let Poll::Ready(step) = self.poll_read(cx)
        {
            return Poll::Ready(step);
        }
        // A write error is reported only after the read: writing also fails if the client has sent a close and left.
        if let Err(error) = written {
            return Poll::Ready(Step::Ended(Ended::by_error(&error)));
        }
        self.poll_alarm(cx)
    }

    /// Writes as many queued frames as the client accepts.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        loop {
            match self.stream.poll_ready_unpin(cx)? {
                Poll::Pending => return Ok(()),
                Poll::Ready(()) => {}
            }
            let Poll::Ready(Some(text)) = self.outgoing.poll_recv(cx) else {
                break;
            };
            self.stream.start_send_unpin(Message::Text(text))?;
            self.unflushed = true;
            self.touch();
        }
        if self.unflushed && self.stream.poll_flush_unpin(cx)?.is_ready() {
            self.unflushed = false;
        }
        Ok(())
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        loop {
            let ended = match std::task::ready!(self.stream.poll_next_unpin(cx)) {
                Some(Ok(Message::Text(text))) => {
                    self.touch();
                    // The lifetime is checked here as well: the alarm is not polled while a client sends without a
                    // pause.
                    if self.active < self.expires {
                        return Poll::Ready(Step::Text(text));
                    }
                    Ended::by_gateway(assumed::GOING_AWAY)
                }
                Some(Ok(Message::Binary(_))) => Ended::by_gateway(assumed::BINARY),
                // Pings are answered by the protocol layer.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                    if assumed::PINGS_ARE_ACTIVITY {
                        self.touch();
                    }
                    continue;
                }
                Some(Ok(Message::Close(frame))) => Ended::by_client(frame),
                Some(Err(error)) => Ended::by_error(&error),
                None => Ended::lost(),
            };
            return Poll::Ready(Step::Ended(ended));
        }
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        loop {
            std::task::ready!(self.alarm.poll_unpin(cx));
            let due = self.expires.min(self.active + self.core.config.limits.idle);
            if due <= Instant::now() {
                return Poll::Ready(Step::Ended(Ended::by_gateway(assumed::GOING_AWAY)));
            }
            self.alarm.as_mut().reset(due);
        }
    }

    fn touch(&mut self) {
        self.active = Instant::now();
        self.entry.last_active.store(event::epoch_ms(self.core.now()), Ordering::Relaxed);
    }

    /// Performs the closing handshake, in a bounded time.
    pub(crate) async fn finish(mut self, ended: &Ended) {
        if ended.by != By::Nobody {
            // A client that does not read in time does not get the close frame.
            let _ = timeout(GOODBYE, self.goodbye(ended)).await;
        }
    }

    async fn goodbye(&mut self, ended: &Ended) -> Result<(), Error> {
        if ended.by == By::Gateway {
            let frame = CloseFrame { code: ended.code.into(), reason: ended.reason.clone() };
            self.stream.close(Some(frame)).await?;
        }
        while let Some(Ok(_)) = self.stream.next().await {}
        // The rest of an oversized message is read and discarded. Unread bytes would make the system reset the
        // connection, and a reset can make the client lose the close frame.
        let stream = self.stream.get_mut().stream();
        stream.shutdown().await?;
        let mut rest = vec![0; 16 * 1024];
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    }
}

/// Whether the error is a frame that breaks the protocol, and not an error of the network.
fn is_broken(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    error.is::<Broken>()
}
