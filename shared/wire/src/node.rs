//! The messages that a node sends.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::vocabulary::vocabulary;

/// A message from a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NodeMessage {
    /// The node is there, and reports how it is.
    CheckIn(CheckIn),
    /// The node asks for its configuration again. The answer is
    /// [`ServerMessage::Config`](crate::ServerMessage::Config), or [`ErrorCode::NoConfig`](crate::ErrorCode::NoConfig).
    Config,
    /// The node asks where a firmware image is. The answer is
    /// [`ServerMessage::FirmwareUrl`](crate::ServerMessage::FirmwareUrl), as often as the node asks, or
    /// [`ErrorCode::NoFirmware`](crate::ErrorCode::NoFirmware).
    FirmwareUrl {
        /// The firmware's version, which must be the one that the node is to run.
        version: String,
        /// The version whose image the node has and can apply a delta to, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
    },
}

/// A check-in: the node is alive, and reports what has changed about it since the last one.
///
/// A field that is absent leaves the stored value as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckIn {
    /// The check-in's number on its connection, from 1 to [`SEQ_MAX`](crate::SEQ_MAX). Gaps are allowed. A lower number
    /// than the stored one is refused as stale; the same number is stored again.
    pub seq: u64,
    /// Whether the server is to answer with an [`Ack`](crate::Ack). An answer is a billed message; the check-in is
    /// stored either way.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub ack: bool,
    /// The firmware version that is running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    /// The node's report on the newest configuration that it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigReport>,
    /// The node's report on the firmware that it is to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<UpdateReport>,
    /// How the node is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// The results of commands: at most [`RESULTS`](crate::RESULTS). A node repeats each result until a check-in with
    /// it is acknowledged; repeating it changes nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<CommandResult>,
    /// How many optional fields were dropped or clipped when the message was read, because they were not valid. It is
    /// not part of the message.
    #[serde(skip)]
    pub dropped: u32,
}

impl CheckIn {
    /// The smallest check-in: the node is alive, nothing is new, and it asks for an answer.
    pub fn idle(seq: u64) -> Self {
        Self { seq, ack: true, firmware: None, config: None, update: None, health: None, results: vec![], dropped: 0 }
    }
}

/// A node's report on a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigReport {
    /// The configuration's version, as the server counts it.
    pub version: u64,
    /// What the node did with it.
    pub status: ConfigStatus,
    /// What replaced a substituted configuration, or why a configuration was rejected: for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub detail: Option<String>,
}

vocabulary! {
    /// What a node did with a configuration.
    pub enum ConfigStatus {
        /// The node runs it.
        Applied,
        /// The node runs something close to it. For example, a channel that the regulatory domain forbids was replaced.
        Substituted,
        /// The node refused it or rolled it back.
        Rejected,
    }
}

/// A node's report on a firmware update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpdateReport {
    /// The firmware version of the update.
    pub version: String,
    /// How far the update got.
    pub status: UpdateStatus,
    /// What went wrong: for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub detail: Option<String>,
}

vocabulary! {
    /// How far a firmware update got.
    pub enum UpdateStatus {
        /// The node downloads or installs the image.
        Downloading,
        /// The node runs the version.
        Applied,
        /// The image could not be downloaded, verified or installed.
        Failed,
        /// The node ran the version, which did not prove itself, and runs the version from before again.
        RolledBack,
    }
}

/// The result of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandResult {
    /// The command's number.
    pub command: u64,
    /// Whether the command succeeded.
    pub status: CommandStatus,
    /// The command's output, for people. Its first [`COMMAND_OUTPUT_BYTES`](crate::COMMAND_OUTPUT_BYTES) are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// Whether a command succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandStatus {
    /// The command succeeded.
    Done,
    /// The command failed, and the output says why; or its result is not known, because the node went down while it
    /// ran.
    Failed,
}

/// Figures on how a node is doing. Each is optional; other figures are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Time since the node booted, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime_s: Option<u64>,
    /// Processor load over the last minute, in percent of all cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_percent: Option<u32>,
    /// Free memory, in KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_free_kib: Option<u64>,
    /// How many clients the node serves at the moment, WiFi stations for example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<u32>,
}

impl fmt::Display for UpdateStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_true(ack: &bool) -> bool {
    *ack
}
