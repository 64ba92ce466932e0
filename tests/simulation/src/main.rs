//! `cargo sim`: simulated years of a fleet's life, judged by the oracle.
//!
//! It exits with 0 if nothing is wrong, 1 if something is, and 2 if it was called wrongly.

mod sim;

use std::process::ExitCode;

use clap::Parser as _;
use sim::args::Args;
use sim::out::{complain, say};
use sim::{campaign, history, mutations};

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(each) = args.mutations {
        return code(mutations::run_all(each));
    }
    let plans = match args.plans() {
        Ok(plans) => plans,
        Err(problem) => {
            complain(&problem);
            return ExitCode::from(2);
        }
    };
    let done =
        if let Some(shown) = &args.history { history::tell(&plans, shown) } else { campaign::run(&args, &plans) };
    code(done)
}

fn code(done: Result<bool, String>) -> ExitCode {
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            say(&problem);
            ExitCode::FAILURE
        }
    }
}
