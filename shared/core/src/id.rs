//! Identities, each parsed in one place.

use std::fmt;
use std::str::FromStr;

use crate::limits::{
    COMMAND_NAME_BYTES, CONNECTION_ID_BYTES, ENDPOINT_NAME_BYTES, EVENT_ID_BYTES, FIRMWARE_VERSION_BYTES,
    IDEMPOTENCY_KEY_BYTES, MODEL_BYTES, NODE_ID_BYTES, ROLLOUT_NAME_BYTES, SITE_BYTES,
};

/// Why a text is not a valid id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The text is empty.
    #[error("the {kind} is empty")]
    Empty {
        /// What the text should be, such as "node id".
        kind: &'static str,
    },
    /// The text is too long.
    #[error("the {kind} has {length} bytes; at most {limit} are allowed")]
    TooLong {
        /// What the text should be, such as "node id".
        kind: &'static str,
        /// How long the text may be, in bytes.
        limit: usize,
        /// How long the text is, in bytes.
        length: usize,
    },
    /// There are too many of something.
    #[error("there are {number} {kind}; at most {limit} are allowed")]
    TooMany {
        /// What there are too many of, such as "labels".
        kind: &'static str,
        /// How many there may be.
        limit: usize,
        /// How many there are.
        number: usize,
    },
    /// The text has a character that is not allowed.
    #[error("the {kind} contains {found:?}; it may contain only {allowed}")]
    Character {
        /// What the text should be, such as "node id".
        kind: &'static str,
        /// The characters that are allowed, in words.
        allowed: &'static str,
        /// The first character that is not allowed.
        found: char,
    },
}

/// A MAC address as `aa:bb:cc:dd:ee:ff`, however it is written; `None` if the text is none.
pub fn mac_address(text: &str) -> Option<String> {
    let separators = text.chars().filter(|letter| matches!(letter, ':' | '-' | '.')).count();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).map(|digit| digit.to_ascii_lowercase()).collect();
    let is_mac = digits.len() == 12 && digits.len() + separators == text.len() && matches!(separators, 0 | 2 | 5);
    let pairs: Vec<_> = digits.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into_owned()).collect();
    is_mac.then(|| pairs.join(":"))
}

pub(crate) fn check(
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

/// A node's id, which the application chooses: a MAC address or a serial number, for example.
///
/// It has 1 to 64 ASCII letters, digits, `:`, `_` and `-`, which are safe in the path of a URL, in a log line and in a
/// key.
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

/// API Gateway's id for one WebSocket. It is never used for another one.
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

/// The version of a node's credentials, which the application raises to renew them. A token with a lower version than
/// the stored one is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialVersion(pub u32);

/// A running instance of a node's program, as a hash of the name that it gave itself, which is random for each start.
/// Two connections of one instance are from the same device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance(pub u32);

impl Instance {
    /// The instance with this name, which has 1 to 64 ASCII letters, digits, `.`, `_` and `-`; `None` for any other
    /// name.
    pub fn named(name: &str) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !(1..=64).contains(&name.len()) || !name.chars().all(allowed) {
            return None;
        }
        // FNV-1a, 32 bit. 0 stands for "no name".
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        Some(Self(hash.max(1)))
    }
}

/// The application's name for the place where a node is. It has the same form as a [`NodeId`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site(String);

/// A node's model. It has the form of a [`NodeId`] and may contain `.` as well, but is shorter: at most
/// [`MODEL_BYTES`].
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
        check("model", text, MODEL_BYTES, MODEL_CHARACTERS, is_model_character)?;
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

    /// The models between which all others are; `None` if one can't be made, which never happens.
    pub fn bounds() -> Option<[Self; 2]> {
        Some(["-".parse().ok()?, "z".repeat(MODEL_BYTES).parse().ok()?])
    }
}

/// The application's name for an endpoint: 1 to 32 lower-case ASCII letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointName(String);

