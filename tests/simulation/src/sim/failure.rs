//! A run with violations: what is wrong, how to see it again, and a shorter history that shows it.

use std::fmt;
use std::path::PathBuf;

use rollcall_fleet::{Plan, Progress, Violation};
use serde_json::{Value, json};

use super::args::{Args, Plans};
use super::campaign::Done;
use super::out::complain;

/// Where plans of failures are kept.
const FOLDER: &str = "target/simulation";
/// How often a plan is run at most while a shorter one is looked for.
const MOST_RUNS: u32 = 600;
/// How many violations of a run are told.
const TOLD: usize = 5;

/// A run with violations.
pub(crate) struct Failure {
    seed: u64,
    command: String,
    pub(crate) violations: Vec<Violation>,
    /// A shorter plan that shows the first violation, and the file that it is in.
    shorter: Option<(Plan, Option<PathBuf>)>,
}

/// Looks for a shorter history of a failure, and keeps its plan.
pub(crate) fn explain(args: &Args, plans: &Plans, done: &Done) -> Failure {
    let violations = done.outcome.violations.clone();
    let shorter = (!args.no_shrink).then(|| {
        complain(&format!("looks for a shorter history of seed {}", done.seed));
        let plan = shrunk(&done.plan, violations.first());
        let file = keep(&plan, done.seed);
        (plan, file)
    });
    Failure { seed: done.seed, command: plans.command(done.seed), violations, shorter }
}

/// A shorter plan that shows a violation of the same kind.
fn shrunk(plan: &Plan, violation: Option<&Violation>) -> Plan {
    let Some(kind) = violation.map(|violation| violation.kind) else { return plan.clone() };
    let mut shows = |plan: &Plan| {
        let outcome = rollcall_simulation::run(plan);
        outcome.is_ok_and(|outcome| outcome.violations.iter().any(|violation| violation.kind == kind))
    };
    let mut told = plan.steps.len();
    let mut progress = |progress: Progress| {
        if progress.steps < told / 2 {
            told = progress.steps;
            complain(&format!("  {told} steps after {} runs", progress.runs));
        }
    };
    rollcall_fleet::shrink(plan, MOST_RUNS, &mut shows, &mut progress)
}

fn keep(plan: &Plan, seed: u64) -> Option<PathBuf> {
    let file = PathBuf::from(FOLDER).join(format!("seed-{seed}.json"));
    let kept = std::fs::create_dir_all(FOLDER).and_then(|()| std::fs::write(&file, plan.to_json()));
    match kept {
        Ok(()) => Some(file),
        Err(error) => {
            complain(&format!("{} can't be written: {error}", file.display()));
            None
        }
    }
}

impl Failure {
    /// The failure for programs.
    pub(crate) fn json(&self) -> Value {
        let violation = |violation: &Violation| {
            json!({
                "kind": violation.kind.name(), "at_ms": violation.at.0, "node": violation.node, "what": violation.what
            })
        };
        json!({
            "seed": self.seed,
            "command": self.command,
            "violations": self.violations.iter().map(violation).collect::<Vec<_>>(),
            "plan": self.shorter.as_ref().and_then(|(_, file)| Some(file.as_ref()?.display().to_string())),
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} breaks {} promises:", self.seed, self.violations.len())?;
        for violation in self.violations.iter().take(TOLD) {
            writeln!(f, "  {violation}")?;
        }
        if self.violations.len() > TOLD {
            writeln!(f, "  and {} more", self.violations.len() - TOLD)?;
        }
        writeln!(f, "again:   {}", self.command)?;
        let Some((plan, file)) = &self.shorter else { return Ok(()) };
        if let Some(file) = file {
            writeln!(f, "shorter: cargo sim --plan {}", file.display())?;
        }
        let (nodes, hours) = (plan.nodes.len(), plan.ends_at_ms / 3_600_000);
        writeln!(f, "in short ({nodes} nodes, {hours} h, {} steps):", plan.steps.len())?;
        for step in &plan.steps {
            let (s, ms) = (step.at_ms / 1000, step.at_ms % 1000);
            writeln!(f, "  {s:>8}.{ms:03} s  {:?}", step.what)?;
        }
        Ok(())
    }
}
