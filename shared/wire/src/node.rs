//! What a node says.

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
    /// How the node is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
}

impl CheckIn {
    /// The smallest check-in: alive, nothing new, and an answer wanted.
    pub fn idle(seq: u64) -> Self {
        Self { seq, ack: true, firmware: None, config: None, health: None }
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

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_true(ack: &bool) -> bool {
    *ack
}
