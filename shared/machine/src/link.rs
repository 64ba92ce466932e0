//! A connection by its number, and what happens to it.

use std::time::Duration;

use crate::event::DisconnectReason;

/// The number of a connection within a run. A newer connection has a higher number; no connection has the default one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub(crate) u64);

impl LinkId {
    /// The number: the first connection of a run has 1.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// Something that happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// The handshake succeeded.
    Opened,
    /// The connection could not be opened. No event follows, except [`Gone`](Self::Gone).
    Failed(ConnectFailure),
    /// A text frame came. It may also come after [`Ended`](Self::Ended), as long as the connection is closing.
    Text(String),
    /// A frame without a message came, for example a pong: the server is still there.
    Heard,
    /// The server ended the connection, or it broke.
    Ended(DisconnectReason),
    /// No event follows. A connection that is gone without having ended before could not write its data.
    Gone,
}

/// Why a connection could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectFailure {
    /// The server answered the handshake with an HTTP response and opened no WebSocket.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The start of the response body, for people.
        body: String,
        /// `Retry-After`, if it is a number of seconds.
        retry_after: Option<Duration>,
    },
    /// There was no answer, or none that is HTTP.
    Unreachable {
        /// The reason, for people.
        why: String,
    },
}
