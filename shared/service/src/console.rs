//! The console: the HTTP API for the application.

mod batch;
mod clip;
mod commands;
mod conditions;
mod configs;
mod content;
mod cursor;
mod firmware;
mod handle;
mod health;
mod keys;
mod nodes;
mod openapi;
mod push;
mod query;
mod refusal;
mod routes;
mod view;

pub use handle::Console;
pub use health::Health;
pub use keys::{Keys, Scope};
