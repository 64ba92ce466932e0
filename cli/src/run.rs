//! Does what was asked for.

use std::process::ExitCode;

use crate::args::Command;
use crate::problem::Problem;
use crate::{aws, completions, console, node, simulate, table, token, up};

/// Does what was asked for, and says with which code to exit if that is an answer too.
///
/// # Errors
/// Why it could not be done, and what to do about it.
pub(crate) async fn run(command: Command) -> Result<ExitCode, Problem> {
    match command {
        Command::Up(args) => up::run(args).await,
        Command::Deploy(args) => aws::deploy(args).await,
        Command::Token(args) => token::run(&args),
        Command::Key(args) => token::console(&args),
        Command::Nodes(args) => console::nodes(&args).await,
        Command::Import(args) => console::import(&args).await,
        Command::Export(args) => console::export(&args).await,
        Command::Reconcile(args) => return console::reconcile(&args).await.map_err(Problem::into_trouble),
        Command::Apply(args) => console::apply(&args).await,
        Command::Config(command) => return console::config(&command).await,
        Command::Fleet(args) => console::fleet(&args).await,
        Command::Watch(args) => console::watch(&args).await,
        Command::Events(args) => console::events(&args).await,
        Command::Commands(command) => console::command(&command).await,
        Command::Firmware(command) => console::firmware(&command).await,
        Command::Endpoint(command) => console::endpoint(&command).await,
        Command::Rollout(command) => console::rollout(&command).await,
        Command::Cutover(command) => console::cutover(&command).await,
        Command::Node(args) => node::run(args).await,
        Command::Simulate(args) => return simulate::run(&args).await,
        Command::SimulateCloud(args) => return simulate::host(&args).await,
        Command::Table(command) => table::run(&command).await,
        Command::Completions(args) => completions::run(&args),
    }?;
    Ok(ExitCode::SUCCESS)
}
