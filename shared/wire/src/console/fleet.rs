//! How many nodes there are of each kind.

use serde::{Deserialize, Serialize};

/// How many nodes there are, and how many of each kind. The counts are kept while nodes change, and are a moment behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FleetView {
    /// How many nodes there are.
    pub nodes: u64,
    /// By presence. That a node is silent is seen by the sweep's slow scan, every quarter of an hour.
    pub presence: KindCounts,
    /// By the firmware version that they reported.
    pub firmware: KindCounts,
    /// By how far they are with the firmware that they are to run.
    pub firmware_update: KindCounts,
    /// By how far they are with their configuration.
    pub config: KindCounts,
    /// By model.
    pub model: KindCounts,
    /// By site.
    pub site: KindCounts,
}

/// How many nodes have each value of a property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KindCounts {
    /// The most frequent values, at most 100 of them.
    pub counts: Vec<KindCount>,
    /// How many nodes have another value.
    pub others: u64,
}

/// How many nodes have a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KindCount {
    /// The value; `null` for nodes that have none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub value: Option<String>,
    /// How many nodes have it.
    pub nodes: u64,
    /// The selector of these nodes.
    pub select: String,
}
