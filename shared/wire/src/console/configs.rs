//! The console's types for configurations.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::BatchResult;
use crate::vocabulary::vocabulary;
use crate::{ConfigReport, Edit, Json, integer};

/// The configuration that a node is to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DesiredView {
    /// The configuration's version, counted from 1 for each node.
    pub version: u64,
    /// The SHA-256 of the configuration's document, in hexadecimal.
    pub sha256: String,
    /// For whom it was set.
    pub origin: ConfigOrigin,
}

vocabulary! {
    /// For whom a configuration was set.
    pub enum ConfigOrigin {
        /// For the node alone.
        Node,
        /// For all nodes of a site.
        Site,
    }
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
    /// How many nodes keep a configuration that was set for them alone: without `replace=true`, it is not replaced.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub kept: u32,
    /// Some of these nodes: at most 10.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required, max_items = 10))]
    pub kept_nodes: Vec<String>,
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

vocabulary! {
    /// What became of a version of a node's configuration, as far as it is known.
    pub enum ConfigVersionProgress {
        /// It is desired, and the node has not reported on it yet.
        Pending,
        /// The node reported that it runs it.
        Applied,
        /// The node reported that it runs something close to it.
        Substituted,
        /// The node refused it or rolled it back.
        Rejected,
        /// Another version was made, and no report of the node on this one is known.
        Superseded,
        /// It counts that no configuration was desired any more. It has no document.
        Unset,
    }
}

/// The state as it is in JSON.
impl fmt::Display for ConfigVersionProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A version of a node's configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigVersionView {
    /// The version.
    pub version: u64,
    /// The SHA-256 of its document, in hexadecimal; `null` if it counts that no configuration was desired any more.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub sha256: Option<String>,
    /// What became of it.
    pub state: ConfigVersionProgress,
    /// Whether the node runs it: it is the last one that it reported as applied or substituted.
    pub runs: bool,
    /// For whom it was set.
    pub origin: ConfigOrigin,
    /// When it was set, in milliseconds since 1970; `null` if that is not known.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub set_at_ms: Option<u64>,
    /// Who set it; `null` if that is not known.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub actor: Option<String>,
    /// Its document, with every number as it was written. It is only there if this one version was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Value, required = false))]
    pub document: Option<Json>,
}

/// The last versions of a node's configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigVersionPage {
    /// The versions, the newest first: the last 20, and the one that the node runs.
    pub versions: Vec<ConfigVersionView>,
}

/// How two versions of a node's configuration differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionDifference {
    /// The version that the difference begins with.
    pub from: ConfigVersionView,
    /// The version that it leads to.
    pub to: ConfigVersionView,
    /// The difference, as a JSON Patch (RFC 6902). It is empty if both are the same.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Edit>))]
    pub difference: Vec<Edit>,
}

/// Which version's document is to be desired again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RollingBack {
    /// The version; if it is left out, the last one before the present one that has another document.
    #[serde(default, deserialize_with = "integer::optional", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, minimum = 1, maximum = 9_007_199_254_740_991_u64))]
    pub to: Option<u64>,
}

/// What a rollback came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RolledBack {
    /// The node's id.
    pub node: String,
    /// The version that was the last one before.
    pub from: u64,
    /// The version whose document is desired again.
    pub to: u64,
    /// The version that is desired now, with that document; with `dry_run=true`, the one that would be.
    pub version: u64,
    /// The SHA-256 of the document, in hexadecimal.
    pub sha256: String,
    /// What became of the delivery; absent with `dry_run=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = DeliveryState, required = false))]
    pub delivery: Option<DeliveryState>,
}

/// The result of a request that no configuration be desired of a node any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigUnset {
    /// The node's id.
    pub node: String,
    /// The version that counts that no configuration is desired any more; 0 if none ever was.
    pub version: u64,
    /// Whether one was desired before.
    pub changed: bool,
    /// The version of the configuration that the node keeps running; `null` if it has not reported that it runs one.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub applied: Option<u64>,
}
