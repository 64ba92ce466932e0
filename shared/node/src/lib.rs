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
//! are right. The update counts as applied once a check-in with the new version is acknowledged. If another version
//! runs after the restart, the update is reported as rolled back.
//!
//! The protocol is a state machine without IO, clock or randomness of its own (`protocol`, `conversation`, `configs`,
//! `commands`, `updates`, `schedule`, `rivals`). `run`, `link`, `connect`, `fetch`, `download` and `record` do the IO.

mod command;
mod commands;
mod config;
mod configs;
mod configuration;
mod connect;
mod conversation;
mod download;
mod fetch;
mod firmware;
mod handler;
mod http;
mod incoming;
mod link;
mod node;
mod promise;
mod protocol;
mod record;
mod rivals;
mod run;
mod schedule;
mod session;
mod updates;

pub use command::Command;
pub use config::{NodeConfig, Timing, Token};
pub use configuration::{Applied, Configuration};
pub use fetch::{Fetch, FetchError, Fetching};
pub use firmware::Firmware;
pub use handler::{DisconnectReason, Handler, NodeError, NodeEvent, Pushed, Report};
pub use node::Node;
pub use rollcall_wire as wire;
