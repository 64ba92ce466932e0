//! The commands that ask the console API.

mod client;
mod configs;
mod difference;
mod nodes;
mod refusal;
mod table;
mod url;
mod watch;

pub(crate) use configs::config;
pub(crate) use nodes::nodes;
pub(crate) use url::ConsoleUrl;
pub(crate) use watch::watch;
