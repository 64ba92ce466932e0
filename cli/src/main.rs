//! The `rollcall` command.

mod args;
mod build;
mod clock;
mod deploy;
mod fleet;
mod key;
mod meter;
mod node;
mod nodes;
mod out;
mod problem;
mod rules;
mod summary;
mod token;
mod up;

use std::process::ExitCode;

use args::{Args, Command};
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    out::show_warnings();
    let done = match Args::parse().command {
        Command::Up(args) => up::run(args).await,
        Command::Deploy(args) => deploy::run(args).await,
        Command::Token(args) => token::run(&args),
        Command::Key => token::console(),
        Command::Nodes(args) => nodes::run(&args).await,
        Command::Node(args) => node::run(args).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => problem.report(),
    }
}
