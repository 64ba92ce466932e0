//! The types of the console API, which the application uses.

mod commands;
mod cutover;
mod endpoints;
#[cfg(feature = "openapi")]
mod labels;
mod nodes;
mod problem;
mod rollouts;
mod transfer;

pub use commands::{
    COMMAND_EXPIRES_MOST_S, COMMAND_EXPIRES_S, CommandPage, CommandProgress, CommandSpec, CommandView,
    FirmwareProgress, FirmwareSet, FirmwareSpec, FirmwareWish, IMAGE_BYTES, InvalidImage,
};

pub use cutover::{AnswerDifference, CutoverMode, CutoverModeSpec, CutoverNode, CutoverPage, CutoverRule, CutoverView};
pub use endpoints::{
    DeliveryList, DeliveryProgress, DeliveryView, DisabledView, EndpointList, EndpointSecret, EndpointSpec,
    EndpointView, Replay, Replayed, SignatureScheme, TestSent,
};
pub use nodes::{
    BATCH_NODES, BatchNode, BatchResult, BudgetView, ClosedView, ConnectionView, NodeHealthView, NodePage, NodePatch,
    NodeSpec, NodeView, PresenceView, TakeoversView,
};
pub use problem::{Problem, ProblemCode};
pub use rollouts::{
    OnFailure, RolloutChange, RolloutCounts, RolloutDocument, RolloutFirmware, RolloutGate, RolloutList, RolloutNode,
    RolloutNodePage, RolloutNodeState, RolloutProgress, RolloutSpec, RolloutView, RolloutWave, RolloutWindow, WaveNodes,
    WavePercent, Weekday,
};
pub use transfer::{
    DriftReport, DriftTold, ExportPage, IF_NONE, IMPORT_NODES, ImportResult, ImportedField, NodeImport, OpenCommand,
    RenumberNode,
};

use serde::{Deserialize, Serialize};

use crate::vocabulary::vocabulary;
use crate::{ConfigReport, Edit, Json};

vocabulary! {
    /// How a node is.
    pub enum Presence {
        /// The node checks in, or its connection was closed less than its grace period ago.
        Online,
        /// The node has missed two check-ins, and does not count as offline yet.
        Silent,
        /// The node is gone, or its credentials are revoked.
        Offline,
    }
}

/// The health of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthView {
    /// The table that every request needs.
    pub table: PartHealth,
}

vocabulary! {
    /// The health of a part of the server.
    pub enum PartHealth {
        /// The part answers. If it does not, the answer is a problem with the status 503.
        Ok,
    }
}

/// The configuration that a node is to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DesiredView {
    /// The configuration's version, counted from 1 for each node.
    pub version: u64,
    /// The SHA-256 of the configuration's document, in hexadecimal.
    pub sha256: String,
}

vocabulary! {
    /// How far a node is with its desired configuration.
    pub enum ConfigProgress {
        /// No configuration is desired.
        None,
        /// The node has not reported on the desired version yet.
        Pending,
        /// The node runs the desired version.
        Applied,
        /// The node runs something close to the desired version.
        Substituted,
        /// The node refused the desired version or rolled it back.
        Rejected,
    }
}

vocabulary! {
    /// What became of the delivery to a node.
    pub enum DeliveryState {
        /// It was pushed to the node's connection.
        Pushed,
        /// The node gets it with its next check-in.
        Pending,
        /// It was desired already, so there is no new version and nothing to deliver.
        Unchanged,
    }
}

/// The result of setting a node's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigSet {
    /// The node's id.
    pub node: String,
    /// The version that is desired now.
    pub version: u64,
    /// The SHA-256 of the configuration's document, in hexadecimal.
    pub sha256: String,
    /// What became of the delivery.
    pub delivery: DeliveryState,
}

/// The result of one request that sets the configuration of a site's nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SiteConfigSet {
    /// How many nodes the configuration was pushed to.
    pub pushed: u32,
    /// How many nodes get it with their next check-in.
    pub pending: u32,
    /// For how many nodes it was desired already.
    pub unchanged: u32,
    /// The nodes for which it could not be set, and why.
    pub failed: Vec<BatchResult>,
    /// The cursor with which to repeat the request for the rest of the site; absent once all nodes are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub cursor: Option<String>,
}

/// The configuration that a node runs: the last one that it reported as applied or substituted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AppliedView {
    /// The configuration's version.
    pub version: u64,
    /// The SHA-256 of the configuration's document, in hexadecimal; `null` if the version is no longer remembered.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub sha256: Option<String>,
    /// The document, with every number as it was written; `null` if it is not known.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Value>, required))]
    pub document: Option<Json>,
}

/// A node's configuration: what is desired, what the node reported, and what it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigView {
    /// How far the node is with the desired configuration.
    pub status: ConfigProgress,
    /// The desired version; `null` if no configuration is desired.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub desired: Option<DesiredView>,
    /// The desired document, with every number as it was written; `null` if no configuration is desired.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Value>, required))]
    pub document: Option<Json>,
    /// The node's last report on a configuration.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub reported: Option<ConfigReport>,
    /// The configuration that the node runs; `null` if it has not reported that it runs one.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub applied: Option<AppliedView>,
    /// The difference from what the node runs to what is desired, as a JSON Patch (RFC 6902). It is empty if both are
    /// the same, and absent if one of them is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Edit>, required = false))]
    pub difference: Option<Vec<Edit>>,
}
