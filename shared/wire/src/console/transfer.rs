//! The console's types for import and export.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Problem;
use super::nodes::{not_null, value_or_null};
use crate::integer;
use crate::json::Json;
use crate::vocabulary::vocabulary;

/// How many nodes an import may have in one request.
pub const IMPORT_NODES: usize = 100;

/// What is desired of a node: one element of the body of `POST /v1/nodes:import`. A field that is left out stays as it is. A
/// `null` removes the site, the model, the tags, the name and the labels, and leaves everything else as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NodeImport {
    /// The node's id: at most 64 ASCII letters, digits, `:`, `_` and `-`. A node that is new is registered.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9:_-]{1,64}$"))]
    pub node: String,
    /// As in [`NodeSpec`](super::NodeSpec).
    #[serde(default, deserialize_with = "value_or_null", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, required = false, pattern = "^[A-Za-z0-9:_-]{1,64}$")
    )]
    pub site: Option<Option<String>>,
    /// As in [`NodeSpec`](super::NodeSpec).
    #[serde(default, deserialize_with = "value_or_null", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, required = false, pattern = "^[A-Za-z0-9:_.-]{1,32}$")
    )]
    pub model: Option<Option<String>>,
    /// As in [`NodeSpec`](super::NodeSpec): the whole list.
    #[serde(default, deserialize_with = "value_or_null", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<super::nodes::Tag>>, required = false))]
    pub tags: Option<Option<Vec<String>>>,
    /// As in [`NodeSpec`](super::NodeSpec).
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = u64, required = false, maximum = 4_294_967_295_u64))]
    pub credential_version: Option<u32>,
    /// `true` revokes the credentials of the node. `false` leaves them as they are: only a higher credential version lets a
    /// revoked node back in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<bool>, required = false))]
    pub revoked: Option<bool>,
    /// As in [`NodeSpec`](super::NodeSpec).
    #[serde(default, deserialize_with = "value_or_null", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, required = false, min_length = 1, max_length = 128, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f\\s][^\\x00-\\x1f\\x7f-\\x9f]*$")
    )]
    pub name: Option<Option<String>>,
    /// As in [`NodeSpec`](super::NodeSpec): all of them.
    #[serde(default, deserialize_with = "value_or_null", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::labels::LabelMap>, required = false))]
    pub labels: Option<Option<BTreeMap<String, String>>>,
    /// The configuration that is desired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = serde_json::Value, required = false))]
    pub config: Option<Json>,
    /// The firmware version that is desired. The node's model must have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, required = false, pattern = "^[A-Za-z0-9:_.-]{1,32}$")
    )]
    pub firmware: Option<String>,
    /// The version that `config` had, as an export says it: it becomes the version that is desired, unless one was made that
    /// is as high. So a node that runs it has nothing to do, and no version is used twice. Without `config`, nothing becomes
    /// desired, and further versions are counted on from it.
    #[serde(default, deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, minimum = 1, maximum = 999_999_999_999_u64))]
    pub config_version: Option<u64>,
    /// The number of the last command that the node was given, as an export says it. If the node was given fewer here, the
    /// next command gets a number behind this one.
    #[serde(default, deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, minimum = 1, maximum = 999_999_999_999_u64))]
    pub last_command: Option<u64>,
    /// The open ones among the node's commands up to `last_command`, as an export says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<OpenCommand>>, required = false, max_items = 100))]
    pub open_commands: Option<Vec<OpenCommand>>,
    /// If it is given, the node is changed only if it is as it was when an export gave this value
    /// (`GET /v1/nodes:export?conditions=true`); with `none`, only if it is not registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, required = false, pattern = "^(none|[0-9a-f]{32})$")
    )]
    pub if_unchanged: Option<String>,
}

