//! What can be asked of the console API about commands.

use std::time::Duration;

use clap::Subcommand;
use rollcall_core::{CommandName, IdempotencyKey, NodeId, Seconds};
use rollcall_wire::console::{COMMAND_EXPIRES_MOST_S, COMMAND_EXPIRES_S};

use super::console::Connection;

#[derive(Debug, Subcommand)]
pub(crate) enum CommandsCommand {
    /// Queue a command for a node, which executes its commands one at a time and in order, each at most once
    Send(SendCommand),
    /// List a node's commands, the newest first
    List(ListCommands),
    /// Take back a command that was not handed out yet
    Cancel(CancelCommand),
}

#[derive(Debug, clap::Args)]
pub(crate) struct SendCommand {
    /// The node's id
    #[arg(value_name = "ID")]
    pub(crate) node: NodeId,
    /// What to do: what it means is the node's affair
    pub(crate) name: CommandName,
    /// With what: any JSON; or @FILE for a file with it, or - for standard input
    #[arg(allow_negative_numbers = true)]
    pub(crate) args: Option<String>,
    /// How long it may wait until the node begins it
    #[arg(
        long,
        default_value_t = COMMAND_EXPIRES_S,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(COMMAND_EXPIRES_MOST_S)),
        value_name = "SECONDS"
    )]
    pub(crate) expires_in: Seconds,
    /// What to call this request, so that it queues one command however often it is sent; or else something random
    #[arg(long)]
    pub(crate) key: Option<IdempotencyKey>,
    /// Wait until it is over, or only so long, and show what it said; exits with 1 if it is not done then
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        value_parser = patience,
        value_name = "SECONDS"
    )]
    pub(crate) wait: Option<Duration>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListCommands {
    /// The node's id
    #[arg(value_name = "ID")]
    pub(crate) node: NodeId,
    /// How many to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000), value_name = "N")]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CancelCommand {
    /// The node's id
    #[arg(value_name = "ID")]
    pub(crate) node: NodeId,
    /// The command's number
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) number: u64,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// How long to wait: for ever, if no number says otherwise.
fn patience(text: &str) -> Result<Duration, &'static str> {
    if text.is_empty() {
        return Ok(Duration::MAX);
    }
    match text.parse() {
        Ok(seconds @ 1_u32..) => Ok(Duration::from_secs(seconds.into())),
        _ => Err("it must be a whole number of seconds, and at least 1"),
    }
}
