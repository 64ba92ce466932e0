//! The commands that ask the console API.

mod client;
mod commands;
mod configs;
mod difference;
mod firmware;
mod https;
mod input;
mod nodes;
mod refusal;
mod table;
mod upload;
mod url;
mod watch;

pub(crate) use commands::command;
pub(crate) use configs::config;
pub(crate) use firmware::firmware;
pub(crate) use nodes::nodes;
pub(crate) use table::{clean, short};
pub(crate) use url::ConsoleUrl;
#[cfg(feature = "simulate")]
pub(crate) use url::console_of;
pub(crate) use watch::watch;
