//! What the monolith says over the console API, and what it is told.

mod commands;
mod nodes;
mod problem;

pub use commands::{
    COMMAND_EXPIRES_MOST_S, COMMAND_EXPIRES_S, CommandPage, CommandProgress, CommandSpec, CommandView,
    FirmwareProgress, FirmwareSet, FirmwareSpec, FirmwareWish, IMAGE_BYTES, InvalidImage,
};

pub use nodes::{BATCH_NODES, BatchNode, BatchResult, NodePage, NodePatch, NodeSpec, NodeView, TakeoversView};
pub use problem::{Problem, ProblemCode};

use serde::{Deserialize, Serialize};

use crate::{ConfigReport, Edit, Json};

/// A configuration that a node is to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DesiredView {
    /// Its version.
    pub version: u64,
    /// The SHA-256 of its document, in hexadecimal.
    pub sha256: String,
}

/// How a node stands with its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ConfigProgress {
    /// None is desired.
    None,
    /// It has not reported on the desired version yet.
    Pending,
    /// The desired version runs.
    Applied,
    /// Something close to it runs.
    Substituted,
    /// It was refused or rolled back.
    Rejected,
}

/// How a configuration got to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// It was handed to the node's connection.
    Pushed,
    /// The node gets it with its next check-in.
    Pending,
    /// It is the one that was desired already: no new version, and nothing to do.
    Unchanged,
}

/// What setting a node's configuration came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigSet {
    /// The node.
    pub node: String,
    /// The version that is desired now.
    pub version: u64,
    /// The SHA-256 of its document.
    pub sha256: String,
    /// How it got to the node.
    pub delivery: DeliveryState,
}

/// What setting a site's configuration came to, so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SiteConfigSet {
    /// How many nodes it was pushed to.
    pub pushed: u32,
    /// How many get it with their next check-in.
    pub pending: u32,
    /// How many were to run it already.
    pub unchanged: u32,
    /// Which could not be set, and why.
    pub failed: Vec<BatchResult>,
    /// With what to ask again, for the rest of the site; nothing once it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// What a node runs: what it last reported as applied, or as substituted by something close to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AppliedView {
    /// Its version.
    pub version: u64,
    /// The SHA-256 of its document, in hexadecimal; nothing if that is not remembered any more.
    pub sha256: Option<String>,
    /// Its document, every number as it was written.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Value>))]
    pub document: Option<Json>,
}

/// A node's configuration: what is desired, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigView {
    /// How the node stands.
    pub status: ConfigProgress,
    /// What it is to run; nothing if nothing is desired.
    pub desired: Option<DesiredView>,
    /// The desired document, every number as it was written; nothing if nothing is desired.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Value>))]
    pub document: Option<Json>,
    /// What it last reported.
    pub reported: Option<ConfigReport>,
    /// What it runs; nothing if it has not reported that it runs any.
    pub applied: Option<AppliedView>,
    /// How to get from what it runs to what is desired, as a JSON Patch (RFC 6902): empty if that is the same, and absent
    /// if one of them is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Vec<Edit>>,
}
