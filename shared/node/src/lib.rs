//! The node's side of Rollcall: a client library that keeps a node checked in.
//!
//! It connects, checks in as the server tells it to, asks for acks where being sure is worth a message, replaces its
//! connection before the old one must end, and returns with jitter after a loss. A program implements [`Handler`],
//! calls [`Node::start`] and has nothing else to do.
//!
//! A configuration is handed to [`Handler::apply`], and counts once the server was reached with it over a new connection;
//! otherwise it is rolled back. What became of it is reported until that is acknowledged.
//!
//! The protocol is a state machine without IO, clock or randomness (`protocol`, `conversation`, `configs`, `schedule`);
//! `run`, `link`, `connect` and `fetch` carry out what it decides.

mod config;
mod configs;
mod configuration;
mod connect;
mod conversation;
mod fetch;
mod handler;
mod incoming;
mod link;
mod node;
mod protocol;
mod run;
mod schedule;
mod session;

pub use config::{NodeConfig, Timing, Token};
pub use configuration::{Applied, Configuration};
pub use fetch::{Fetch, FetchError, Fetching};
pub use handler::{DisconnectReason, Handler, NodeError, NodeEvent, Pushed, Report};
pub use node::Node;
pub use rollcall_wire as wire;
