//! A client's socket below HTTP. It bounds the time of each step and the length of a head, and closes the connection in
//! a way that lets the client read the last answer.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};

use bytes::{Buf, Bytes};
use futures_util::FutureExt as _;
use http::StatusCode;
use time::{OffsetDateTime, macros::format_description};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

use super::{
    head::Head,
    turn::{Turn, Whose},
};
use crate::config::ClientLimits;

/// How long a client's bytes are read and discarded after its last answer. Closing a socket that has unread bytes
/// resets the connection, and a reset can make the client lose the answer.
const LINGER: Duration = Duration::from_secs(10);
/// The longest pause of the client during that time.
const PAUSE: Duration = Duration::from_secs(1);

/// A socket for HTTP.
pub(crate) struct Wire {
    stream: TcpStream,
    turn: Arc<Turn>,
    limits: Arc<ClientLimits>,
    head: Head,
    /// How many requests were answered before this head.
    answered: u32,
    /// When the client's turn, or its head, began.
    since: Instant,
    alarm: Option<Pin<Box<Sleep>>>,
    /// The timeout for a client that reads nothing of an answer.
    stalled: Option<Pin<Box<Sleep>>>,
    refusal: Option<Bytes>,
    linger: Option<Linger>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, turn: Arc<Turn>, limits: Arc<ClientLimits>) -> Self {
        Self {
            stream,
            turn,
            limits,
            head: Head::default(),
            answered: 0,
            since: Instant::now(),
            alarm: None,
            stalled: None,
            refusal: None,
            linger: None,
        }
    }

    /// The bare socket.
    pub(crate) fn into_inner(self) -> TcpStream {
        self.stream
    }

    /// Reads the bytes of a head, and those that follow it until the server's turn.
    fn poll_head(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buf) {
            read?;
            // The time for the first head runs from the start of the connection; that for later heads from their first
            // byte.
            if self.answered > 0 && !self.head.begun() {
                self.since = Instant::now();
            }
            return match self.head.scan(&buf.filled()[before..], &self.limits) {
                Ok(()) => Poll::Ready(Ok(())),
                Err(status) => {
                    buf.set_filled(before);
                    self.refuse(cx, status)
                }
            };
        }
        self.turn.register(cx.waker());
        // It may have been evicted before the waker was registered.
        if self.turn.whose() == Whose::Evicted {
            return self.give_up(cx, StatusCode::SERVICE_UNAVAILABLE);
        }
        let due =
            self.since + if self.answered == 0 || self.head.begun() { self.limits.headers } else { self.limits.idle };
        ready!(poll_alarm(&mut self.alarm, due, cx));
        self.give_up(cx, StatusCode::REQUEST_TIMEOUT)
    }

    /// Ends the connection: with a refusal if the client has begun a request, otherwise as if the client had closed it.
    fn give_up(&mut self, cx: &mut Context<'_>, status: StatusCode) -> Poll<io::Result<()>> {
        if self.head.begun() { self.refuse(cx, status) } else { Poll::Ready(Ok(())) }
    }

    fn refuse(&mut self, cx: &mut Context<'_>, status: StatusCode) -> Poll<io::Result<()>> {
        self.refusal = Some(refusal(status));
        self.poll_refusal(cx)
    }

    /// Writes the refusal and closes the connection. Then it returns an error, so that no further request is served.
    fn poll_refusal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(left) = self.refusal.clone().filter(Bytes::has_remaining) {
            let written = ready!(self.stream_write(cx, &left))?;
            self.refusal = Some(left.slice(written..));
        }
        ready!(self.poll_goodbye(cx))?;
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "the client's request was refused")))
    }

    /// Closes the sending side, and discards what the client still sends.
    fn poll_goodbye(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        let linger = self.linger.get_or_insert_with(Linger::new);
        linger.poll(&mut self.stream, cx).map(Ok)
    }

    fn stream_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.poll_stalled(cx, written)
    }

    /// Fails a write if the client reads nothing for too long.
    fn poll_stalled(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.limits.stall;
        let alarm = self.stalled.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + limit)));
        ready!(alarm.poll_unpin(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.refusal.is_some() {
            return this.poll_refusal(cx);
        }
        match this.turn.whose() {
            Whose::Client(answered) => {
                if answered != this.answered {
                    this.answered = answered;
                    this.head = Head::default();
                    this.since = Instant::now();
                }
                this.poll_head(cx, buf)
            }
            Whose::Server => {
                this.turn.register(cx.waker());
                Pin::new(&mut this.stream).poll_read(cx, buf)
            }
            // The rest of a body is discarded by `poll_goodbye`. An end of the stream here would cut off the answer.
            Whose::Over => Poll::Pending,
            Whose::Evicted => this.give_up(cx, StatusCode::SERVICE_UNAVAILABLE),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().stream_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.poll_stalled(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // If the client has its answers and has sent nothing more, the connection can be closed at once.
        if this.turn.whose() == Whose::Over || this.head.begun() {
            this.poll_goodbye(cx)
        } else {
            Pin::new(&mut this.stream).poll_shutdown(cx)
        }
    }
}

/// Reads and discards what a client sends after its last answer, for a limited time.
struct Linger {
    end: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl Linger {
    fn new() -> Self {
        let now = Instant::now();
        Self { end: now + LINGER, alarm: Box::pin(sleep_until(now + PAUSE)) }
    }

    fn poll(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
        let mut rest = [0; 8192];
        while self.alarm.poll_unpin(cx).is_pending() {
            let mut rest = ReadBuf::new(&mut rest);
            match ready!(Pin::new(&mut *stream).poll_read(cx, &mut rest)) {
                Ok(()) if !rest.filled().is_empty() => {
                    self.alarm.as_mut().reset(self.end.min(Instant::now() + PAUSE));
                }
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

/// Ready at `due`. The time may have changed since the last call; the timer is reset only when it fires or is too late.
fn poll_alarm(alarm: &mut Option<Pin<Box<Sleep>>>, due: Instant, cx: &mut Context<'_>) -> Poll<()> {
    let alarm = alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
    loop {
        if alarm.deadline() > due {
            alarm.as_mut().reset(due);
        }
        ready!(alarm.poll_unpin(cx));
        if due <= Instant::now() {
            return Poll::Ready(());
        }
        alarm.as_mut().reset(due);
    }
}

/// The answer to a request whose head is refused before it is complete.
#[expect(
    clippy::disallowed_methods,
    reason = "RFC 9110 demands the time of day in an answer, also if events have another clock"
)]
fn refusal(status: StatusCode) -> Bytes {
    let format =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    let date = OffsetDateTime::from(SystemTime::now()).format(format).unwrap_or_default();
    let reason = status.canonical_reason().unwrap_or("Refused");
    let body = format!("{{\"message\":\"{reason}\"}}");
    let retry = if status == StatusCode::SERVICE_UNAVAILABLE { "retry-after: 1\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: application/json\r\nconnection: close\r\n{retry}",
        status.as_u16()
    );
    format!("{head}content-length: {}\r\ndate: {date}\r\n\r\n{body}", body.len()).into()
}
