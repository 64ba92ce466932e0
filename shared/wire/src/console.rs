//! What the monolith says over the console API, and what it is told.

mod commands;

pub use commands::{
    COMMAND_EXPIRES_MOST_S, COMMAND_EXPIRES_S, CommandPage, CommandProgress, CommandSpec, CommandView,
    FirmwareProgress, FirmwareSet, FirmwareSpec, FirmwareWish, IMAGE_BYTES, InvalidImage,
};

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{ConfigReport, DocumentError, Edit, Json, UpdateReport, integer};

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
    pub wanted: Option<WantedView>,
    /// What it last reported of a configuration.
    pub reported: Option<ConfigReport>,
    /// How it stands with its configuration.
    pub config: ConfigProgress,
    /// The firmware version that it is to run.
    pub wanted_firmware: Option<String>,
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

/// A configuration that a node is to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WantedView {
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
    /// None is wanted.
    None,
    /// It has not reported on the wanted version yet.
    Pending,
    /// The wanted version runs.
    Applied,
    /// Something close to it runs.
    Substituted,
    /// It was refused or rolled back.
    Rejected,
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

/// How a configuration got to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// It was handed to the node's connection.
    Pushed,
    /// The node gets it with its next check-in.
    Pending,
    /// It is the one that was wanted already: no new version, and nothing to do.
    Unchanged,
}

/// What setting a node's configuration came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigSet {
    /// The node.
    pub node: String,
    /// The version that is wanted now.
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

/// A node's configuration: what is wanted, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigView {
    /// How the node stands.
    pub status: ConfigProgress,
    /// What it is to run; nothing if nothing is wanted.
    pub wanted: Option<WantedView>,
    /// The wanted document, every number as it was written; nothing if nothing is wanted.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Value>))]
    pub document: Option<Json>,
    /// What it last reported.
    pub reported: Option<ConfigReport>,
    /// What it runs; nothing if it has not reported that it runs any.
    pub applied: Option<AppliedView>,
    /// How to get from what it runs to what is wanted, as a JSON Patch (RFC 6902): empty if that is the same, and absent
    /// if one of them is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Vec<Edit>>,
}

/// What was wrong with a request (RFC 9457).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// What kind of problem, as a URI reference: `about:blank`, the status says it all.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What kind of problem, for programs. Codes are never renamed or reused.
    pub code: ProblemCode,
    /// What was wrong, for people.
    pub detail: String,
    /// For [`ProblemCode::VersionMismatch`]: the version that is wanted now; 0 if none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_version: Option<u64>,
}

/// What was wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ProblemCode {
    /// There is no such path.
    NoRoute,
    /// The path exists, and not with this method.
    MethodNotAllowed,
    /// There is no key, or it is not one of ours.
    Unauthenticated,
    /// The key may read, and not write.
    Forbidden,
    /// An id, a site, a parameter or a header can't be one, or is not for this request.
    InvalidParameter,
    /// The body is not what it must be.
    InvalidBody,
    /// The body is of a type or encoding that is not read here.
    UnsupportedMediaType,
    /// The body is too large.
    TooLarge,
    /// The cursor is not one of ours, or belongs to another list.
    InvalidCursor,
    /// No such node is registered.
    UnknownNode,
    /// The node's credentials were revoked.
    RevokedNode,
    /// Credential versions never go back.
    CredentialsGoBack,
    /// The node has no command with this number.
    UnknownCommand,
    /// No such firmware is known for this model.
    UnknownFirmware,
    /// The same idempotency key came with another request before.
    KeyReused,
    /// The node has as many open commands as it may have.
    QueueFull,
    /// The command was handed out, or is over: it can't be taken back.
    CommandNotQueued,
    /// Another image is known by this version.
    FirmwareDiffers,
    /// The node is of another model than the firmware is for, or of none.
    OtherModel,
    /// `If-Match` or `If-None-Match` does not hold: another version is wanted now.
    VersionMismatch,
    /// It could not be stored or read now: try again a little later.
    Unavailable,
    /// A mistake of ours: the log says which.
    Internal,
}

impl ProblemCode {
    /// Its HTTP status, and the status in words (RFC 9110, section 15).
    pub const fn status(self) -> (u16, &'static str) {
        match self {
            Self::InvalidParameter | Self::InvalidBody | Self::InvalidCursor => (400, "Bad Request"),
            Self::Unauthenticated => (401, "Unauthorized"),
            Self::Forbidden => (403, "Forbidden"),
            Self::NoRoute | Self::UnknownNode | Self::UnknownCommand | Self::UnknownFirmware => (404, "Not Found"),
            Self::MethodNotAllowed => (405, "Method Not Allowed"),
            Self::CredentialsGoBack
            | Self::KeyReused
            | Self::QueueFull
            | Self::CommandNotQueued
            | Self::FirmwareDiffers
            | Self::OtherModel => (409, "Conflict"),
            Self::RevokedNode => (410, "Gone"),
            Self::VersionMismatch => (412, "Precondition Failed"),
            Self::TooLarge => (413, "Content Too Large"),
            Self::UnsupportedMediaType => (415, "Unsupported Media Type"),
            Self::Internal => (500, "Internal Server Error"),
            Self::Unavailable => (503, "Service Unavailable"),
        }
    }
}

/// As programs know it.
impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl Problem {
    /// A problem of this kind.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        let (status, title) = code.status();
        Self {
            kind: "about:blank".to_owned(),
            title: title.to_owned(),
            status,
            code,
            detail: detail.into(),
            current_version: None,
        }
    }
}

impl From<DocumentError> for Problem {
    fn from(error: DocumentError) -> Self {
        let code = match error {
            DocumentError::TooLarge(_) => ProblemCode::TooLarge,
            DocumentError::Json(_) | DocumentError::WrongHash { .. } => ProblemCode::InvalidBody,
        };
        Self::new(code, error.to_string())
    }
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
