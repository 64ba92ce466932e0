//! What the program is told about its node.

use std::time::Duration;

use rollcall_wire::{Ack, ByeReason, CommandResult, ErrorMessage};

/// Something that happened to a connection, a configuration, a command or a firmware update.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeEvent {
    /// A connection opened.
    Connected {
        /// Whether it is to replace a connection of this run without an outage.
        planned: bool,
    },
    /// A check-in was handed to the connection.
    CheckedIn {
        /// The sequence number of the check-in.
        seq: u64,
        /// Whether the check-in asks for an ack.
        asked: bool,
    },
    /// A check-in is stored.
    Acked {
        /// The ack of the server.
        ack: Ack,
        /// The time from the check-in to its ack.
        rtt: Duration,
    },
    /// The server answered the handshake with an HTTP response and opened no WebSocket.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The start of the response body, for people.
        body: String,
    },
    /// No connection could be opened.
    Unreachable {
        /// The reason, for people.
        why: String,
    },
    /// The server did not accept a message.
    Error(ErrorMessage),
    /// A connection ended.
    Disconnected {
        /// Why the connection ended.
        reason: DisconnectReason,
        /// Whether another connection has taken its place, or is about to. `false`: the node has an outage.
        planned: bool,
    },
    /// A configuration runs, and the server was reached with it.
    ConfigApplied {
        /// The version of the configuration.
        version: u64,
        /// If the program substituted it: what runs in its place, for people.
        substituted: Option<String>,
    },
    /// A configuration does not run: the program refused it, its document could not be obtained, or it was rolled back.
    ConfigRejected {
        /// The version of the configuration.
        version: u64,
        /// The reason, for people.
        why: String,
    },
    /// A command is finished, or could not be begun. Its result is recorded, unless the record could not be written,
    /// and is reported until it is acknowledged.
    CommandFinished(CommandResult),
    /// A firmware version runs, and the server has acknowledged the report of it. The program no longer needs the
    /// earlier version.
    UpdateApplied {
        /// The version that runs.
        version: String,
    },
    /// A firmware version was refused by the program, or its image could not be downloaded, verified or installed.
    UpdateFailed {
        /// The version that failed.
        version: String,
        /// The reason, for people.
        why: String,
    },
    /// No image could be made of a delta: the delta could not be downloaded or verified, the program could not apply it, or
    /// what it made of it was not the image. The image is downloaded.
    DeltaFailed {
        /// The version whose image was to be made.
        version: String,
        /// The reason, for people.
        why: String,
    },
    /// A firmware version was installed, but another version runs.
    UpdateRolledBack {
        /// The version that was installed.
        version: String,
    },
    /// Another device uses this node's token: the node is now held by a connection that this run did not open. The node
    /// waits before it reconnects, longer each time, so that the two devices do not take the node from each other all
    /// the time.
    Superseded {
        /// How long the node waits.
        delay: Duration,
    },
    /// The server asked the node to slow down. The node sends nothing until the time is over, and then sends again what
    /// was not acknowledged.
    SlowedDown {
        /// How long the node sends nothing.
        delay: Duration,
    },
    /// The node waits before it opens the next connection.
    BackingOff {
        /// How long the node waits.
        delay: Duration,
    },
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server closed it (RFC 6455, section 7.4).
    Closed {
        /// The close code, if one was given.
        code: Option<u16>,
        /// The close reason, for people.
        reason: String,
    },
    /// The connection broke.
    Lost {
        /// The reason, for people.
        why: String,
    },
    /// Nothing was received for [`Timing::dead_after`](crate::Timing::dead_after).
    Silent,
    /// [`Timing::attempts`](crate::Timing::attempts) check-ins in a row failed, or the sequence numbers of the connection
    /// are used up.
    Unanswered,
    /// The server answered that this connection no longer holds the node.
    NotConnected,
    /// The server sent a bye.
    Bye {
        /// Why the server closed the connection.
        reason: ByeReason,
    },
    /// A new connection took its place.
    Replaced,
    /// The time that the server gave the connection is over, and no new one could be opened.
    Expired,
    /// The connection had ended, and the one that was to take its place could not be opened. Or the connection was to
    /// prove a configuration, which was rolled back.
    ReplacementFailed,
    /// The program asked for it with [`Request::DropConnection`](crate::Request::DropConnection), which with
    /// `rollcall-node` is `Node::drop_connection`.
    Dropped,
    /// The node stopped.
    Stopped,
}

/// Why a node's run ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// A URL is not valid, or has the wrong scheme.
    #[error("the URL is not usable: {why}")]
    InvalidUrl {
        /// What is wrong with the URL, for people.
        why: String,
    },
    /// The token is not valid in an HTTP header.
    #[error("the token has characters that an HTTP header can't hold")]
    InvalidToken,
    /// The server refused the token (HTTP 401). Another attempt would not change that.
    #[error("the server refused the token with HTTP status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The start of the response body, for people.
        body: String,
    },
    /// The node's credentials were revoked, or the token's credential version is outdated.
    #[error("the node's credentials were revoked")]
    Revoked,
    /// The handler panicked, or the runtime was shut down.
    #[error("the node's task was aborted: {why}")]
    Aborted {
        /// The reason, for people.
        why: String,
    },
}
