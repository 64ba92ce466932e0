//! The messages between nodes and Rollcall: wire protocol v1.
//!
//! Messages are JSON in text frames of a WebSocket, `type` first, each at most [`MESSAGE_LIMIT_BYTES`]. Unknown fields
//! are ignored; an unknown `type` is answered with an [`ErrorCode::UnknownType`]. A change that would break nodes gets
//! a new subprotocol beside [`SUBPROTOCOL`].

pub mod console;
#[cfg(feature = "difference")]
mod difference;
mod document;
mod edit;
pub mod events;
mod fields;
pub mod integer;
mod json;
mod node;
mod parse;
mod raw;
mod server;
mod vocabulary;

#[cfg(feature = "difference")]
pub use difference::{Step, difference, steps};
pub use document::{Document, DocumentError, sha256};
pub use edit::Edit;
pub use events::{CloudEvent, EventData, EventPage, NodeEventPage, SOURCE};
pub use json::{Json, JsonError, canonical, pretty, utf8};
pub use node::{
    CheckIn, CommandResult, CommandStatus, ConfigReport, ConfigStatus, Health, NodeMessage, UpdateReport, UpdateStatus,
};
pub use parse::{MessageError, parse_node_message};
pub use server::{
    Ack, ByeReason, CommandNews, ConfigNews, DeltaUrl, ErrorCode, ErrorMessage, FirmwareNews, FirmwareUrl, Question,
    ServerMessage,
};

/// The WebSocket subprotocol of this version. Offering it is optional; offering only others is refused.
pub const SUBPROTOCOL: &str = "rollcall.v1";

/// The header in which a node names its running instance when it connects: a random name for each start of its program,
/// of 1 to 64 ASCII letters, digits, `.`, `_` and `-`. Two connections of one instance are from the same device.
/// Optional.
pub const INSTANCE_HEADER: &str = "rollcall-instance";

/// The query parameter with the same meaning as [`INSTANCE_HEADER`], for clients that can't set headers.
pub const INSTANCE_PARAMETER: &str = "instance";

/// The largest message in either direction, in bytes: one frame and one billed unit of an API Gateway WebSocket
/// (Amazon API Gateway quotas, "WebSocket frame size": 32 KB).
pub const MESSAGE_LIMIT_BYTES: usize = 32 * 1024;

/// The largest configuration document that can be set, in bytes.
pub const DOCUMENT_BYTES: usize = 96 * 1024;

/// The largest document that is sent to a node in a frame, in bytes. A larger one is fetched over HTTP, since it would
/// not fit [`MESSAGE_LIMIT_BYTES`] once it is quoted.
pub const DOCUMENT_IN_FRAME_BYTES: usize = 24 * 1024;

/// How deeply a document may be nested. JSON parsers of small machines allow that many levels; `serde_json` allows four
/// times as many.
pub const DOCUMENT_LEVELS: usize = 32;

/// The largest arguments of a command, in bytes of JSON.
pub const COMMAND_ARGS_BYTES: usize = 4 * 1024;

/// How much of a command's output is kept, in bytes.
pub const COMMAND_OUTPUT_BYTES: usize = 2 * 1024;

/// The most results that one check-in may bring. A node has one command at a time; it has more results to report only
/// if answers were lost.
pub const RESULTS: usize = 8;

/// The largest sequence number: the largest integer that every JSON parser keeps exact (RFC 8259, section 6).
pub const SEQ_MAX: u64 = (1 << 53) - 1;
