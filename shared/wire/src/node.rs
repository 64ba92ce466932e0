//! What a node says.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A message from a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NodeMessage {
    /// "I am here, and this is how I am."
    CheckIn(CheckIn),
    /// "Tell me my configuration again": answered with [`ServerMessage::Config`](crate::ServerMessage::Config), or with
    /// [`ErrorCode::NoConfig`](crate::ErrorCode::NoConfig).
    Config,
    /// "Where is this firmware?": answered with [`ServerMessage::FirmwareUrl`](crate::ServerMessage::FirmwareUrl), as often
    /// as it is asked, or with [`ErrorCode::NoFirmware`](crate::ErrorCode::NoFirmware).
    FirmwareUrl {
        /// Its version: the one that the node is to run.
        version: String,
    },
}

/// A check-in: the node is alive, and what changed about it since the last one.
///
/// A field that is absent leaves what is stored as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckIn {
    /// Counts the check-ins of one connection, from 1 to [`SEQ_MAX`](crate::SEQ_MAX). Gaps are fine; repeating or going
    /// back is refused.
    pub seq: u64,
    /// Whether to answer with an [`Ack`](crate::Ack). An answer is a billed message; the check-in is stored either way.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub ack: bool,
    /// The firmware version that is running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    /// What became of the newest configuration that the node was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigReport>,
    /// How the node is getting on with the firmware that it is to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<UpdateReport>,
    /// How the node is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// What became of commands: at most [`RESULTS`](crate::RESULTS). Each is said until a check-in that said it is
    /// acknowledged; saying it again changes nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<CommandResult>,
    /// How many optional fields were dropped or clipped when it was read: they were not what they must be. It is not said.
    #[serde(skip)]
    pub dropped: u32,
}

impl CheckIn {
    /// The smallest check-in: alive, nothing new, and an answer wanted.
    pub fn idle(seq: u64) -> Self {
        Self { seq, ack: true, firmware: None, config: None, update: None, health: None, results: vec![], dropped: 0 }
    }
}

/// What became of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigReport {
    /// The server's version number of the configuration.
    pub version: u64,
    /// What the node did with it.
    pub status: ConfigStatus,
    /// With what it was substituted, or why it was rejected: for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What a node did with a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ConfigStatus {
    /// It runs.
    Applied,
    /// Something close to it runs (a channel that the regulatory domain forbids was replaced, say).
    Substituted,
    /// It was refused, or rolled back.
    Rejected,
}

/// How a node is getting on with a firmware version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpdateReport {
    /// The version.
    pub version: String,
    /// How far it got.
    pub status: UpdateStatus,
    /// What went wrong: for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How far a firmware update got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UpdateStatus {
    /// The image is on its way, or being installed.
    Downloading,
    /// It runs.
    Applied,
    /// It could not be had, verified or installed.
    Failed,
    /// It ran, did not prove itself, and what ran before it runs again.
    RolledBack,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandResult {
    /// The command's number.
    pub command: u64,
    /// Whether it did what it was for.
    pub status: CommandStatus,
    /// What it said: for people. The first [`COMMAND_OUTPUT_BYTES`](crate::COMMAND_OUTPUT_BYTES) of it are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// Whether a command did what it was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandStatus {
    /// It did.
    Done,
    /// It did not, and the output says why; or nobody can say, since the node went down while it ran.
    Failed,
}

/// How a node is doing. Every figure is optional; figures that this type does not name are ignored.
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
    /// Clients that the node serves at the moment (WiFi stations, say).
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
