//! The `rollcall` command.
#![cfg_attr(
    not(all(feature = "aws", feature = "simulate")),
    allow(dead_code, reason = "only what asks AWS or simulates fleets uses it")
)]

mod args;
mod aws;
mod build;
mod clock;
mod completions;
mod console;
mod duties;
mod files;
mod fleet;
mod key;
mod live;
mod local;
mod loopback;
mod meter;
mod node;
mod open_files;
mod out;
mod problem;
mod progress;
mod rules;
mod run;
mod simulate;
mod stack;
mod state;
mod summary;
mod table;
mod token;
mod up;

use std::process::ExitCode;

use args::Args;

#[tokio::main]
async fn main() -> ExitCode {
    let json = args::asks_for_json();
    let command = Args::read(json).command;
    // What a simulation's faults cause is no news.
    if !matches!(command, args::Command::Simulate(_) | args::Command::SimulateCloud(_)) {
        out::show_warnings();
    }
    match run::run(command).await {
        Ok(code) => code,
        Err(problem) => problem.report(json),
    }
}
