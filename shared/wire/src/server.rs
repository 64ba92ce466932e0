//! What the server says.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::Json;

/// A message to a node: the answer to one of its own, or pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

impl<'de> Deserialize<'de> for ServerMessage {
    /// As with `#[serde(tag = "type")]`, which would round the numbers in a command's arguments.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let message = Json::deserialize(deserializer)?;
        let read = || match message.read::<Type>()?.name.as_str() {
            "ack" => message.read().map(Self::Ack),
            "config" => message.read().map(Self::Config),
            "command" => message.read().map(Self::Command),
            "firmware" => message.read().map(Self::Firmware),
            "firmware-url" => message.read().map(Self::FirmwareUrl),
            "error" => message.read().map(Self::Error),
            "reconnect" => message.read().map(|Reconnect { within_s }| Self::Reconnect { within_s }),
            "slow-down" => message.read().map(|SlowDown { retry_after_s, seq }| Self::SlowDown { retry_after_s, seq }),
            "bye" => message.read().map(|Bye { reason, retry_after_s }| Self::Bye { reason, retry_after_s }),
            _ => Err(serde_json::Error::custom("no type of this version")),
        };
        read().map_err(D::Error::custom)
    }
}

#[derive(Deserialize)]
struct Type {
    #[serde(rename = "type")]
    name: String,
}

#[derive(Deserialize)]
struct Reconnect {
    within_s: u32,
}

#[derive(Deserialize)]
struct SlowDown {
    retry_after_s: u32,
    #[serde(default)]
    seq: Option<u64>,
}

#[derive(Deserialize)]
struct Bye {
    reason: ByeReason,
    #[serde(default)]
    retry_after_s: Option<u32>,
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
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub args: Json,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<ServerMessage> {
        let config = ConfigNews { version: 7, sha256: "00".to_owned(), document: Some("[1.0]".to_owned()) };
        let args = Json::parse(r#"{"a":[1.0,1e400,12345678901234567890123,-0]}"#).expect("JSON");
        let command = CommandNews { command: 3, name: "led".to_owned(), args, expires_in_s: 60 };
        let idle = CommandNews { args: Json::default(), ..command.clone() };
        let firmware = FirmwareNews { version: "2.5".to_owned() };
        let (url, text) = (
            FirmwareUrl {
                version: "2.5".to_owned(),
                size: 1 << 60,
                sha256: "00".to_owned(),
                signature: "s".to_owned(),
                url: "https://a".to_owned(),
                expires_in_s: 900,
            },
            "why".to_owned(),
        );
        let ack = Ack {
            seq: 1,
            next_check_in_s: 300,
            reconnect_within_s: 6600,
            spread_s: 30,
            config: Some(config.clone()),
            command: Some(command.clone()),
            firmware: Some(firmware.clone()),
        };
        let error = ErrorMessage { code: ErrorCode::StaleSeq, message: text, seq: Some(1), stored_seq: Some(2) };
        vec![
            ServerMessage::Ack(Ack { config: None, command: None, firmware: None, ..ack.clone() }),
            ServerMessage::Ack(ack),
            ServerMessage::Config(config),
            ServerMessage::Command(command),
            ServerMessage::Command(idle),
            ServerMessage::Firmware(firmware),
            ServerMessage::FirmwareUrl(url),
            ServerMessage::Error(error),
            ServerMessage::Reconnect { within_s: 60 },
            ServerMessage::SlowDown { retry_after_s: 60, seq: Some(3) },
            ServerMessage::SlowDown { retry_after_s: 60, seq: None },
            ServerMessage::Bye { reason: ByeReason::SlowDown, retry_after_s: Some(60) },
            ServerMessage::Bye { reason: ByeReason::Superseded, retry_after_s: None },
        ]
    }

    #[test]
    fn every_message_is_read_as_it_was_said_and_no_number_in_it_is_touched() {
        for message in all() {
            let text = serde_json::to_string(&message).expect("JSON");
            let read: ServerMessage = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!((&read, serde_json::to_string(&read).expect("JSON")), (&message, text));
        }
        let text = serde_json::to_string(&all()[3]).expect("JSON");
        assert!(text.contains(r#""args":{"a":[1.0,1e400,12345678901234567890123,-0]}"#), "{text}");
    }

    #[test]
    fn what_is_of_no_known_type_or_lacks_a_field_is_no_message() {
        for text in ["{}", "[]", r#"{"type":7}"#, r#"{"type":"reboot"}"#, r#"{"type":"ack"}"#, r#"{"type":"bye"}"#] {
            assert!(serde_json::from_str::<ServerMessage>(text).is_err(), "{text}");
        }
    }
}
