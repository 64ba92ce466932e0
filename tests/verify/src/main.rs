//! `cargo verify`: everything that CI checks, in steps, each by name and with the time it took. The steps are in two
//! lanes that run at the same time.

mod beside;
mod built;
mod cloud;
mod infra;
mod localstack;
mod ministack;
mod mutations;
mod prerequisites;
mod purity;
mod rails;
mod resolution;
mod run;
mod runner;
mod running;
mod steps;
mod tools;

use std::process::ExitCode;
use std::time::Instant;

use beside::{Beside, Ended, FAILED, VERIFIED};
use run::{minutes, say};
use runner::Report;
use steps::{Lane, MORE, STEPS, Step};

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if wanted.iter().any(|argument| argument == "--help" || argument == "-h") {
        say(&steps::help());
        return ExitCode::SUCCESS;
    }
    let all = || STEPS.iter().chain(&MORE);
    if let Some(unknown) = wanted.iter().find(|name| all().all(|step| step.name != **name)) {
        let names: Vec<_> = all().map(|step| step.name).collect();
        say(&format!("verify: there is no step {unknown:?}; the steps are: {}", names.join(", ")));
        return ExitCode::from(2);
    }
    let is_wanted = |step: &&Step| wanted.iter().any(|name| name == step.name);
    let chosen: Vec<_> = if wanted.is_empty() { STEPS.iter().collect() } else { all().filter(is_wanted).collect() };
    if let Some(missing) = prerequisites::missing(chosen.iter().map(|step| (step.name, step.needs))) {
        say(&format!("verify: {missing}"));
        return ExitCode::from(2);
    }
    let started = Instant::now();
    let ended = run_lanes(&chosen);
    let (time, steps) = (minutes(started.elapsed()), ended.steps.join("\n"));
    let what = if ended.is_well { VERIFIED } else { FAILED };
    say(&format!("\n{what}{}\n{steps}\n{}", time.trim(), ended.report));
    if ended.is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the steps, those of the second lane beside those of the first.
fn run_lanes(chosen: &[&Step]) -> Ended {
    let (code, besides): (Vec<&Step>, Vec<&Step>) = chosen.iter().partition(|step| step.lane == Lane::Code);
    if code.is_empty() || besides.is_empty() {
        return run(chosen, || {});
    }
    let names: Vec<_> = besides.iter().map(|step| step.name).collect();
    match Beside::start(&names) {
        Ok(mut beside) => {
            let first = run(&code, || beside.tell());
            let mut second = beside.finish();
            second.report.add(first.report);
            let steps = [first.steps, second.steps].concat();
            Ended { steps, report: second.report, is_well: first.is_well && second.is_well }
        }
        Err(problem) => {
            say(&problem);
            Ended { is_well: false, ..run(&code, || {}) }
        }
    }
}

/// Runs steps one after the other, and goes on after one that failed. Calls `after` after each of them.
fn run(steps: &[&Step], mut after: impl FnMut()) -> Ended {
    let mut ended = Ended { steps: vec![], report: Report::default(), is_well: true };
    for step in steps {
        let began = Instant::now();
        say(&format!("\n==> {}: {}", step.name, step.purpose));
        let done = (step.check)();
        let line = format!("{:12} {}", step.name, minutes(began.elapsed()));
        match done {
            Ok(ran) if ran == Report::default() => ended.steps.push(format!("{line}  ok")),
            Ok(ran) => {
                ended.report.add(ran);
                ended.steps.push(format!("{line}  ok      {:4} passed, {:2} skipped", ran.passed, ran.skipped));
            }
            Err(problem) => {
                say(&format!("{}: {problem}", step.name));
                ended.is_well = false;
                // The counts of the tests that ran follow the problem.
                ended.report.add(problem.lines().last().and_then(Report::read).unwrap_or_default());
                ended.steps.push(format!("{line}  FAILED  {}", problem.lines().next().unwrap_or_default()));
            }
        }
        after();
    }
    ended
}
