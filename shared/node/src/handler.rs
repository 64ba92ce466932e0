//! What a node and the program around it say to each other.

use std::time::Duration;

use rollcall_wire::{
    Ack, ByeReason, CommandNews, CommandResult, ConfigNews, ConfigReport, ErrorMessage, FirmwareNews, Health,
};
use serde_json::Value;

use crate::{Applied, Command, Configuration, Firmware};

/// What a node says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The firmware version that is running. A program that takes firmware names it: it shows what became of an update.
    pub firmware: Option<String>,
    /// What became of the newest configuration that the node was given. What [`Handler::apply`] applied, the library
    /// reports itself from then on; this is for what the program knows from before: news up to this version is ignored,
    /// and it is reported unless the library knows of a higher version.
    pub config: Option<ConfigReport>,
    /// How the node is doing. Said in every check-in; a change of it is no reason to ask for an ack.
    pub health: Option<Health>,
}

/// The program around the node. Its methods run on the node's own task: they must not block.
pub trait Handler: Send {
    /// How the node is at this moment; asked before every check-in.
    fn report(&mut self) -> Report;

    /// Applies a configuration, and says what came of it. By default none is applied, and none is reported on. (One
    /// whose document can't be had is reported as rejected before the program is asked.)
    ///
    /// What runs must then prove itself: a new connection is opened, and a check-in on it acknowledged, within
    /// [`Timing::proof_timeout`](crate::Timing::proof_timeout). Only then is it reported, with
    /// [`NodeEvent::ConfigApplied`]; a program that keeps what it runs over a restart keeps this one from that event on.
    /// A node that restarts before hears of it again.
    fn apply(&mut self, configuration: &Configuration) -> Applied {
        let _ = configuration;
        Applied::Unsupported
    }

    /// Goes back to what ran before [`apply`](Self::apply) applied this: with it the server could not be reached, or the
    /// run ended before it was. A program that reports configurations itself takes that back as well.
    fn roll_back(&mut self, from: &Configuration) {
        let _ = from;
    }

    /// Executes a command, which is handed out once, whatever happens: what is known of it before it begins is in
    /// [`NodeConfig::state`](crate::NodeConfig::state). One comes after another. By default none is known, which is
    /// reported as a failure.
    ///
    /// A node that restarts before the command is finished reports it as failed, and does not execute it again.
    fn execute(&mut self, command: Command) {
        command.unsupported();
    }

    /// Whether the program takes this firmware version; if not, that is reported as a failure: why, for people, of which
    /// the server keeps the first 32 bytes. By default none is taken.
    ///
    /// # Errors
    /// Why it is not taken.
    fn accept_firmware(&mut self, version: &str) -> Result<(), String> {
        let _ = version;
        Err("this node takes no firmware".to_owned())
    }

    /// Checks the signature of a firmware image, and installs it.
    ///
    /// What runs then must prove itself: it is reported as applied once [`Report::firmware`] is its version, and when
    /// that is acknowledged, [`NodeEvent::UpdateApplied`] says so. A device that can go back to what ran before does so
    /// unless that comes in time, which is then reported as well.
    fn install(&mut self, firmware: Firmware) {
        firmware.failed("this node takes no firmware");
    }

    /// The server pushed something.
    fn pushed(&mut self, message: Pushed) {
        drop(message);
    }

    /// Something happened to the connection, or to what the node was given.
    fn event(&mut self, event: NodeEvent) {
        drop(event);
    }
}

/// A message that the server sent by itself.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Pushed {
    /// The node is to move to a new connection, and does.
    Reconnect {
        /// How long it may take, in seconds.
        within_s: u32,
    },
    /// The server closes the connection; the node acts on it.
    Bye {
        /// Why.
        reason: ByeReason,
    },
    /// The configuration to run, pushed or told again; the node acts on it. What came in an ack is in
    /// [`NodeEvent::Acked`].
    Config(ConfigNews),
    /// Something to do, told for the first time or again; the node acts on it.
    Command(CommandNews),
    /// The firmware to run, told for the first time or again; the node acts on it.
    Firmware(FirmwareNews),
    /// A message of a `type` that this library does not know: a newer server's, for the program to understand.
    Other(Value),
}

