//! The commands that ask the console API.

mod bulk;
mod change;
mod client;
mod commands;
mod configs;
mod cutover;
mod deltas;
mod difference;
mod endpoint;
mod events;
mod firmware;
mod fleet;
mod history;
mod https;
mod input;
mod models;
mod nodes;
mod page;
mod patience;
mod reconcile;
mod refusal;
mod renumber;
mod rollback;
mod rollout;
mod select;
mod table;
mod transfer;
mod upload;
mod url;
mod watch;

pub(crate) use commands::command;
pub(crate) use configs::config;
pub(crate) use cutover::cutover;
pub(crate) use endpoint::endpoint;
pub(crate) use events::events;
pub(crate) use firmware::firmware;
pub(crate) use fleet::fleet;
pub(crate) use nodes::nodes;
pub(crate) use reconcile::{apply, reconcile};
pub(crate) use rollout::rollout;
pub(crate) use table::{clean, short};
pub(crate) use transfer::{Format, export, import};
pub(crate) use url::ConsoleUrl;
#[cfg(feature = "simulate")]
pub(crate) use url::console_of;
pub(crate) use watch::watch;
