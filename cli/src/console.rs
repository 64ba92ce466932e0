//! The commands that ask the console API.

mod client;
mod commands;
mod configs;
mod cutover;
mod difference;
mod endpoint;
mod events;
mod firmware;
mod https;
mod input;
mod nodes;
mod reconcile;
mod refusal;
mod renumber;
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
pub(crate) use nodes::nodes;
pub(crate) use reconcile::{apply, reconcile};
pub(crate) use table::{clean, short};
pub(crate) use transfer::{Format, export, import};
pub(crate) use url::ConsoleUrl;
#[cfg(feature = "simulate")]
pub(crate) use url::console_of;
pub(crate) use watch::watch;

/// The style of pages for a browser, which need no network.
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}\
table{border-collapse:collapse;width:100%;margin:.5rem 0 2rem}th,td{text-align:left;padding:.35rem .6rem;\
border-bottom:1px solid #d8dee4;vertical-align:top}td.n,th.n{text-align:right}code{font:13px/1.4 ui-monospace,monospace;\
overflow-wrap:anywhere}del{color:#a40e26;text-decoration:none}ins{color:#116329;text-decoration:none}";
