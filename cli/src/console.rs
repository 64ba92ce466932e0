//! The commands that ask the console API.

mod client;
mod configs;
mod nodes;
mod refusal;
mod table;
mod url;

pub(crate) use configs::config;
pub(crate) use nodes::nodes;
pub(crate) use url::ConsoleUrl;
