//! The node's side of Rollcall without IO: no network, no files, no clock, no environment, and no randomness but a seed
//! that it is given.
//!
//! [`Driver`] is one run of a node. It drives the protocol's state machine (`protocol`, with `conversation`, `configs`,
//! `commands`, `updates`, `schedule` and `rivals` below it) and carries out its actions through three traits:
//! [`Handler`] is the program around the node, [`Transport`] the network, and [`Storage`] what is kept over a restart.
//! `rollcall-node` implements the latter two with tokio and files. A simulation implements them with virtual time, and
//! runs the very same code: the same seed and the same events give the same actions.

mod command;
mod commands;
mod configs;
mod configuration;
mod conversation;
mod delta;
mod detail;
mod document;
mod download;
mod driver;
mod event;
mod firmware;
mod handler;
mod hash;
mod image;
mod incoming;
mod link;
mod promise;
mod protocol;
mod record;
mod request;
mod rivals;
mod schedule;
mod session;
mod storage;
mod target;
mod timing;
mod transport;
mod trust;
mod updates;

pub use command::Command;
pub use configuration::{Applied, Configuration};
pub use delta::Delta;
pub use document::{DocumentBody, FetchError};
pub use download::Downloaded;
pub use driver::Driver;
pub use event::{DisconnectReason, NodeError, NodeEvent};
pub use firmware::Firmware;
pub use handler::{Handler, Pushed, Report};
pub use image::{ImageCheck, ImageFault, ImagePart};
pub use link::{ConnectFailure, LinkEvent, LinkId};
pub use record::Record;
pub use request::{Installed, Outbox, Request};
pub use storage::Storage;
pub use target::Target;
pub use timing::Timing;
pub use transport::Transport;
pub use trust::{Distrust, Trust};
