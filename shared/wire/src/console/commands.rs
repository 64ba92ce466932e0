//! The console's types for commands and firmware.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::DeliveryState;
use crate::vocabulary::vocabulary;
use crate::{Json, integer};

/// How long a command waits if the request does not say it, in seconds: an hour.
pub const COMMAND_EXPIRES_S: u32 = 3600;
/// The longest time that a command may wait, in seconds: a week.
pub const COMMAND_EXPIRES_MOST_S: u32 = 7 * 24 * 3600;

/// The largest firmware image, in bytes: what S3 takes in one upload (Amazon S3, "Uploading objects": 5 GB).
pub const IMAGE_BYTES: u64 = 5 * 1024 * 1024 * 1024;
/// The longest key of an image's object, in bytes: half of what S3 allows.
const OBJECT_KEY_BYTES: usize = 512;
/// The longest signature, in bytes: an RSA-4096 signature takes 684 in base64.
const SIGNATURE_BYTES: usize = 1024;

/// A command for a node: the body of `POST /v1/nodes/{id}/commands`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CommandSpec {
    /// The name, which says what to do: at most 64 ASCII letters, digits, `:`, `_`, `-` and `.`. The node interprets
    /// it.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9:_.-]{1,64}$"))]
    pub name: String,
    /// The arguments: any JSON of at most 4 KB and 32 levels.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    #[cfg_attr(feature = "openapi", schema(value_type = Value))]
    pub args: Json,
    /// How long the command may wait until the node begins it, in seconds.
    #[serde(default = "expires", deserialize_with = "read_expires")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, minimum = 1, maximum = 604_800))]
    pub expires_in_s: u32,
}

/// A command, as the console shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CommandView {
    /// The command's number. A node's commands are counted from 1 and executed in this order.
    pub command: u64,
    /// The name, which says what to do.
    pub name: String,
    /// The arguments, with every number as it was written.
    #[cfg_attr(feature = "openapi", schema(value_type = Value))]
    pub args: Json,
    /// The command's state.
    pub state: CommandProgress,
    /// When the command was queued, in milliseconds since 1970.
    pub queued_at_ms: u64,
    /// Until when the node may begin the command, in milliseconds since 1970.
    pub expires_at_ms: u64,
    /// When the command was first handed out, in milliseconds since 1970; `null` if it was not.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub sent_at_ms: Option<u64>,
    /// When the command ended, in milliseconds since 1970; `null` if it has not.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub ended_at_ms: Option<u64>,
    /// The output that the node reported.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub output: Option<String>,
}

vocabulary! {
    /// The state of a command.
    pub enum CommandProgress {
        /// The command waits for the node, or for the command before it.
        Queued,
        /// The command was handed out, and no result has come yet. It can no longer be cancelled.
        Sent,
        /// The command succeeded.
        Done,
        /// The command failed, and the output says why.
        Failed,
        /// The command expired before a result came. If it was handed out, a result that comes later is still stored
        /// while the command is kept; the state is then `done` or `failed`.
        Expired,
        /// The command was cancelled.
        Cancelled,
    }
}

/// A page of a node's commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CommandPage {
    /// The commands, the newest first. They are kept for a week after they expired.
    pub commands: Vec<CommandView>,
    /// The cursor of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub cursor: Option<String>,
}

/// The description of a firmware image: the body of `PUT /v1/firmware/{model}/{version}`. It never changes: another
/// image needs another version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FirmwareSpec {
    /// The key of the object in the firmware bucket: at most 512 bytes of visible ASCII.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[!-~]{1,512}$"))]
    pub object_key: String,
    /// The image's size, in bytes.
    #[serde(deserialize_with = "integer::required")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 5_368_709_120_u64))]
    pub size: u64,
    /// The image's SHA-256, in lower-case hexadecimal.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// The vendor's signature of the image, for the node to check: at most 1,024 bytes of visible ASCII. If signatures are
    /// required for the model, it is the base64 of an Ed25519 signature that the model's public key verifies. Otherwise
    /// Rollcall does not interpret it.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[!-~]{1,1024}$"))]
    pub signature: String,
}

