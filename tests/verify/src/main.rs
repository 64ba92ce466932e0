//! `cargo verify`: everything that CI checks, one step after the other, each by name and with the time it took.

mod cloud;
mod infra;
mod localstack;
mod prerequisites;
mod purity;
mod resolution;
mod run;
mod runner;
mod steps;
mod tools;

use std::process::ExitCode;
use std::time::Instant;

use run::{minutes, say};
use runner::Report;
use steps::STEPS;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        say(&format!("verify: there is no step {unknown:?}; the steps are: {}", names.join(", ")));
        return ExitCode::from(2);
    }
    let chosen = STEPS.iter().filter(|step| wanted.is_empty() || wanted.iter().any(|name| name == step.name));
    let chosen: Vec<_> = chosen.collect();
    if let Some(missing) = prerequisites::missing(chosen.iter().map(|step| (step.name, step.needs))) {
        say(&format!("verify: {missing}"));
        return ExitCode::from(2);
    }
    let (started, mut closing, mut report, mut failed) = (Instant::now(), vec![], Report::default(), vec![]);
    for step in chosen {
        let began = Instant::now();
        say(&format!("\n==> {}: {}", step.name, step.purpose));
        let done = (step.check)();
        let line = format!("{:12} {}", step.name, minutes(began.elapsed()));
        match done {
            Ok(ran) if ran == Report::default() => closing.push(format!("{line}  ok")),
            Ok(ran) => {
                report.add(ran);
                closing.push(format!("{line}  ok      {:4} passed, {:2} skipped", ran.passed, ran.skipped));
            }
            Err(problem) => {
                say(&format!("{}: {problem}", step.name));
                failed.push(step.name);
                closing.push(format!("{line}  FAILED  {problem}"));
            }
        }
    }
    let (time, steps) = (minutes(started.elapsed()), closing.join("\n"));
    if failed.is_empty() {
        say(&format!("\nverified in {}\n{steps}\n{report}", time.trim()));
        return ExitCode::SUCCESS;
    }
    say(&format!("\nfailed after {}: {}\n{steps}\n{report}", time.trim(), failed.join(", ")));
    ExitCode::FAILURE
}
