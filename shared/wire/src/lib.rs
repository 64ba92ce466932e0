//! What nodes and Rollcall say to each other: wire protocol v1.
//!
//! JSON text frames over a WebSocket, `type` first, every message at most [`MESSAGE_LIMIT_BYTES`]. Unknown fields are
//! ignored; an unknown `type` is answered with an [`ErrorCode::UnknownType`]. A change that would break a node is a new
//! subprotocol beside [`SUBPROTOCOL`], never a guess.

pub mod console;
#[cfg(feature = "difference")]
mod difference;
mod document;
mod edit;
mod fields;
pub mod integer;
mod json;
mod node;
mod parse;
mod raw;
mod server;

#[cfg(feature = "difference")]
pub use difference::{Step, difference, steps};
pub use document::{Document, DocumentError, sha256};
pub use edit::Edit;
pub use json::{Json, JsonError, canonical, pretty, utf8};
pub use node::{
    CheckIn, CommandResult, CommandStatus, ConfigReport, ConfigStatus, Health, NodeMessage, UpdateReport, UpdateStatus,
};
pub use parse::{MessageError, parse_node_message};
pub use server::{
    Ack, ByeReason, CommandNews, ConfigNews, ErrorCode, ErrorMessage, FirmwareNews, FirmwareUrl, ServerMessage,
};

/// The WebSocket subprotocol of this version. Offering it is optional; offering only others is refused.
pub const SUBPROTOCOL: &str = "rollcall.v1";

/// The header in which a node names its running instance as it connects: a random name for each start of its program, 1 to 64
/// ASCII letters, digits, `.`, `_` and `-`. Two connections of one instance are one device's. Optional.
pub const INSTANCE_HEADER: &str = "rollcall-instance";

/// The query parameter with the same meaning as [`INSTANCE_HEADER`], for clients that can't set headers.
pub const INSTANCE_PARAMETER: &str = "instance";

/// The largest message in either direction, in bytes: one frame and one billed unit of an API Gateway WebSocket
/// (Amazon API Gateway quotas, "WebSocket frame size": 32 KB).
pub const MESSAGE_LIMIT_BYTES: usize = 32 * 1024;

/// The largest configuration document, in bytes: what a console may set.
pub const DOCUMENT_BYTES: usize = 96 * 1024;

/// The largest document that is sent to a node in a frame, in bytes. A larger one is fetched over HTTP: it would not fit
/// [`MESSAGE_LIMIT_BYTES`] once it is quoted.
pub const DOCUMENT_IN_FRAME_BYTES: usize = 24 * 1024;

/// How deeply a document may be nested: within what JSON parsers of small machines allow, and a quarter of ours.
pub const DOCUMENT_LEVELS: usize = 32;

/// The largest arguments of a command, in bytes of JSON.
pub const COMMAND_ARGS_BYTES: usize = 4 * 1024;

/// How much of what a command said is kept, in bytes.
pub const COMMAND_OUTPUT_BYTES: usize = 2 * 1024;

/// The most results that one check-in may bring. A node has one command under way; more are left from lost answers.
pub const RESULTS: usize = 8;

/// The largest sequence number: the largest integer that every JSON parser keeps exact (RFC 8259, section 6).
pub const SEQ_MAX: u64 = (1 << 53) - 1;
