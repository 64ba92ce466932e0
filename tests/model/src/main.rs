//! Checks the models, and prints what the checker found out.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use rollcall_model::{Bounds, Report, Scenario, scenarios};

/// Checks the rules in every order of the requests of two connections, both sweeps and the application.
#[derive(Parser)]
#[command(about)]
struct Arguments {
    /// The scenarios to check; all of them if none is named
    #[arg(value_parser = scenarios().map(|scenario| scenario.name))]
    scenarios: Vec<String>,
    /// Allow so many more lost answers, lost calls and repeated deliveries
    #[arg(long, default_value_t = 0)]
    more: u8,
    /// Check with so many threads
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let Arguments { scenarios: named, more, threads, json } = Arguments::parse();
    let is_chosen = |scenario: &Scenario| named.is_empty() || named.iter().any(|name| name == scenario.name);
    let larger = |scenario: Scenario| Scenario { bounds: Bounds::with_more(scenario.bounds, more), ..scenario };
    let chosen: Vec<_> = scenarios().into_iter().filter(is_chosen).map(larger).collect();
    let report = Report::make(&chosen, threads)?;
    let text = if json { serde_json::to_string_pretty(&report)? + "\n" } else { report.to_string() };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
