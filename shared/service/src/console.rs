//! The console: the HTTP API for the application.

mod about;
mod audit;
mod batch;
mod clip;
mod commands;
mod conditions;
mod configs;
mod content;
mod cursor;
mod cutover;
mod deletion;
mod drift;
mod endpoints;
mod event_schema;
mod events;
mod export;
mod firmware;
mod handle;
mod health;
mod import;
mod import_commands;
mod keys;
mod nodes;
mod openapi;
mod push;
mod query;
mod refusal;
mod renumber;
mod replay;
mod routes;
mod unchanged;
mod view;

pub use endpoints::Endpoints;
pub use handle::Console;
pub use health::Health;
pub use keys::{Keys, Scope};