impl FromStr for EndpointName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        check("endpoint name", text, ENDPOINT_NAME_BYTES, "lower-case ASCII letters, digits and '-'", allowed)?;
        Ok(Self(text.to_owned()))
    }
}

impl EndpointName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The application's name for a rollout: 1 to 48 lower-case ASCII letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RolloutName(String);

impl FromStr for RolloutName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        check("rollout name", text, ROLLOUT_NAME_BYTES, "lower-case ASCII letters, digits and '-'", allowed)?;
        Ok(Self(text.to_owned()))
    }
}

impl RolloutName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names between which all others are; `None` if a name can't be made, which never happens.
    pub fn bounds() -> Option<[Self; 2]> {
        Some(["-".parse().ok()?, "z".repeat(ROLLOUT_NAME_BYTES).parse().ok()?])
    }
}

impl fmt::Display for RolloutName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of an event that the application is told. Among the events of one node, it sorts as they happened: it is the
/// event's `sequence`, too. Digits, lower-case letters, `-` and `.`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(String);

impl FromStr for EventId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        check("event id", text, EVENT_ID_BYTES, "digits, lower-case ASCII letters, '-' and '.'", allowed)?;
        Ok(Self(text.to_owned()))
    }
}

impl EventId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a command. It has the characters of a [`Model`], and at most 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandName(String);

/// A firmware version that may be desired. It has the characters of a [`Model`], and at most
/// [`FIRMWARE_VERSION_BYTES`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FirmwareVersion(String);

/// The idempotency key of a request that queues a command: its name, so that the request may be sent again. Visible
/// ASCII.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(String);

impl FromStr for CommandName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        check("command name", text, COMMAND_NAME_BYTES, MODEL_CHARACTERS, is_model_character)?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for FirmwareVersion {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        check("firmware version", text, FIRMWARE_VERSION_BYTES, MODEL_CHARACTERS, is_model_character)?;
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

impl IdempotencyKey {
    /// The first and the last of all keys, as they are sorted.
    pub(crate) fn bounds() -> [Self; 2] {
        ["!".to_owned(), "~".repeat(IDEMPOTENCY_KEY_BYTES)].map(Self)
    }
}

impl CommandName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FirmwareVersion {
    /// The first of all versions, as they are sorted by their characters.
    pub(crate) fn first() -> Self {
        Self("-".to_owned())
    }

    /// The last of all versions, as they are sorted by their characters.
    pub(crate) fn last() -> Self {
        Self("z".repeat(FIRMWARE_VERSION_BYTES))
    }

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

fn is_model_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_and_a_serial_number_are_node_ids() {
        for id in ["a4:2b:b0:11:22:33", "AP-0007_b", "7"] {
            assert_eq!(id.parse::<NodeId>().map(|id| id.to_string()), Ok(id.to_owned()));
        }
    }

    #[test]
    fn mac_addresses_are_written_in_one_way_and_nothing_else_is_touched() {
        for text in ["AA-BB-CC-DD-EE-FF", "aa:bb:cc:dd:ee:ff", "aabb.ccdd.eeff", "AABBCCDDEEFF"] {
            assert_eq!(mac_address(text).as_deref(), Some("aa:bb:cc:dd:ee:ff"), "{text}");
        }
        for text in ["ap-1", "AA-BB-CC-DD-EE", "AA-BB-CC-DD-EE-FF-00", "AABBCCDDEEFG", "a-a-b-b-c-c-d-d-e-e-f-f"] {
            assert_eq!(mac_address(text), None, "{text}");
        }
    }

    #[test]
    fn text_that_is_unsafe_in_a_path_a_key_or_a_log_line_is_no_node_id() {
        for id in ["", "a/b", "..", "a.b", "a#b", "a b", "a\nb", "nöde", "a\u{200b}", &"x".repeat(65)] {
            assert!(id.parse::<NodeId>().is_err(), "{id:?}");
        }
    }
}
