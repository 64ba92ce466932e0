//! The gateway: real sockets, and functions that are closures or real processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod closing;
mod events;
mod handshake;
mod host;
mod http;
mod management;
mod memory;
mod messages;
mod probe;
mod processes;
mod rfc;
mod support;
