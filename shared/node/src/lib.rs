//! The node's side of Rollcall: a client library that keeps a node checked in.
//!
//! It connects, checks in as the server tells it to, asks for acks where being sure is worth a message, replaces its
//! connection before the old one must end, and returns with jitter after a loss. A program implements [`Handler`],
//! calls [`Node::start`] and has nothing else to do.
//!
//! The protocol is a state machine without IO, clock or randomness (`protocol`, `conversation`, `schedule`); `run`,
//! `link` and `connect` carry out what it decides.

mod config;
mod connect;
mod conversation;
mod handler;
mod incoming;
mod link;
mod node;
mod protocol;
mod run;
mod schedule;
mod session;

pub use config::{NodeConfig, Timing, Token};
pub use handler::{DisconnectReason, Handler, NodeError, NodeEvent, Pushed, Report};
pub use node::Node;
pub use rollcall_wire as wire;
