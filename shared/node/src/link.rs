//! One WebSocket, polled by the run loop. Reading does not wait for writing, and no connection waits for another one.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use rollcall_machine::{ConnectFailure, DisconnectReason, LinkEvent, LinkId};
use tokio::time::{Sleep, sleep};
use tokio_tungstenite::tungstenite::{
    Bytes, Error, Message, Utf8Bytes,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::connect::Socket;

/// A connection and its state.
pub(crate) struct Link {
    pub(crate) id: LinkId,
    state: State,
    close_timeout: Duration,
}

type Opening = Pin<Box<dyn Future<Output = Result<Socket, ConnectFailure>> + Send>>;

enum State {
    Opening(Opening),
    Open(Box<Socket>),
    /// One side has begun to close. The last messages of the server are still read.
    Closing {
        socket: Box<Socket>,
        until: Pin<Box<Sleep>>,
    },
    Gone,
}

impl Link {
    pub(crate) fn new(
        id: LinkId,
        opening: impl Future<Output = Result<Socket, ConnectFailure>> + Send + 'static,
        close_timeout: Duration,
    ) -> Self {
        Self { id, state: State::Opening(Box::pin(opening)), close_timeout }
    }

    pub(crate) fn send(&mut self, text: String) {
        self.write(Message::Text(text.into()));
    }

    pub(crate) fn ping(&mut self) {
        self.write(Message::Ping(Bytes::new()));
    }

    /// Begins the closing handshake with code 1000.
    pub(crate) fn close(&mut self) {
        self.write(Message::Close(Some(CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() })));
        self.finish();
    }

    /// Writes a frame. A write that fails is only logged, because the next read fails as well and knows whether the
    /// server closed first. The exception is a full buffer, which ends the link.
    fn write(&mut self, message: Message) {
        if let State::Open(socket) = &mut self.state
            && let Err(error) = socket.start_send_unpin(message)
        {
            tracing::debug!(%error, "a frame could not be written");
            if matches!(error, Error::WriteBufferFull(_)) {
                self.state = State::Gone;
            }
        }
    }

    fn finish(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Gone) {
            State::Open(socket) => State::Closing { socket, until: Box::pin(sleep(self.close_timeout)) },
            State::Opening(_) | State::Gone => State::Gone,
            closing @ State::Closing { .. } => closing,
        };
    }

    /// The next event on this connection.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<LinkEvent> {
        match &mut self.state {
            State::Opening(opening) => match std::task::ready!(opening.as_mut().poll(cx)) {
                Ok(socket) => {
                    self.state = State::Open(Box::new(socket));
                    Poll::Ready(LinkEvent::Opened)
                }
                Err(failure) => {
                    self.state = State::Gone;
                    Poll::Ready(LinkEvent::Failed(failure))
                }
            },
            State::Open(socket) => {
                let event = match std::task::ready!(poll_socket(socket, cx)) {
                    Some(Ok(message)) => event_of(message),
                    Some(Err(error)) => LinkEvent::Ended(DisconnectReason::Lost { why: error.to_string() }),
                    None => LinkEvent::Ended(DisconnectReason::Closed { code: None, reason: String::new() }),
                };
                if matches!(event, LinkEvent::Ended(_)) {
                    self.finish();
                }
                Poll::Ready(event)
            }
            State::Closing { socket, until } => {
                if until.as_mut().poll(cx).is_ready() {
                    self.state = State::Gone;
                    return Poll::Ready(LinkEvent::Gone);
                }
                match std::task::ready!(poll_socket(socket, cx)) {
                    Some(Ok(Message::Text(text))) => Poll::Ready(LinkEvent::Text(text.as_str().to_owned())),
                    Some(Ok(_)) => Poll::Ready(LinkEvent::Heard),
                    Some(Err(_)) | None => {
                        self.state = State::Gone;
                        Poll::Ready(LinkEvent::Gone)
                    }
                }
            }
            State::Gone => Poll::Ready(LinkEvent::Gone),
        }
    }
}

/// Writes what waits to be written, and reads.
fn poll_socket(socket: &mut Socket, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
    // An error shows at the read: see `Link::write`.
    let _ = socket.poll_flush_unpin(cx);
    socket.poll_next_unpin(cx)
}

fn event_of(message: Message) -> LinkEvent {
    match message {
        Message::Text(text) => LinkEvent::Text(text.as_str().to_owned()),
        Message::Close(frame) => LinkEvent::Ended(DisconnectReason::Closed {
            code: frame.as_ref().map(|frame| frame.code.into()),
            reason: frame.map(|frame| frame.reason.to_string()).unwrap_or_default(),
        }),
        _ => LinkEvent::Heard,
    }
}
