//! The node's side of Rollcall: a client library that keeps a node checked in.
//!
//! It connects, checks in as the server tells it to, asks for acks where being sure is worth a message, replaces its
//! connection before the old one must end, and returns with jitter after a loss. A program implements [`Handler`],
//! calls [`Node::start`] and has nothing else to do.
//!
//! Where another device uses the same token, it stays away ever longer ([`NodeEvent::Superseded`]) instead of fighting for
//! the node; and it says nothing while the server asked it to slow down ([`NodeEvent::SlowedDown`]).
//!
//! A configuration is handed to [`Handler::apply`], and counts once the server was reached with it over a new connection;
//! otherwise it is rolled back. What became of it is reported until that is acknowledged.
//!
//! A command is handed to [`Handler::execute`] once, and what became of it is reported until that is acknowledged. That it
//! was begun is on record before, in [`NodeConfig::state`], so that no restart has it executed twice.
//!
//! A firmware image is downloaded there as well, and handed to [`Handler::install`] once its size and SHA-256 are right.
//! It counts once a check-in with its version is acknowledged; what else runs after a restart is reported as a roll-back.
//!
//! The protocol is a state machine without IO, clock or randomness (`protocol`, `conversation`, `configs`, `commands`,
//! `updates`, `schedule`, `rivals`); `run`, `link`, `connect`, `fetch`, `download` and `record` carry out what it decides.

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
