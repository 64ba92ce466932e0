//! The node's side of Rollcall: a client library that keeps a node checked in.
//!
//! The library connects, and checks in at the interval that the server sets. It asks for an ack when something changed
//! and at regular intervals. It opens a new connection before the old one must end, and reconnects with jitter after a
//! loss. A program implements [`Handler`] and calls [`Node::start`]; the library does the rest.
//!
//! If another device uses the same token, the node waits longer each time before it reconnects
//! ([`NodeEvent::Superseded`]), so that the two devices do not take the node from each other all the time. If the
//! server asks the node to slow down, it sends nothing for that time ([`NodeEvent::SlowedDown`]).
//!
//! A configuration is handed to [`Handler::apply`]. It counts as applied once the server was reached over a new
//! connection; otherwise it is rolled back. The outcome is reported until a report is acknowledged.
//!
//! A command is handed to [`Handler::execute`] once. Its start is recorded before, in [`NodeConfig::state`], so that it
//! is not executed twice if the node restarts. Its result is reported until a report is acknowledged.
//!
//! A firmware image is downloaded into the same folder, and handed to [`Handler::install`] once its size and SHA-256
//! are right. If [`NodeConfig::firmware_keys`] has the vendor's keys, an image that they have not signed is not even
//! downloaded: the update is reported as failed. The update counts as applied once a check-in with the new version is acknowledged. If another version
//! runs after the restart, the update is reported as rolled back.
//!
//! What the node does is decided by `rollcall-machine`, which has no IO. This crate has the IO: `run` waits for what
//! happens first, `network` has the connections (`link`, `connect`), the fetch of a document (`fetch`) and the download
//! of an image (`download`) over HTTP (`http`), and `state` has the state folder.

mod config;
mod connect;
mod download;
mod fetch;
mod http;
mod link;
mod network;
mod node;
mod run;
mod state;
mod tap;
mod trust;

pub use config::{NodeConfig, Token};
pub use fetch::{Fetch, Fetching};
pub use node::Node;
pub use rollcall_machine::{
    Applied, Command, Configuration, Delta, DisconnectReason, FetchError, Firmware, Handler, NodeError, NodeEvent,
    Pushed, Report, Timing,
};
pub use rollcall_signature::{InvalidKey, PublicKey};
pub use rollcall_wire as wire;
pub use tap::{Tap, Traffic};
pub use trust::FirmwareKeys;
