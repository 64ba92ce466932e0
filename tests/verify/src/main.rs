//! `cargo verify`: everything that CI checks, one step after the other, each by name and with the time it took.

mod purity;
mod run;
mod steps;

use std::process::ExitCode;
use std::time::Instant;

use run::{minutes, say};
use steps::STEPS;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        say(&format!("verify: there is no step {unknown:?}; the steps are: {}", names.join(", ")));
        return ExitCode::from(2);
    }
    let started = Instant::now();
    let mut closing = vec![];
    for step in STEPS.iter().filter(|step| wanted.is_empty() || wanted.iter().any(|name| name == step.name)) {
        let began = Instant::now();
        say(&format!("\n==> {}: {}", step.name, step.purpose));
        match (step.check)() {
            Ok(summary) => {
                closing.push(format!("{:10} {}  ok", step.name, minutes(began.elapsed())));
                closing.extend(summary);
            }
            Err(problem) => {
                closing.push(format!("{:10} {}  FAILED: {problem}", step.name, minutes(began.elapsed())));
                say(&format!("\n{}", closing.join("\n")));
                return ExitCode::FAILURE;
            }
        }
    }
    say(&format!("\nverified in {}", minutes(started.elapsed()).trim()));
    say(&closing.join("\n"));
    ExitCode::SUCCESS
}
