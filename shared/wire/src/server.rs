//! The messages that the server sends.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::Json;

/// A message to a node: the answer to one of its messages, or a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ServerMessage {
    /// The check-in is stored.
    Ack(Ack),
    /// The configuration to run: pushed, or the answer to [`NodeMessage::Config`](crate::NodeMessage::Config).
    Config(ConfigNews),
    /// A command to execute: pushed.
    Command(CommandNews),
    /// The firmware to run: pushed.
    Firmware(FirmwareNews),
    /// The answer to [`NodeMessage::FirmwareUrl`](crate::NodeMessage::FirmwareUrl).
    FirmwareUrl(FirmwareUrl),
    /// The node's message was not accepted.
    Error(ErrorMessage),
    /// Open a new connection within this time, then close this one: pushed.
    Reconnect {
        /// How long the node may take, in seconds.
        within_s: u32,
    },
    /// The answer to a message that is over the node's budget of messages a minute. The message was not stored; it says
    /// nothing about earlier messages. A node that sends again before the time is over is dismissed with
    /// [`ByeReason::SlowDown`].
    SlowDown {
        /// For how long the node must send nothing, in seconds.
        retry_after_s: u32,
        /// The sequence number of the check-in that was not stored, if it was a check-in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
    },
    /// The server closes this connection: pushed.
    Bye {
        /// Why the server closes the connection.
        reason: ByeReason,
        /// For how long connects are refused, in seconds; absent if they are not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<u32>,
    },
}

impl<'de> Deserialize<'de> for ServerMessage {
    /// Reads a message as `#[serde(tag = "type")]` would, but without rounding the numbers in a command's arguments.
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
            _ => Err(serde_json::Error::custom("the message has an unknown type")),
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

/// The check-in is stored, and this is how the node is to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The check-in's sequence number.
    pub seq: u64,
    /// When the node is to check in next, in seconds from now.
    pub next_check_in_s: u32,
    /// By when the node must have replaced this connection by a new one, in seconds from now.
    pub reconnect_within_s: u32,
    /// After the connection is lost, the node waits a random time up to this before it connects again, in seconds, so
    /// that a fleet does not return at once.
    pub spread_s: u32,
    /// The configuration to run, while the node has not reported on its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigNews>,
    /// The command to execute, until the node has reported its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandNews>,
    /// The firmware to run, until the node has reported what became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<FirmwareNews>,
}

/// The configuration that a node is to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigNews {
    /// The configuration's version, which the server counts from 1. The node runs the one with the highest version.
    pub version: u64,
    /// The SHA-256 of the document's UTF-8 bytes, in lower-case hexadecimal. The node checks it.
    pub sha256: String,
    /// The document: JSON as text, so that exactly the bytes arrive that were hashed. Absent if it is larger than
    /// [`DOCUMENT_IN_FRAME_BYTES`](crate::DOCUMENT_IN_FRAME_BYTES) or does not fit the message: the node then fetches
    /// it with `GET /v1/configs/{sha256}` and its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// A command that a node is to execute once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandNews {
    /// The command's number, which the server counts from 1 for each node. The same number is the same command, sent
    /// again: a node executes no command whose number is not above that of the last one that it began.
    pub command: u64,
    /// The name, which says what to do.
    pub name: String,
    /// The arguments.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub args: Json,
    /// How long the command may wait until the node begins it, in seconds from now. It is no date, because nodes have
    /// no clock that can be trusted.
    pub expires_in_s: u32,
}

/// The firmware that a node is to run. A node asks for the image's URL with
/// [`NodeMessage::FirmwareUrl`](crate::NodeMessage::FirmwareUrl).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareNews {
    /// The firmware version.
    pub version: String,
}

/// Where a firmware image is, and how to check it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareUrl {
    /// The firmware version.
    pub version: String,
    /// The image's size, in bytes.
    pub size: u64,
    /// The image's SHA-256, in lower-case hexadecimal. The node checks it.
    pub sha256: String,
    /// The vendor's signature of the image, as the application gave it. The node checks it with the key that it was
    /// built with.
    pub signature: String,
    /// The image's URL. It is good for a GET without the token, until it expires.
    pub url: String,
    /// When the URL expires, in seconds from now. A download that has begun goes on; for another one, the node asks
    /// again.
    pub expires_in_s: u32,
    /// A smaller file that makes the image out of the one that the node said it has. The node may take the image all the
    /// same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<DeltaUrl>,
}

/// Where a delta is, and how to check it. What it makes is checked by the size and the SHA-256 of the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeltaUrl {
    /// The version whose image it is applied to: the one that the node named.
    pub from: String,
    /// The delta's size, in bytes.
    pub size: u64,
    /// The delta's SHA-256, in lower-case hexadecimal.
    pub sha256: String,
    /// The delta's URL, which expires with that of the image.
    pub url: String,
}

/// A message was not accepted. The connection stays open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorMessage {
    /// What is wrong, for programs. Codes are stable.
    pub code: ErrorCode,
    /// What is wrong, for people. The wording may change.
    pub message: String,
    /// The sequence number of the check-in that was refused, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The question that the error answers, if it answers one. An error with neither this nor `seq` is about a message
    /// that could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Question>,
    /// With [`ErrorCode::StaleSeq`]: the highest sequence number that is stored on this connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_seq: Option<u64>,
}

