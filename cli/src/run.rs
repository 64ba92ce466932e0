//! Does what was asked for.

use crate::args::Command;
use crate::problem::Problem;
use crate::{completions, console, deploy, node, nodes, token, up};

/// Does what was asked for.
///
/// # Errors
/// Why it could not be done, and what to do about it.
pub(crate) async fn run(command: Command) -> Result<(), Problem> {
    match command {
        Command::Up(args) => up::run(args).await,
        Command::Deploy(args) => deploy::run(args).await,
        Command::Token(args) => token::run(&args),
        Command::Key(args) => token::console(&args),
        Command::Nodes(args) => match &args.command {
            Some(command) => console::nodes(command).await,
            None => nodes::run(&args).await,
        },
        Command::Config(command) => console::config(&command).await,
        Command::Node(args) => node::run(args).await,
        Command::Completions(args) => completions::run(&args),
    }
}
