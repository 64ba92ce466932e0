//! What the server says.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A message to a node: the answer to one of its own, or pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ServerMessage {
    /// The check-in is stored.
    Ack(Ack),
    /// Pushed, or the answer to [`NodeMessage::Config`](crate::NodeMessage::Config): the configuration to run.
    Config(ConfigNews),
    /// Pushed: something to do.
    Command(CommandNews),
    /// Pushed: the firmware to run.
    Firmware(FirmwareNews),
    /// The answer to [`NodeMessage::FirmwareUrl`](crate::NodeMessage::FirmwareUrl).
    FirmwareUrl(FirmwareUrl),
    /// The message was not accepted.
    Error(ErrorMessage),
    /// Pushed: open a new connection within this time, then close this one.
    Reconnect {
        /// How long the node may take, in seconds.
        within_s: u32,
    },
    /// The answer to a message that is over the node's budget of messages a minute. It was not stored, and says nothing about
    /// what was stored before. A node that sends again before the time is over is dismissed with
    /// [`ByeReason::SlowDown`].
    SlowDown {
        /// How long to send nothing, in seconds.
        retry_after_s: u32,
        /// The sequence number of the check-in that was not stored, if it was a check-in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
    },
    /// Pushed: the server closes this connection, and says why.
    Bye {
        /// Why.
        reason: ByeReason,
        /// How long connects will be refused, in seconds; absent if they will not be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<u32>,
    },
}

/// "Your check-in is stored, and this is how we go on."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The check-in's sequence number.
    pub seq: u64,
    /// When to check in next, in seconds from now.
    pub next_check_in_s: u32,
    /// By when this connection must have been replaced by a new one, in seconds from now.
    pub reconnect_within_s: u32,
    /// After a loss, wait a random time up to this before connecting again, in seconds, so that a fleet does not
    /// return at once.
    pub spread_s: u32,
    /// The configuration to run, while the node has not reported on its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigNews>,
    /// The command to execute, until the node has said what became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandNews>,
    /// The firmware to run, until the node has said what became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<FirmwareNews>,
}

/// A configuration that a node is to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigNews {
    /// Its version: the server counts, from 1. The one with the highest version is to run.
    pub version: u64,
    /// The SHA-256 of the document's UTF-8 bytes, in lower-case hexadecimal. The node checks it.
    pub sha256: String,
    /// The document: JSON as text, so that the very bytes that were hashed arrive. Absent if it is larger than
    /// [`DOCUMENT_IN_FRAME_BYTES`](crate::DOCUMENT_IN_FRAME_BYTES): fetch it with `GET /v1/configs/{sha256}` and the
    /// token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// Something for a node to do, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandNews {
    /// Its number: the server counts, from 1, for each node. The same number is the same command, told again; a node
    /// executes no command whose number is not above that of the last one that it began.
    pub command: u64,
    /// What to do.
    pub name: String,
    /// With what.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub args: Value,
    /// How long it may wait until it is begun, in seconds from now: nodes have no clock that could be trusted.
    pub expires_in_s: u32,
}

/// The firmware that a node is to run: where it is, is told to whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareNews {
    /// Its version.
    pub version: String,
}

/// Where a firmware image is, and how to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareUrl {
    /// Its version.
    pub version: String,
    /// Its size, in bytes.
    pub size: u64,
    /// Its SHA-256, in lower-case hexadecimal. The node checks it.
    pub sha256: String,
    /// The vendor's signature of it, as the console was given it: the node checks it with the key that it was built with.
    pub signature: String,
    /// Where it is: good for a GET, without the token, until it expires.
    pub url: String,
    /// When that is, in seconds from now. A download that has begun goes on; for another one, ask again.
    pub expires_in_s: u32,
}

/// A message was not accepted; the connection stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorMessage {
    /// What is wrong: stable, for programs.
    pub code: ErrorCode,
    /// What is wrong: for people; its wording may change.
    pub message: String,
    /// The sequence number of the check-in that was refused, where it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// With [`ErrorCode::StaleSeq`]: the highest sequence number that is stored on this connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_seq: Option<u64>,
}

/// Why a message was not accepted. Codes are never renamed or reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// The message is larger than [`MESSAGE_LIMIT_BYTES`](crate::MESSAGE_LIMIT_BYTES).
    TooLarge,
    /// The message is not JSON, or not a JSON object.
    NotJson,
    /// The message is nested too deeply to be one of ours.
    TooDeep,
    /// The message has no `type`, or one that is not text.
    NoType,
    /// This version of the protocol has no such `type`.
    UnknownType,
    /// A field is missing, of the wrong type or out of range; the message names it.
    InvalidField,
    /// A check-in with a higher sequence number is stored on this connection. The results of this check-in are stored; the rest
    /// of it is not: what still holds is to be said again, under a higher number. (The same number again is not stale: the
    /// check-in is stored again, and acknowledged.)
    StaleSeq,
    /// This connection is not, or no longer, the node's: connect again.
    NotConnected,
    /// The node is to run no configuration.
    NoConfig,
    /// The node is to run no firmware of this version.
    NoFirmware,
    /// Rollcall could not store it: nothing is lost, send it again a little later.
    Unavailable,
    /// Rollcall made a mistake, and it is in its log.
    Internal,
    /// A code of a newer server.
    #[serde(other)]
    Unknown,
}

/// Why the server closes a connection. Reasons are never renamed or reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ByeReason {
    /// A newer connection of the same node took over.
    Superseded,
    /// The server had counted this connection as closed: connect again.
    Closed,
    /// No such node is registered.
    Unregistered,
    /// The node's credentials were revoked, or the token is of an outdated credential version: connecting again with this
    /// token is pointless.
    Revoked,
    /// The node went on sending after it was told to [slow down](ServerMessage::SlowDown): connects are refused with 429 until
    /// `retry_after_s` is over.
    SlowDown,
    /// A reason of a newer server.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for ByeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