/// Something that happened to the node's connection, or to what it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeEvent {
    /// A connection opened.
    Connected {
        /// Whether it is to replace one that was not lost.
        planned: bool,
    },
    /// A check-in was handed to the connection.
    CheckedIn {
        /// Its sequence number.
        seq: u64,
        /// Whether an ack was asked for.
        asked: bool,
    },
    /// A check-in is stored.
    Acked {
        /// What the server said.
        ack: Ack,
        /// The time from the check-in to its ack.
        rtt: Duration,
    },
    /// The server answered the handshake with something else than a WebSocket.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The start of the answer's body, for people.
        body: String,
    },
    /// No connection could be opened.
    Unreachable {
        /// Why, for people.
        why: String,
    },
    /// The server did not accept a message.
    Error(ErrorMessage),
    /// A connection ended.
    Disconnected {
        /// Why.
        reason: DisconnectReason,
        /// Whether another connection has taken its place, or is about to: `false` is an outage.
        planned: bool,
    },
    /// A configuration runs, and the server was reached with it.
    ConfigApplied {
        /// Its version.
        version: u64,
        /// What runs in its place, for people, if it was substituted.
        substituted: Option<String>,
    },
    /// A configuration does not run: it was refused, could not be had, or was rolled back.
    ConfigRejected {
        /// Its version.
        version: u64,
        /// Why, for people.
        why: String,
    },
    /// A command is over, or could not be begun. Its result is on record, unless that could not be written, and is said
    /// until it is acknowledged.
    CommandFinished(CommandResult),
    /// A firmware version runs, and the server has acknowledged that: it is good, and what ran before may go.
    UpdateApplied {
        /// The version.
        version: String,
    },
    /// A firmware version was not taken, or could not be had, verified or installed.
    UpdateFailed {
        /// The version.
        version: String,
        /// Why, for people.
        why: String,
    },
    /// A firmware version was installed, and another one runs.
    UpdateRolledBack {
        /// The version that was installed.
        version: String,
    },
    /// Another device uses this node's token: the server gave the node to a connection that this run did not open. The
    /// node stays away, ever longer, so that the two do not fight.
    Superseded {
        /// For how long.
        delay: Duration,
    },
    /// The node said more than its budget allows. It says nothing until the time is over, and then again what was not
    /// acknowledged.
    SlowedDown {
        /// For how long.
        delay: Duration,
    },
    /// The node waits before it opens the next connection.
    BackingOff {
        /// For how long.
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
        /// How, for people.
        why: String,
    },
    /// Nothing was received for [`Timing::dead_after`](crate::Timing::dead_after).
    Silent,
    /// [`Timing::attempts`](crate::Timing::attempts) check-ins in a row were not acknowledged.
    Unanswered,
    /// The server no longer counts this connection as the node's.
    NotConnected,
    /// The server said bye.
    Bye {
        /// Why.
        reason: ByeReason,
    },
    /// A new connection took its place.
    Replaced,
    /// The time that the server gave it is over, and no new one could be opened.
    Expired,
    /// Its end was planned or at least covered, but the connection that was to take its place could not be opened.
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
    /// A URL is none, or not of the kind that it should be.
    #[error("the URL is not usable: {why}")]
    InvalidUrl {
        /// What is wrong with it, for people.
        why: String,
    },
    /// The token can't stand in an HTTP header.
    #[error("the token has characters that an HTTP header can't hold")]
    InvalidToken,
    /// The server does not accept the token (HTTP 401 or 403): asking again would not change that.
    #[error("the server refused the token with HTTP status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The start of the answer's body, for people.
        body: String,
    },
    /// The node's credentials were revoked, or the token's credential version is outdated.
    #[error("the node's credentials were revoked")]
    Revoked,
    /// No such node is registered.
    #[error("the node is not registered")]
    Unregistered,
    /// The handler panicked, or the runtime was shut down.
    #[error("the node's task was cut short: {why}")]
    Aborted {
        /// How, for people.
        why: String,
    },
}
