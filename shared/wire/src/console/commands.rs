//! Commands and firmware.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::DeliveryState;
use crate::{Json, integer};

/// How long a command waits if nothing is said, and at most: an hour, and a week; in seconds.
pub const COMMAND_EXPIRES_S: u32 = 3600;
/// See [`COMMAND_EXPIRES_S`].
pub const COMMAND_EXPIRES_MOST_S: u32 = 7 * 24 * 3600;

/// The largest firmware image, in bytes: what S3 takes in one upload (Amazon S3, "Uploading objects": 5 GB).
pub const IMAGE_BYTES: u64 = 5 * 1024 * 1024 * 1024;
/// The longest key of an image's object, in bytes: half of what S3 allows.
const OBJECT_KEY_BYTES: usize = 512;
/// The longest signature, in bytes: an RSA-4096 one takes 684 in base64.
const SIGNATURE_BYTES: usize = 1024;

/// Something for a node to do: the body of `POST /v1/nodes/{id}/commands`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CommandSpec {
    /// What to do: at most 64 ASCII letters, digits, `:`, `_`, `-` and `.`. What it means is the node's affair.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9:_.-]{1,64}$"))]
    pub name: String,
    /// With what: any JSON of at most 4 KB and 32 levels.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    #[cfg_attr(feature = "openapi", schema(value_type = Value))]
    pub args: Json,
    /// How long it may wait until the node begins it, in seconds.
    #[serde(default = "expires", deserialize_with = "read_expires")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, minimum = 1, maximum = 604_800))]
    pub expires_in_s: u32,
}

/// A command, as the console sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CommandView {
    /// Its number: a node's commands are counted from 1, and executed in this order.
    pub command: u64,
    /// What to do.
    pub name: String,
    /// With what: every number as it was written.
    #[cfg_attr(feature = "openapi", schema(value_type = Value))]
    pub args: Json,
    /// How it stands.
    pub state: CommandProgress,
    /// When it was queued, in milliseconds since 1970.
    pub queued_at_ms: u64,
    /// Until when the node may begin it, in milliseconds since 1970.
    pub expires_at_ms: u64,
    /// When it was first handed out.
    pub sent_at_ms: Option<u64>,
    /// When it ended.
    pub ended_at_ms: Option<u64>,
    /// What it said.
    pub output: Option<String>,
}

/// How a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CommandProgress {
    /// It waits: for the node, or for the command before it.
    Queued,
    /// It was handed out, and nothing was heard of it yet. It can't be taken back any more.
    Sent,
    /// It did what it was for.
    Done,
    /// It did not, and the output says why.
    Failed,
    /// Its time was over before anything was heard of it. A result that comes later still counts.
    Expired,
    /// It was taken back.
    Cancelled,
}

/// A page of a node's commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CommandPage {
    /// The commands, the newest first. They are remembered for a week after they expired.
    pub commands: Vec<CommandView>,
    /// Where the next page begins; nothing on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// What a firmware image is: the body of `PUT /v1/firmware/{model}/{version}`. It never changes: another image is another
/// version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FirmwareSpec {
    /// The key of the object in the firmware bucket: at most 512 bytes of visible ASCII.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[!-~]{1,512}$"))]
    pub object_key: String,
    /// Its size, in bytes.
    #[serde(deserialize_with = "integer::required")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 5_368_709_120_u64))]
    pub size: u64,
    /// Its SHA-256, in lower-case hexadecimal.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// The vendor's signature of it, for the node to check: at most 1,024 bytes of visible ASCII. It means nothing here.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[!-~]{1,1024}$"))]
    pub signature: String,
}

/// What can't be the description of an image: which field, and what it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: must be {must_be}")]
pub struct InvalidImage {
    field: &'static str,
    must_be: String,
}

impl FirmwareSpec {
    /// Whether it can be the description of an image.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<(), InvalidImage> {
        let visible = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let (field, must_be) = if !visible(&self.object_key, OBJECT_KEY_BYTES) {
            ("object_key", format!("from 1 to {OBJECT_KEY_BYTES} bytes of visible ASCII"))
        } else if !visible(&self.signature, SIGNATURE_BYTES) {
            ("signature", format!("from 1 to {SIGNATURE_BYTES} bytes of visible ASCII"))
        } else if self.sha256.len() != 64 || !self.sha256.bytes().all(hex) {
            ("sha256", "64 digits in lower-case hexadecimal".to_owned())
        } else if !(1..=IMAGE_BYTES).contains(&self.size) {
            ("size", format!("from 1 to {IMAGE_BYTES} bytes"))
        } else {
            return Ok(());
        };
        Err(InvalidImage { field, must_be })
    }
}

/// Which firmware a node is to run: the body of `PUT /v1/nodes/{id}/firmware`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FirmwareWish {
    /// Its version, which must be known for the node's model.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9:_.-]{1,32}$"))]
    pub version: String,
}

/// What setting a node's firmware came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FirmwareSet {
    /// The node.
    pub node: String,
    /// The version that is desired now.
    pub version: String,
    /// How it got to the node. Unchanged: it runs that version.
    pub delivery: DeliveryState,
}

/// How a node stands with its firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FirmwareProgress {
    /// None is desired.
    None,
    /// It has not reported on the desired version yet.
    Pending,
    /// The image is on its way, or being installed.
    Downloading,
    /// The desired version runs.
    Applied,
    /// It could not be had, verified or installed.
    Failed,
    /// It ran, did not prove itself, and what ran before it runs again.
    RolledBack,
}

impl fmt::Display for CommandProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for FirmwareProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

const fn expires() -> u32 {
    COMMAND_EXPIRES_S
}

fn read_expires<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    Ok(integer::optional(deserializer)?.unwrap_or_else(expires))
}