/// A command that has neither ended nor expired, as an export has it and an import takes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenCommand {
    /// The command's number.
    #[serde(deserialize_with = "integer::required")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 999_999_999_999_u64))]
    pub command: u64,
    /// As in [`CommandSpec`](super::CommandSpec).
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9:_.-]{1,64}$"))]
    pub name: String,
    /// As in [`CommandSpec`](super::CommandSpec).
    #[serde(default, skip_serializing_if = "Json::is_null")]
    #[cfg_attr(feature = "openapi", schema(value_type = serde_json::Value))]
    pub args: Json,
    /// When the command was queued, in milliseconds since 1970.
    #[serde(deserialize_with = "integer::required")]
    #[cfg_attr(feature = "openapi", schema(maximum = 9_007_199_254_740_991_u64))]
    pub queued_at_ms: u64,
    /// Until when the node may begin the command, in milliseconds since 1970.
    #[serde(deserialize_with = "integer::required")]
    #[cfg_attr(feature = "openapi", schema(maximum = 9_007_199_254_740_991_u64))]
    pub expires_at_ms: u64,
    /// When the command was first handed out, in milliseconds since 1970; absent if it was not.
    #[serde(default, deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, maximum = 9_007_199_254_740_991_u64))]
    pub sent_at_ms: Option<u64>,
}

fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    integer::optional(deserializer)
}

/// The condition that a node is not registered.
pub const IF_NONE: &str = "none";

vocabulary! {
    /// What an import has changed of a node.
    pub enum ImportedField {
        /// The node is new.
        Registered,
        /// Its site.
        Site,
        /// Its model.
        Model,
        /// Its tags.
        Tags,
        /// Its name.
        Name,
        /// Its labels.
        Labels,
        /// Its credential version.
        CredentialVersion,
        /// Its credentials are revoked.
        Revoked,
        /// The configuration that is desired of it.
        Config,
        /// The firmware that is desired of it.
        Firmware,
        /// Its open commands, and the number of its last one.
        Commands,
    }
}

impl fmt::Display for ImportedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The result for one node of an import.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportResult {
    /// The node's id, as it was given; only its start if it is too long.
    pub node: String,
    /// The HTTP status that a request for this node alone would get.
    pub status: u16,
    /// What was changed, or would be; nothing if the node is so already.
    pub changed: Vec<ImportedField>,
    /// What was wrong, if anything was. What is in `changed` is changed nevertheless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Problem, required = false))]
    pub problem: Option<Problem>,
}

/// A node of the body of `POST /v1/nodes:renumber`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RenumberNode {
    /// The node's id.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9:_-]{1,64}$"))]
    pub node: String,
}

/// The body of `POST /v1/drift`: how the application's database and the nodes here differ. Fields that are left out are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DriftReport {
    /// How many nodes were compared.
    #[serde(deserialize_with = "count")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, maximum = 9_007_199_254_740_991_u64))]
    pub compared: u64,
    /// How many are not registered here.
    #[serde(deserialize_with = "count")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, maximum = 9_007_199_254_740_991_u64))]
    pub missing: u64,
    /// How many are here, and unknown to the application's database.
    #[serde(deserialize_with = "count")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, maximum = 9_007_199_254_740_991_u64))]
    pub unknown: u64,
    /// How many are here and differ.
    #[serde(deserialize_with = "count")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, maximum = 9_007_199_254_740_991_u64))]
    pub changed: u64,
    /// How many of the application's database can't be brought here: their credentials are older, or were revoked.
    #[serde(deserialize_with = "count")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, maximum = 9_007_199_254_740_991_u64))]
    pub stale: u64,
}

/// A `null` counts as left out.
fn count<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(integer::optional(deserializer)?.unwrap_or(0))
}

/// The answer to `POST /v1/drift`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DriftTold {
    /// The id of the event `drift.found`.
    pub event: String,
}

/// A page of nodes as an import takes them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExportPage {
    /// The nodes, in no particular order.
    pub nodes: Vec<NodeImport>,
    /// What an import names, so that it is refused by every other stack; only with `conditions=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub stack: Option<String>,
    /// Where the next page begins; absent after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub cursor: Option<String>,
}
