//! Nodes: what is said of them, and how they are shown.

use serde::{Deserialize, Deserializer, Serialize};

use super::{ConfigProgress, DesiredView, FirmwareProgress, Problem};
use crate::{ConfigReport, UpdateReport, integer};

/// What a node is: the body of `PUT /v1/nodes/{id}`. What is left out is removed, but for the credential version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// Where it is: at most 64 ASCII letters, digits, `:`, `_` and `-`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9:_-]{1,64}$"))]
    pub site: Option<String>,
    /// Its model: at most 32 of those, and `.`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9:_.-]{1,32}$"))]
    pub model: Option<String>,
    /// Its tags: at most 96 of those, and `=`, with commas between them.
    #[serde(default, deserialize_with = "perhaps", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<Tag>>))]
    pub tags: Vec<String>,
    /// The lowest credential version that is accepted from now on. It never goes back. If it is left out, it stays; a new
    /// node has 1, and a revoked one stays revoked.
    #[serde(default, deserialize_with = "integer::optional", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, maximum = 4_294_967_295_u64))]
    pub credential_version: Option<u32>,
}

/// What is said anew of a node: the body of `PATCH /v1/nodes/{id}`, a JSON Merge Patch (RFC 7396). What is left out stays,
/// and what is `null` is removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NodePatch {
    /// As in [`NodeSpec`].
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, required = false, pattern = "^[A-Za-z0-9:_-]{1,64}$")
    )]
    pub site: Option<Option<String>>,
    /// As in [`NodeSpec`].
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, required = false, pattern = "^[A-Za-z0-9:_.-]{1,32}$")
    )]
    pub model: Option<Option<String>>,
    /// As in [`NodeSpec`], all of them.
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<Tag>>, required = false))]
    pub tags: Option<Option<Vec<String>>>,
    /// As in [`NodeSpec`]. It can't be removed.
    #[serde(default, deserialize_with = "kept", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = u64, required = false, maximum = 4_294_967_295_u64))]
    pub credential_version: Option<u32>,
}

/// One of a node's tags.
#[cfg(feature = "openapi")]
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, pattern = "^[A-Za-z0-9:_.=-]{1,11}$")]
#[expect(dead_code, reason = "it is only a schema: longer ones fit if they are fewer")]
struct Tag(String);

/// One of a batch: the body of `POST /v1/nodes:batch` is a list of these, up to [`BATCH_NODES`]. Each is a [`NodeSpec`]
/// and the node's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BatchNode {
    /// The node's id.
    pub node: String,
    /// As in [`NodeSpec`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// As in [`NodeSpec`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// As in [`NodeSpec`].
    #[serde(default, deserialize_with = "perhaps", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// As in [`NodeSpec`].
    #[serde(default, deserialize_with = "integer::optional", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, maximum = 4_294_967_295_u64))]
    pub credential_version: Option<u32>,
}

/// How many nodes a batch may have.
pub const BATCH_NODES: usize = 100;

/// What became of one of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchResult {
    /// The node's id, as it was given; of one that is too long, its start.
    pub node: String,
    /// The status that it would have got on its own.
    pub status: u16,
    /// What is wrong, if something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// A node, as the console sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeView {
    /// Its id.
    pub node: String,
    /// Whether it counts as online.
    pub online: bool,
    /// Since when it does or does not, in milliseconds since 1970; nothing if it was never online.
    pub since_ms: Option<u64>,
    /// When it was last heard of, in milliseconds since 1970.
    pub last_seen_ms: Option<u64>,
    /// Where it is.
    pub site: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// The lowest credential version that is accepted; nothing if it only ever connected with a token.
    pub credential_version: Option<u32>,
    /// Whether its credentials were revoked.
    pub revoked: bool,
    /// The firmware version that it reported.
    pub firmware: Option<String>,
    /// The configuration that it is to run.
    pub desired: Option<DesiredView>,
    /// What it last reported of a configuration.
    pub reported: Option<ConfigReport>,
    /// How it stands with its configuration.
    pub config: ConfigProgress,
    /// The firmware version that it is to run.
    pub desired_firmware: Option<String>,
    /// What it last reported of a firmware version.
    pub update: Option<UpdateReport>,
    /// How it stands with its firmware.
    pub firmware_update: FirmwareProgress,
    /// How many commands may be open, at most.
    pub open_commands: u64,
    /// Takeovers of the node's open connection by another running instance; nothing if there were none.
    pub takeovers: Option<TakeoversView>,
}

/// Takeovers of a node without an hour between two: two devices use one token, or one device restarts again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TakeoversView {
    /// How many there were.
    pub count: u64,
    /// When the last one was, in milliseconds since 1970.
    pub last_ms: u64,
}

/// A page of nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodePage {
    /// The nodes, in no particular order. A page may have fewer than asked for, and there may be more all the same.
    pub nodes: Vec<NodeView>,
    /// Where the next page begins; nothing on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// `null` is as good as left out.
fn perhaps<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// `null` says something.
#[expect(clippy::option_option, reason = "a JSON Merge Patch tells what is left out from what is null (RFC 7396)")]
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// `null` can't be said.
fn kept<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<Option<T>, D::Error> {
    integer::required(deserializer).map(Some)
}
