//! The `rollcall` command.

mod args;
mod build;
mod clock;
mod completions;
mod console;
mod deploy;
mod duties;
mod files;
mod fleet;
mod key;
mod loopback;
mod meter;
mod node;
mod nodes;
mod out;
mod problem;
mod progress;
mod rules;
mod run;
mod stack;
mod summary;
mod token;
mod up;

use std::process::ExitCode;

use args::Args;

#[tokio::main]
async fn main() -> ExitCode {
    out::show_warnings();
    match run::run(Args::read().command).await {
        Ok(code) => code,
        Err(problem) => problem.report(),
    }
}
