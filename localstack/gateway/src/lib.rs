//! API Gateway's WebSocket and HTTP sides and Lambda's Runtime API, on loopback.
//!
//! [`Gateway`] accepts sockets the way a WebSocket API does: it asks the authorizer and the `$connect`
//! function before it answers the handshake, routes every message by its body, serves the `@connections`
//! management calls and tells `$disconnect` how a connection ended. [`HttpApi`] answers requests the way an
//! HTTP API with Lambda proxy integrations does, in payload format 2.0. Functions are run by whatever
//! implements [`Invoke`]; [`Host`] does it with real function binaries as child processes.
//!
//! What AWS documents is reproduced as documented. What is only generally known is collected in one
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
