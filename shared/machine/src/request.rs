//! What a program asks of its node, and the way there.

use std::{fmt, sync::Arc};

use rollcall_wire::CommandStatus;

/// A request or a result from the program to its node: see [`Driver::request`](crate::Driver::request).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Check in at once, on every open connection.
    CheckInNow,
    /// Drop every connection without a closing handshake.
    DropConnection,
    /// Close every connection and end the run.
    Stop,
    /// The result of the command with this number.
    Finished {
        /// The number of the command.
        command: u64,
        /// Whether the program did it.
        status: CommandStatus,
        /// What the program says of it, for people.
        output: String,
    },
    /// What became of the image that was to be made of a [`Delta`](crate::Delta). `Err`: why there is none, for people.
    Made {
        /// The number of the attempt at the update: an answer to an earlier one comes too late.
        attempt: u32,
        /// Whether it is written.
        outcome: Result<(), String>,
    },
    /// The outcome of the installation of this firmware version.
    Installed {
        /// The version that was to be installed.
        version: String,
        /// What became of it.
        outcome: Installed,
    },
}

/// The program's answer to [`Firmware`](crate::Firmware).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installed {
    /// The new version runs.
    Runs,
    /// The new version runs after a restart, which the program performs.
    Restarts,
    /// The image was not installed, for this reason, for people.
    Failed(String),
}

/// Where commands and firmware images report what became of them: their requests must come to
/// [`Driver::request`](crate::Driver::request). They come while the driver calls the [`Handler`](crate::Handler), or at
/// any later time, from any thread. What comes after the end of the run may be discarded.
#[derive(Clone)]
pub struct Outbox(Arc<dyn Fn(Request) + Send + Sync>);

impl Outbox {
    /// An outbox that hands every request to `send`, which must not block.
    pub fn new(send: impl Fn(Request) + Send + Sync + 'static) -> Self {
        Self(Arc::new(send))
    }

    pub(crate) fn send(&self, request: Request) {
        (self.0)(request);
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbox")
    }
}
