//! Identities and instants, each parsed in one place.

use std::fmt;
use std::str::FromStr;

use crate::limits::{
    COMMAND_NAME_BYTES, CONNECTION_ID_BYTES, FIRMWARE_VERSION_BYTES, IDEMPOTENCY_KEY_BYTES, MODEL_BYTES, NODE_ID_BYTES,
    SITE_BYTES, TAGS_BYTES,
};

/// Text that is not an id of the kind that it was meant to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// There is no text.
    #[error("a {kind} can't be empty")]
    Empty {
        /// What it was meant to be.
        kind: &'static str,
    },
    /// There is too much of it.
    #[error("a {kind} has at most {limit} bytes, this one {length}")]
    TooLong {
        /// What it was meant to be.
        kind: &'static str,
        /// How long it may be, in bytes.
        limit: usize,
        /// How long it is, in bytes.
        length: usize,
    },
    /// A character that it can't have.
    #[error("a {kind} consists of {allowed}, not of {found:?}")]
    Character {
        /// What it was meant to be.
        kind: &'static str,
        /// What it may consist of.
        allowed: &'static str,
        /// The first character that is wrong.
        found: char,
    },
}

fn check(
    kind: &'static str,
    text: &str,
    limit: usize,
    allowed: &'static str,
    is_allowed: fn(char) -> bool,
) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty { kind });
    }
    if text.len() > limit {
        return Err(InvalidId::TooLong { kind, limit, length: text.len() });
    }
    match text.chars().find(|c| !is_allowed(*c)) {
        Some(found) => Err(InvalidId::Character { kind, allowed, found }),
        None => Ok(()),
    }
}

/// Which node: the monolith's name for it, a MAC address or a serial number, say.
///
/// 1 to 64 bytes of ASCII letters, digits, `:`, `_` and `-`: safe in a URL's path, a log line and a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(String);

impl FromStr for NodeId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
        check("node id", text, NODE_ID_BYTES, "ASCII letters, digits, ':', '_' and '-'", allowed)?;
        Ok(Self(text.to_owned()))
    }
}

impl NodeId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which connection: API Gateway's name for one WebSocket, unique for ever.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(String);

impl FromStr for ConnectionId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        check("connection id", text, CONNECTION_ID_BYTES, "visible ASCII", |c| c.is_ascii_graphic())?;
        Ok(Self(text.to_owned()))
    }
}

impl ConnectionId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How often a node's credentials were renewed: a token of a lower version than the stored one is no longer accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialVersion(pub u32);

/// An instant, in milliseconds since the Unix epoch. Whoever reads clocks hands it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This instant and some seconds more.
    #[must_use]
    pub fn plus_seconds(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(u64::from(seconds) * 1000))
    }

    /// Whole seconds since `earlier`; 0 if that is later, because clocks step back.
    pub fn seconds_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1000
    }
}

/// A running instance of a node's program, as a hash of the name that it gave itself: a random one for each start. Two
/// connections of one instance are one device's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance(pub u32);

impl Instance {
    /// The instance with this name: 1 to 64 ASCII letters, digits, `.`, `_` and `-`; nothing for another name.
    pub fn named(name: &str) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !(1..=64).contains(&name.len()) || !name.chars().all(allowed) {
            return None;
        }
        // FNV-1a, 32 bit. 0 is kept for "no name".
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        Some(Self(hash.max(1)))
    }
}

/// Where a node is: the monolith's name for it. Made like a [`NodeId`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site(String);

/// What a node is: its model. Made like a [`NodeId`], with `.` besides, and shorter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Model(String);

impl FromStr for Site {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
        check("site", text, SITE_BYTES, "ASCII letters, digits, ':', '_' and '-'", allowed)?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Model {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        check("model", text, MODEL_BYTES, MODEL_CHARACTERS, is_of_model)?;
        Ok(Self(text.to_owned()))
    }
}

impl Site {
    /// The site as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Model {
    /// The model as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a node is told to do. Made like a [`Model`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandName(String);

/// A firmware version that a node may be told to run. Made like a [`Model`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FirmwareVersion(String);

/// What whoever queues a command names that request with, so that it may be sent again. Visible ASCII.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(String);

impl FromStr for CommandName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        check("command name", text, COMMAND_NAME_BYTES, MODEL_CHARACTERS, is_of_model)?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for FirmwareVersion {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        check("firmware version", text, FIRMWARE_VERSION_BYTES, MODEL_CHARACTERS, is_of_model)?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        check("idempotency key", text, IDEMPOTENCY_KEY_BYTES, "visible ASCII", |c| c.is_ascii_graphic())?;
        Ok(Self(text.to_owned()))
    }
}

impl CommandName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FirmwareVersion {
    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl IdempotencyKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const MODEL_CHARACTERS: &str = "ASCII letters, digits, ':', '_', '-' and '.'";

fn is_of_model(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-' | '.')
}

/// What the monolith marks a node with, in order and each once. They mean nothing here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<String>);

impl Tags {
    /// Checks them: each consists of what a [`NodeId`] does, `.` and `=`, and together they fit [`TAGS_BYTES`].
    ///
    /// # Errors
    /// The first that can't be one, or their length.
    pub fn new(mut tags: Vec<String>) -> Result<Self, InvalidId> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-' | '.' | '=');
        for tag in &tags {
            check("tag", tag, TAGS_BYTES, "ASCII letters, digits, ':', '_', '-', '.' and '='", allowed)?;
        }
        tags.sort_unstable();
        tags.dedup();
        let length = tags.join(",").len();
        if length > TAGS_BYTES {
            return Err(InvalidId::TooLong { kind: "list of tags", limit: TAGS_BYTES, length });
        }
        Ok(Self(tags))
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// As they are stored; nothing if there are none.
    pub(crate) fn stored(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join(","))
    }

    /// As they were stored.
    pub(crate) fn read(text: &str) -> Self {
        Self(text.split(',').map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_and_a_serial_number_name_nodes() {
        for id in ["a4:2b:b0:11:22:33", "AP-0007_b", "7"] {
            assert_eq!(id.parse::<NodeId>().map(|id| id.to_string()), Ok(id.to_owned()));
        }
    }

    #[test]
    fn what_could_break_out_of_a_path_a_key_or_a_log_line_names_no_node() {
        for id in ["", "a/b", "..", "a.b", "a#b", "a b", "a\nb", "nöde", "a\u{200b}", &"x".repeat(65)] {
            assert!(id.parse::<NodeId>().is_err(), "{id:?}");
        }
    }

    #[test]
    fn clocks_that_step_back_give_no_negative_time() {
        assert_eq!(Timestamp(1_000).seconds_since(Timestamp(9_000)), 0);
        assert_eq!(Timestamp(9_999).seconds_since(Timestamp(1_000)), 8);
    }
}
