//! The console's types for import and export.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Problem;
use super::nodes::{not_null, value_or_null};
use crate::json::Json;
use crate::vocabulary::vocabulary;

/// How many nodes an import may have in one request.
pub const IMPORT_NODES: usize = 100;

/// What is desired of a node: one element of the body of `POST /v1/nodes:import`. A field that is left out stays as it is. A
/// `null` removes the site, the model and the tags, and leaves everything else as it is.
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
}

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
        /// Its credential version.
        CredentialVersion,
        /// Its credentials are revoked.
        Revoked,
        /// The configuration that is desired of it.
        Config,
        /// The firmware that is desired of it.
        Firmware,
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

/// A page of nodes as an import takes them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExportPage {
    /// The nodes, in no particular order.
    pub nodes: Vec<NodeImport>,
    /// Where the next page begins; absent after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub cursor: Option<String>,
}