/// A question of a node: a message that stores nothing and has no sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Question {
    /// [`NodeMessage::Config`](crate::NodeMessage::Config).
    Config,
    /// [`NodeMessage::FirmwareUrl`](crate::NodeMessage::FirmwareUrl).
    FirmwareUrl,
    /// A question that only a newer server knows.
    #[serde(other)]
    Unknown,
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
    /// The message is nested too deeply.
    TooDeep,
    /// The message has no `type`, or one that is not text.
    NoType,
    /// The `type` is unknown in this version of the protocol.
    UnknownType,
    /// A field is missing, of the wrong type or out of range. The error's message names it.
    InvalidField,
    /// A check-in with a higher sequence number is stored on this connection. The results of this check-in are stored;
    /// the rest of it is not. What still holds is to be sent again under a higher number. (The same number again is not
    /// stale: that check-in is stored again and acknowledged.)
    StaleSeq,
    /// This connection does not hold the node, or no longer does: connect again.
    NotConnected,
    /// No such node is registered, and registration is closed. Connecting again with this token is pointless until the
    /// application registers the node.
    Unregistered,
    /// The node's credentials were revoked. Connecting again with this token is pointless.
    Revoked,
    /// The credential version of the token is lower than the node's. Connecting again with this token is pointless.
    CredentialsOutdated,
    /// No configuration is desired.
    NoConfig,
    /// This firmware version is not the desired one.
    NoFirmware,
    /// Rollcall could not store or read something now: send the message again a little later. Of a check-in, some or
    /// all may be stored all the same.
    Unavailable,
    /// An internal error. The server's log has the details. Of a check-in, some or all may be stored all the same.
    Internal,
    /// A code that only a newer server knows.
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
    /// The server has stored this connection as closed: connect again.
    Closed,
    /// The node was deleted, and registration is closed. Connecting again with this token is pointless until the
    /// application registers the node.
    Unregistered,
    /// The node's credentials were revoked, or the token's credential version is outdated. Connecting again with this
    /// token is pointless.
    Revoked,
    /// The node went on sending after it was told to [slow down](ServerMessage::SlowDown). Connects are refused with
    /// 429 until `retry_after_s` is over.
    SlowDown,
    /// A reason that only a newer server knows.
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
                delta: None,
            },
            "why".to_owned(),
        );
        let (from, sha256) = ("2.4".to_owned(), "11".to_owned());
        let delta = DeltaUrl { from, size: 7, sha256, url: "https://b".to_owned() };
        let ack = Ack {
            seq: 1,
            next_check_in_s: 300,
            reconnect_within_s: 6600,
            spread_s: 30,
            config: Some(config.clone()),
            command: Some(command.clone()),
            firmware: Some(firmware.clone()),
        };
        let error =
            ErrorMessage { code: ErrorCode::StaleSeq, message: text, seq: Some(1), about: None, stored_seq: Some(2) };
        let about = Some(Question::FirmwareUrl);
        let asked = ErrorMessage { code: ErrorCode::Unavailable, seq: None, about, stored_seq: None, ..error.clone() };
        vec![
            ServerMessage::Ack(Ack { config: None, command: None, firmware: None, ..ack.clone() }),
            ServerMessage::Ack(ack),
            ServerMessage::Config(config),
            ServerMessage::Command(command),
            ServerMessage::Command(idle),
            ServerMessage::Firmware(firmware),
            ServerMessage::FirmwareUrl(FirmwareUrl { delta: Some(delta), ..url.clone() }),
            ServerMessage::FirmwareUrl(url),
            ServerMessage::Error(error),
            ServerMessage::Error(asked),
            ServerMessage::Reconnect { within_s: 60 },
            ServerMessage::SlowDown { retry_after_s: 60, seq: Some(3) },
            ServerMessage::SlowDown { retry_after_s: 60, seq: None },
            ServerMessage::Bye { reason: ByeReason::SlowDown, retry_after_s: Some(60) },
            ServerMessage::Bye { reason: ByeReason::Superseded, retry_after_s: None },
        ]
    }

    #[test]
    fn every_message_is_read_as_it_was_written_and_no_number_in_it_is_changed() {
        for message in all() {
            let text = serde_json::to_string(&message).expect("JSON");
            let read: ServerMessage = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!((&read, serde_json::to_string(&read).expect("JSON")), (&message, text));
        }
        let text = serde_json::to_string(&all()[3]).expect("JSON");
        assert!(text.contains(r#""args":{"a":[1.0,1e400,12345678901234567890123,-0]}"#), "{text}");
    }

    #[test]
    fn an_error_names_the_question_that_it_answers() {
        let read = |about: &str| {
            let text = format!(r#"{{"type":"error","code":"unavailable","message":""{about}}}"#);
            match serde_json::from_str(&text) {
                Ok(ServerMessage::Error(error)) => error.about,
                other => panic!("no error: {other:?}"),
            }
        };
        assert_eq!(read(r#","about":"config""#), Some(Question::Config));
        assert_eq!(read(r#","about":"firmware-url""#), Some(Question::FirmwareUrl));
        assert_eq!(read(r#","about":"not-invented-yet""#), Some(Question::Unknown));
        assert_eq!(read(""), None);
    }

    #[test]
    fn a_message_of_an_unknown_type_or_without_a_field_is_refused() {
        for text in ["{}", "[]", r#"{"type":7}"#, r#"{"type":"reboot"}"#, r#"{"type":"ack"}"#, r#"{"type":"bye"}"#] {
            assert!(serde_json::from_str::<ServerMessage>(text).is_err(), "{text}");
        }
    }
}
