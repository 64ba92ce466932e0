//! The interface between a node and the program around it.

use std::time::Duration;

use rollcall_wire::{
    Ack, ByeReason, CommandNews, CommandResult, ConfigNews, ConfigReport, ErrorMessage, FirmwareNews, Health,
};
use serde_json::Value;

use crate::{Applied, Command, Configuration, Firmware};

/// What the program reports about the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The firmware version that is running. A program that takes firmware must name it: the library compares it with
    /// the version that was installed.
    pub firmware: Option<String>,
    /// The outcome of the newest configuration that the program knows from before this run. The library itself reports
    /// what [`Handler::apply`] applied in this run. The library ignores server messages about versions up to this one,
    /// and reports this outcome unless it has one for a higher version.
    pub config: Option<ConfigReport>,
    /// Figures about the node, such as uptime and load. Every check-in carries them; a change is no reason to ask for
    /// an ack.
    pub health: Option<Health>,
}

/// The program around the node. Its methods run on the task of the node and must not block.
pub trait Handler: Send {
    /// The state of the node at this moment. The library calls this before every check-in.
    fn report(&mut self) -> Report;

    /// Applies a configuration and returns the result. The default implementation takes no configurations, and no
    /// outcome is reported. (If the document of a configuration can't be obtained, the library reports it as rejected
    /// without calling this method.)
    ///
    /// An applied configuration must then be proven: the library opens a new connection, and a check-in on it must be
    /// acknowledged within [`Timing::proof_timeout`](crate::Timing::proof_timeout). Only then is it reported as
    /// applied, with [`NodeEvent::ConfigApplied`]. A program that keeps its configuration over a restart stores it on
    /// that event. If the node restarts earlier, the server sends the configuration again.
    fn apply(&mut self, configuration: &Configuration) -> Applied {
        let _ = configuration;
        Applied::Unsupported
    }

    /// Goes back to what ran before [`apply`](Self::apply) applied the configuration `from`. The server could not be
    /// reached with it, or the run ended before its proof. A program that names configurations in its [`Report`] must
    /// also name the earlier one again.
    fn roll_back(&mut self, from: &Configuration) {
        let _ = from;
    }

    /// Executes a command. The library calls this at most once for each command: its start is recorded before, in
    /// [`NodeConfig::state`](crate::NodeConfig::state). The next command follows after this one is finished. The
    /// default implementation knows no commands and reports each one as failed.
    ///
    /// If the node restarts before the command is finished, the library reports it as failed and does not execute it
    /// again.
    fn execute(&mut self, command: Command) {
        command.unsupported();
    }

    /// Whether the program takes this firmware version. The default implementation takes none.
    ///
    /// # Errors
    /// The reason why the version is not taken, for people. It is reported as a failed update; the server keeps the
    /// first 32 bytes of the reason.
    fn accept_firmware(&mut self, version: &str) -> Result<(), String> {
        let _ = version;
        Err("this node takes no firmware".to_owned())
    }

    /// Checks the signature of a firmware image, and installs it.
    ///
    /// The new version must then be proven: it is reported as applied once [`Report::firmware`] is its version, and
    /// when that report is acknowledged, [`NodeEvent::UpdateApplied`] follows. A device that can go back to the earlier
    /// version should do so if this event does not come in time; the library then reports the update as rolled back.
    fn install(&mut self, firmware: Firmware) {
        firmware.failed("this node takes no firmware");
    }

    /// The server pushed a message.
    fn pushed(&mut self, message: Pushed) {
        drop(message);
    }

    /// Something happened to a connection, a configuration, a command or a firmware update.
    fn event(&mut self, event: NodeEvent) {
        drop(event);
    }
}

/// A message that the server pushed: it is not the answer to a message of the node.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Pushed {
    /// The node is to move to a new connection. The library does so.
    Reconnect {
        /// How long the node may take, in seconds.
        within_s: u32,
    },
    /// The server closes the connection. The library reconnects or ends the run, depending on the reason.
    Bye {
        /// Why the server closes it.
        reason: ByeReason,
    },
    /// The configuration to run, for the first time or again. The library handles it. A configuration that came in an
    /// ack is in [`NodeEvent::Acked`].
    Config(ConfigNews),
    /// A command to execute, for the first time or again. The library handles it.
    Command(CommandNews),
    /// The firmware version to run, for the first time or again. The library handles it.
    Firmware(FirmwareNews),
    /// A message that this library can't read, for example of a `type` that a newer server introduced. The program may
    /// handle it.
    Other(Value),
}

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
    /// [`Timing::attempts`](crate::Timing::attempts) check-ins in a row failed.
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
    /// [`Node::drop_connection`](crate::Node::drop_connection) was called.
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
    /// The server refused the token (HTTP 401 or 403). Another attempt would not change that.
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
    /// The server said that the node is not registered.
    #[error("the node is not registered")]
    Unregistered,
    /// The handler panicked, or the runtime was shut down.
    #[error("the node's task was aborted: {why}")]
    Aborted {
        /// The reason, for people.
        why: String,
    },
}
