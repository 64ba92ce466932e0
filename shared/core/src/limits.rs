//! How large the parts of a node item may be, so that the whole stays under one write unit.

/// The largest node item, in bytes: one write unit (Amazon DynamoDB, "Read and write operations": a write unit is one
/// write of an item up to 1 KB).
pub const NODE_ITEM_BYTES: usize = 1024;

/// The longest node id, in bytes.
pub const NODE_ID_BYTES: usize = 64;

/// The longest connection id, in bytes: three times what API Gateway's are today.
pub const CONNECTION_ID_BYTES: usize = 48;

/// The longest firmware version, in bytes.
pub const FIRMWARE_BYTES: usize = 64;

/// The longest name of a site, in bytes.
pub const SITE_BYTES: usize = 64;

/// The longest name of a model, in bytes.
pub const MODEL_BYTES: usize = 32;

/// What a node's tags may take together, in bytes, with a comma between two.
pub const TAGS_BYTES: usize = 96;

/// The longest firmware version that a node may be told to run, in bytes: every version that is stored counts twice, once
/// as desired and once as reported on.
pub const FIRMWARE_VERSION_BYTES: usize = 32;

/// How much of the detail of an update report is kept, in bytes.
pub const UPDATE_DETAIL_BYTES: usize = 32;

/// The longest name of a command, in bytes.
pub(crate) const COMMAND_NAME_BYTES: usize = 64;

/// The longest idempotency key, in bytes: what a UUID or a hash takes, and more.
pub(crate) const IDEMPOTENCY_KEY_BYTES: usize = 128;

/// How many commands may be open for a node: a queue that grows without an end has a mistake behind it.
pub const COMMANDS_OPEN: u64 = 100;

/// How many numbers there may be from the first command that is open to the last one: what has to be looked through to
/// count those that are open among them.
pub(crate) const COMMANDS_SPAN: u64 = 1_000;

/// How much of the detail of a configuration report is kept, in bytes.
pub const DETAIL_BYTES: usize = 96;

/// How much of the reason of a close is kept, in bytes (RFC 6455, section 5.5.1, allows 123).
pub const CLOSE_REASON_BYTES: usize = 32;

/// The longest start of `text` that fits `limit` bytes and ends between characters.
pub(crate) fn clip(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}
