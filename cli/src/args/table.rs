//! What can be read of a table itself.

use clap::Subcommand;

use super::http_url;

#[derive(Debug, Subcommand)]
pub(crate) enum TableCommand {
    /// List the nodes of a table, in the order of their ids
    Nodes(TableNodes),
}

#[derive(Debug, clap::Args)]
pub(crate) struct TableNodes {
    /// Where DynamoDB is
    #[arg(long, default_value = "http://127.0.0.1:8789", value_parser = http_url, value_name = "URL")]
    pub(crate) endpoint_url: String,
    /// The table
    #[arg(long, default_value = rollcall_stack::TABLE, value_name = "NAME")]
    pub(crate) table: String,
    /// Print JSON, one array
    #[arg(long)]
    pub(crate) json: bool,
}
