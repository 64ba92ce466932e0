//! How large the parts of a node item may be, so that the whole item stays within one write unit.

/// The largest node item, in bytes: one write unit (Amazon DynamoDB, "Read and write operations": a write unit is one
/// write of an item up to 1 KB).
pub const NODE_ITEM_BYTES: usize = 1024;

/// The longest node id, in bytes.
pub const NODE_ID_BYTES: usize = 64;

/// The longest connection id, in bytes: twice what API Gateway's are today.
pub const CONNECTION_ID_BYTES: usize = 32;

/// The longest name of an actor that a node's item has itself, in bytes.
pub(crate) const ACTOR_BYTES: usize = 24;

/// The longest firmware version, in bytes.
pub const FIRMWARE_BYTES: usize = 64;

/// The longest name of a site, in bytes.
pub const SITE_BYTES: usize = 64;

/// The longest name of a model, in bytes.
pub const MODEL_BYTES: usize = 32;

/// The longest list of a node's tags, in bytes, with the commas between them.
pub const TAGS_BYTES: usize = 96;

/// The longest name of a node, in bytes. Names and labels are not in the node's item.
pub const NAME_BYTES: usize = 128;

/// The longest key of a label, in bytes.
pub(crate) const LABEL_KEY_BYTES: usize = 64;

/// The longest value of a label, in bytes.
pub(crate) const LABEL_VALUE_BYTES: usize = 128;

/// How many labels a node has at most: with a name, they are within four write units, and no check-in writes them.
pub const LABELS: usize = 16;

/// The longest firmware version that may be desired, in bytes. The node's item has room for two of these: the desired
/// one, and the one that the node reported on.
pub const FIRMWARE_VERSION_BYTES: usize = 32;

/// How much of the detail of an update report is kept, in bytes.
pub const UPDATE_DETAIL_BYTES: usize = 32;

/// The longest name of an endpoint, in bytes.
pub(crate) const ENDPOINT_NAME_BYTES: usize = 32;
/// The longest name of a rollout, in bytes.
pub(crate) const ROLLOUT_NAME_BYTES: usize = 48;

/// The longest id of an event, in bytes.
pub(crate) const EVENT_ID_BYTES: usize = 64;

/// The longest name of a command, in bytes.
pub(crate) const COMMAND_NAME_BYTES: usize = 64;

/// The longest idempotency key, in bytes: a UUID or a hash fits.
pub(crate) const IDEMPOTENCY_KEY_BYTES: usize = 128;

/// How many commands may be open for a node. A queue that is longer than this has a mistake behind it.
pub const COMMANDS_OPEN: u64 = 100;

/// How many numbers there may be from the first command that may be open to the last one. All of these commands are
/// read to count those that are open.
pub(crate) const COMMANDS_SPAN: u64 = 1_000;

/// How much of the detail of a configuration report is kept, in bytes.
pub const DETAIL_BYTES: usize = 96;

/// How much of the reason of a close is kept, in bytes (RFC 6455, section 5.5.1, allows 123).
pub const CLOSE_REASON_BYTES: usize = 24;

/// The longest start of `text` that has at most `limit` bytes and ends between two characters.
pub(crate) fn clip(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}
