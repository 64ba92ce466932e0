//! The types of the console API, which the application uses.

mod commands;
mod configs;
mod cutover;
mod endpoints;
mod fleet;
#[cfg(feature = "openapi")]
mod labels;
mod models;
mod nodes;
mod problem;
mod rollouts;
mod transfer;

pub use commands::{
    COMMAND_EXPIRES_MOST_S, COMMAND_EXPIRES_S, CommandPage, CommandProgress, CommandSpec, CommandView, DeltaSpec,
    DeltaView, FirmwareProgress, FirmwareSet, FirmwareSpec, FirmwareView, FirmwareWish, IMAGE_BYTES, InvalidImage,
};

pub use configs::{
    AppliedView, ConfigOrigin, ConfigProgress, ConfigSet, ConfigUnset, ConfigVersionPage, ConfigVersionProgress,
    ConfigVersionView, ConfigView, DeliveryState, DesiredView, RolledBack, RollingBack, SiteConfigSet,
    VersionDifference,
};
pub use cutover::{AnswerDifference, CutoverMode, CutoverModeSpec, CutoverNode, CutoverPage, CutoverRule, CutoverView};
pub use endpoints::{
    DeliveryList, DeliveryProgress, DeliveryView, DisabledView, EndpointList, EndpointSecret, EndpointSpec,
    EndpointView, Replay, Replayed, SignatureScheme, TestSent,
};
pub use fleet::{FleetView, KindCount, KindCounts};
pub use models::{ModelPage, ModelPatch, ModelSpec, ModelView};
pub use nodes::{
    BATCH_NODES, BatchNode, BatchResult, BudgetView, ClosedView, ConnectionView, NodeHealthView, NodePage, NodePatch,
    NodeSpec, NodeView, PresenceView, TakeoversView,
};
pub use problem::{Problem, ProblemCode};
pub use rollouts::{
    OnFailure, RolloutChange, RolloutCounts, RolloutDocument, RolloutFirmware, RolloutGate, RolloutList, RolloutNode,
    RolloutNodePage, RolloutNodeState, RolloutProgress, RolloutRetry, RolloutSpec, RolloutView, RolloutWave,
    RolloutWindow, WaveNodes, WavePercent, Weekday,
};
pub use transfer::{
    DriftReport, DriftTold, ExportPage, IF_NONE, IMPORT_NODES, ImportResult, ImportedField, NodeImport, OpenCommand,
    RenumberNode,
};

use serde::{Deserialize, Serialize};

use crate::vocabulary::vocabulary;

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
