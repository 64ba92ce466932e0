//! The console's types for nodes: how they are registered, and how they are shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

#[cfg(feature = "openapi")]
use super::labels::{LabelMap, LabelPatch};
use super::{ConfigProgress, DesiredView, FirmwareProgress, Presence, Problem};
use crate::{ConfigReport, UpdateReport, integer};

/// A node's registration: the body of `PUT /v1/nodes/{id}`. A field that is left out is removed, except for the
/// credential version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// The application's name for the place where the node is: at most 64 ASCII letters, digits, `:`, `_` and `-`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9:_-]{1,64}$"))]
    pub site: Option<String>,
    /// The node's model: at most 32 ASCII letters, digits, `:`, `_`, `-` and `.`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9:_.-]{1,32}$"))]
    pub model: Option<String>,
    /// The node's tags, of ASCII letters, digits, `:`, `_`, `-`, `.` and `=`: at most 96 bytes with commas between
    /// them.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<Tag>>))]
    pub tags: Vec<String>,
    /// The lowest credential version that is accepted from now on. It never goes back. If it is left out, the stored
    /// version stays; a new node gets 1, and a revoked node stays revoked.
    #[serde(default, deserialize_with = "integer::optional", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, maximum = 4_294_967_295_u64))]
    pub credential_version: Option<u32>,
    /// The node's name for people: any text in one line, of 1 to 128 bytes. Spaces around it are removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 128, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f\\s][^\\x00-\\x1f\\x7f-\\x9f]*$")
    )]
    pub name: Option<String>,
    /// The node's labels: at most 16. A key has 1 to 64 ASCII letters, digits, `.`, `_`, `-`, `:` and `/`; a value is any text
    /// in one line, of 1 to 128 bytes.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<LabelMap>, required = false))]
    pub labels: BTreeMap<String, String>,
}

/// A change of a node's registration: the body of `PATCH /v1/nodes/{id}`, a JSON Merge Patch (RFC 7396). A field that
/// is left out stays, and a field that is `null` is removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NodePatch {
    /// As in [`NodeSpec`].
    #[serde(default, deserialize_with = "value_or_null", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, required = false, pattern = "^[A-Za-z0-9:_-]{1,64}$")
    )]
    pub site: Option<Option<String>>,
    /// As in [`NodeSpec`].
    #[serde(default, deserialize_with = "value_or_null", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, required = false, pattern = "^[A-Za-z0-9:_.-]{1,32}$")
    )]
    pub model: Option<Option<String>>,
    /// As in [`NodeSpec`]: the whole list.
    #[serde(default, deserialize_with = "value_or_null", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<Tag>>, required = false))]
    pub tags: Option<Option<Vec<String>>>,
    /// As in [`NodeSpec`]. It can't be removed.
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = u64, required = false, maximum = 4_294_967_295_u64))]
    pub credential_version: Option<u32>,
    /// As in [`NodeSpec`].
    #[serde(default, deserialize_with = "value_or_null", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, required = false, min_length = 1, max_length = 128, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f\\s][^\\x00-\\x1f\\x7f-\\x9f]*$")
    )]
    pub name: Option<Option<String>>,
    /// The labels that change: a label with a value is set, and one that is `null` is removed. The others stay. `null`
    /// removes all labels.
    #[serde(default, deserialize_with = "value_or_null", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<LabelPatch>, required = false))]
    pub labels: Option<Option<BTreeMap<String, Option<String>>>>,
}

/// One of a node's tags.
#[cfg(feature = "openapi")]
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, pattern = "^[A-Za-z0-9:_.=-]{1,11}$")]
#[expect(dead_code, reason = "it is only a schema: longer ones fit if they are fewer")]
pub(super) struct Tag(String);

/// One node of a batch: the body of `POST /v1/nodes:batch` is a list of these, up to [`BATCH_NODES`]. Each is a
/// [`NodeSpec`] with the node's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BatchNode {
    /// The node's id: at most 64 ASCII letters, digits, `:`, `_` and `-`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9:_-]{1,64}$"))]
    pub node: String,
    /// As in [`NodeSpec`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9:_-]{1,64}$"))]
    pub site: Option<String>,
    /// As in [`NodeSpec`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9:_.-]{1,32}$"))]
    pub model: Option<String>,
    /// As in [`NodeSpec`].
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<Tag>>))]
    pub tags: Vec<String>,
    /// As in [`NodeSpec`].
    #[serde(default, deserialize_with = "integer::optional", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, maximum = 4_294_967_295_u64))]
    pub credential_version: Option<u32>,
    /// As in [`NodeSpec`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 128, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f\\s][^\\x00-\\x1f\\x7f-\\x9f]*$")
    )]
    pub name: Option<String>,
    /// As in [`NodeSpec`].
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<LabelMap>, required = false))]
    pub labels: BTreeMap<String, String>,
}

/// How many nodes a batch may have.
pub const BATCH_NODES: usize = 100;

/// The result for one node of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchResult {
    /// The node's id, as it was given; only its start if it is too long.
    pub node: String,
    /// The HTTP status that a request for this node alone would get.
    pub status: u16,
    /// What was wrong, if anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Problem, required = false))]
    pub problem: Option<Problem>,
}

/// A node's presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PresenceView {
    /// How the node is.
    pub state: Presence,
    /// Since when, in milliseconds since 1970; `null` if it was never online, or is revoked.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub since_ms: Option<u64>,
    /// Why: `connected`, `polling`, `closed` or `closed` and the code of the close, `check-ins-missed`, `lost`, `gone`,
    /// `polls-missed`, `revoked`, `never-seen`.
    pub reason: String,
}

