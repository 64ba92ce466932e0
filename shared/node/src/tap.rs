//! What goes over the wire, for those who want to watch.

use std::sync::Arc;

/// Is told what goes over the wire. It must not block.
pub type Tap = Arc<dyn Fn(Traffic<'_>) + Send + Sync>;

/// Something on the wire. `link` is the number of the connection within the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Traffic<'a> {
    /// The handshake succeeded.
    Opened { link: u64 },
    /// The server answered the handshake with this HTTP status and opened no WebSocket.
    Refused { link: u64, status: u16 },
    /// The node sends a message.
    Sent { link: u64, text: &'a str },
    /// The node has received a message.
    Received { link: u64, text: &'a str },
    /// The connection has ended, with this close code if the server has closed it.
    Ended { link: u64, code: Option<u16> },
}
