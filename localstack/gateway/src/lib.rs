//! API Gateway's WebSocket and HTTP sides and Lambda's Runtime API, on loopback.
//!
//! [`Gateway`] accepts sockets as a WebSocket API does. It invokes the authorizer and the `$connect` function before it
//! answers the handshake, routes every message by its body, serves the `@connections` management calls, and invokes
//! `$disconnect` when a connection has ended. [`HttpApi`] answers requests as an HTTP API with Lambda proxy
//! integrations does, in payload format 2.0. An [`Invoke`] runs the functions; [`Host`] runs real function binaries as
//! child processes.
//!
//! Behaviour that AWS documents is reproduced as documented. Behaviour that is only generally known is collected in one
//! module, `assumed`, so that it is easy to find and to correct.

mod assumed;
mod authorizer;
mod bucket;
mod config;
mod connection;
mod event;
mod frames;
mod gateway;
mod handshake;
mod host;
mod http_api;
mod ids;
mod invoke;
mod listener;
mod management;
mod messages;
mod refusal;
mod registry;
mod request;
mod socket;

pub use config::{ClientLimits, Clock, GatewayConfig, Limits, Route, Routes};
pub use gateway::Gateway;
pub use host::{FunctionSpec, Host, HostError, Logs};
pub use http_api::{HttpApi, HttpConfig, HttpLimits, HttpRoute};
pub use invoke::{Invoke, InvokeError};
pub use listener::rules::{is_loopback, is_stranger};

// For the fuzz targets (`tests/fuzz`) alone: no other part of the gateway can be reached without a socket.
#[doc(hidden)]
pub use {frames::valid_frames, listener::head::head_bytes};