/// A firmware image, as `GET /v1/firmware/{model}/{version}` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FirmwareView {
    /// The key of the object in the firmware bucket.
    pub object_key: String,
    /// The image's size, in bytes.
    pub size: u64,
    /// The image's SHA-256, in lower-case hexadecimal.
    pub sha256: String,
    /// The vendor's signature of the image.
    pub signature: String,
    /// The deltas that make this image out of that of another version, by that version: at most 100. Absent if there is
    /// none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false, max_items = 100))]
    pub deltas: Vec<DeltaView>,
}

/// A delta that is known for a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeltaView {
    /// The version whose image it is applied to.
    pub from: String,
    /// The delta's size, in bytes.
    pub size: u64,
}

/// The description of a delta: the body of `PUT /v1/firmware/{model}/{version}/deltas/{from}`. It never changes. Rollcall
/// does not interpret the delta itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeltaSpec {
    /// The key of the object in the firmware bucket: at most 512 bytes of visible ASCII.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[!-~]{1,512}$"))]
    pub object_key: String,
    /// The delta's size, in bytes: less than that of the image.
    #[serde(deserialize_with = "integer::required")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 5_368_709_119_u64))]
    pub size: u64,
    /// The delta's SHA-256, in lower-case hexadecimal.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
}

/// A description of a file that is not valid: which field is wrong, and what it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: must be {must_be}")]
pub struct InvalidImage {
    field: &'static str,
    must_be: String,
}

impl FirmwareSpec {
    /// Checks the description.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<(), InvalidImage> {
        let signature = ("signature", &*self.signature, SIGNATURE_BYTES);
        check_texts([("object_key", &*self.object_key, OBJECT_KEY_BYTES), signature])?;
        check_file(self.size, &self.sha256)
    }
}

impl DeltaSpec {
    /// Checks the description by itself.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<(), InvalidImage> {
        check_texts([("object_key", &*self.object_key, OBJECT_KEY_BYTES)])?;
        check_file(self.size, &self.sha256)
    }
}

/// Checks texts of visible ASCII, which have a name and a longest length each.
fn check_texts<const N: usize>(texts: [(&'static str, &str, usize); N]) -> Result<(), InvalidImage> {
    let is_valid =
        |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    match texts.into_iter().find(|(_, text, most)| !is_valid(text, *most)) {
        Some((field, _, most)) => {
            Err(InvalidImage { field, must_be: format!("from 1 to {most} bytes of visible ASCII") })
        }
        None => Ok(()),
    }
}

fn check_file(size: u64, sha256: &str) -> Result<(), InvalidImage> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if sha256.len() != 64 || !sha256.bytes().all(hex) {
        return Err(InvalidImage { field: "sha256", must_be: "64 digits in lower-case hexadecimal".to_owned() });
    }
    if !(1..=IMAGE_BYTES).contains(&size) {
        return Err(InvalidImage { field: "size", must_be: format!("from 1 to {IMAGE_BYTES} bytes") });
    }
    Ok(())
}

/// The firmware that a node is to run: the body of `PUT /v1/nodes/{id}/firmware`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FirmwareWish {
    /// The firmware version. It must be known for the node's model.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9:_.-]{1,32}$"))]
    pub version: String,
}

/// The result of setting a node's firmware.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FirmwareSet {
    /// The node's id.
    pub node: String,
    /// The version that is desired now.
    pub version: String,
    /// What became of the delivery. `unchanged` means that the node runs this version already.
    pub delivery: DeliveryState,
}

vocabulary! {
    /// How far a node is with its desired firmware.
    pub enum FirmwareProgress {
        /// No firmware is desired.
        None,
        /// The node has not reported on the desired version yet, or it ran that version and now runs another one.
        Pending,
        /// The node downloads or installs the image.
        Downloading,
        /// The node runs the desired version.
        Applied,
        /// The image could not be downloaded, verified or installed.
        Failed,
        /// The node ran the desired version, which did not prove itself, and runs the version from before again.
        RolledBack,
    }
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