/// A node, as the console shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeView {
    /// The node's id.
    pub node: String,
    /// How the node is, since when, and why.
    pub presence: PresenceView,
    /// Whether the node is online or silent.
    pub online: bool,
    /// Since when the node is not offline, or is offline, in milliseconds since 1970; `null` if it was never online.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub since_ms: Option<u64>,
    /// When the node was last heard of, in milliseconds since 1970: its last check-in, or the opening of its connection
    /// if that is later; `null` if it never was.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub last_seen_ms: Option<u64>,
    /// When the node last checked in, in milliseconds since 1970; `null` if it never did.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub last_check_in_ms: Option<u64>,
    /// The connection that holds the node, open or closed; `null` if there was never one.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub connection: Option<ConnectionView>,
    /// Whether the node is online because it polls over HTTP.
    pub polling: bool,
    /// The application's name for the place where the node is.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub site: Option<String>,
    /// The node's model.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub model: Option<String>,
    /// The node's tags, sorted.
    pub tags: Vec<String>,
    /// The node's name for people.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub name: Option<String>,
    /// The node's labels.
    pub labels: BTreeMap<String, String>,
    /// The lowest credential version that is accepted; `null` if the node is not registered.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub credential_version: Option<u32>,
    /// Whether the node's credentials are revoked.
    pub revoked: bool,
    /// The firmware version that the node reported.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub firmware: Option<String>,
    /// The configuration that the node is to run.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub desired: Option<DesiredView>,
    /// The node's last report on a configuration.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub reported: Option<ConfigReport>,
    /// How far the node is with its desired configuration.
    pub config: ConfigProgress,
    /// The firmware version that the node is to run.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub desired_firmware: Option<String>,
    /// The node's last report on a firmware update.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub update: Option<UpdateReport>,
    /// How far the node is with its desired firmware.
    pub firmware_update: FirmwareProgress,
    /// How many commands are open, at most.
    pub open_commands: u64,
    /// Takeovers of the node's open connection by another running instance; `null` if there were none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub takeovers: Option<TakeoversView>,
    /// The figures that the node last reported of itself; `null` if it never reported any.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub health: Option<NodeHealthView>,
    /// How the node was blocked for sending too many messages; `null` unless it is blocked now.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub budget: Option<BudgetView>,
}

/// The connection that holds a node: the newest one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConnectionView {
    /// When the connection opened, in milliseconds since 1970.
    pub opened_at_ms: u64,
    /// How the connection closed; `null` while it is open. A connection whose close was never noticed counts as open.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub closed: Option<ClosedView>,
}

/// How a connection closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClosedView {
    /// When the connection closed, in milliseconds since 1970.
    pub at_ms: u64,
    /// The close code (RFC 6455, section 7.4); `null` if there was none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub code: Option<u64>,
    /// The reason; `null` if there was none. `gone` means that API Gateway no longer knew the connection, and `lost`
    /// that nothing was heard on it for too long.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub reason: Option<String>,
}

/// The figures that a node reported of itself. Each is as of the last check-in that had it, and `null` if none had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeHealthView {
    /// Time since the node booted, in seconds.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub uptime_s: Option<u64>,
    /// Processor load over the last minute, in percent of all cores.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub load_percent: Option<u32>,
    /// Free memory, in KiB.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub memory_free_kib: Option<u64>,
    /// How many clients the node served.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub clients: Option<u32>,
}

/// How a node was blocked because it sent more messages than its budget allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BudgetView {
    /// Until when nothing that the node sends is accepted, in milliseconds since 1970.
    pub blocked_until_ms: u64,
}

/// Takeovers of a node, with less than an hour from one to the next: two devices use one token, or one device restarts
/// again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TakeoversView {
    /// How many there were.
    pub count: u64,
    /// When the last one happened, in milliseconds since 1970.
    pub last_ms: u64,
}

/// A page of nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodePage {
    /// The nodes, in no particular order. A page may have fewer nodes than `limit` although more pages follow.
    pub nodes: Vec<NodeView>,
    /// The cursor of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub cursor: Option<String>,
    /// How many nodes the list has, all of its pages together. Only the last page has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = u64, required = false))]
    pub total: Option<u64>,
    /// Whether `total` was counted by several requests: nodes may have come, gone or changed between them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub approximate: bool,
}

impl NodeView {
    /// The names of all fields.
    pub const FIELDS: [&str; 26] = [
        "node",
        "presence",
        "online",
        "since_ms",
        "last_seen_ms",
        "last_check_in_ms",
        "connection",
        "polling",
        "site",
        "model",
        "tags",
        "name",
        "labels",
        "credential_version",
        "revoked",
        "firmware",
        "desired",
        "reported",
        "config",
        "desired_firmware",
        "update",
        "firmware_update",
        "open_commands",
        "takeovers",
        "health",
        "budget",
    ];
}

/// Reads a value, or the default if it is `null`.
fn null_as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads a value that may be `null`, which is not the same as a field that is left out.
#[expect(clippy::option_option, reason = "a JSON Merge Patch tells what is left out from what is null (RFC 7396)")]
pub(super) fn value_or_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Reads a whole number that must not be `null`.
pub(super) fn not_null<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<Option<T>, D::Error> {
    integer::required(deserializer).map(Some)
}
