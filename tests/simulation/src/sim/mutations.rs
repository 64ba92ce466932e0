//! Mutations of the rules: one clause is left out of every guard, and the simulation must notice.

use std::time::Instant;

use rollcall_core::Because;
use rollcall_fleet::{Plan, ViolationKind};
use rollcall_simulation::{Meddling, run, run_meddled_with};

use super::out::say;

/// How many lives of a fleet may pass without notice: of these many nodes, for a day.
const SEEDS: u64 = 40;
const NODES: usize = 6;

/// Clauses of events that do not happen in a simulated life, each with the reason.
const EXEMPT: [(Because, &str); 5] = [
    (Because::HolderChanged, NO_SWEEP),
    (Because::OpenChanged, NO_SWEEP),
    (Because::SeenChanged, NO_SWEEP),
    (Because::PollsChanged, NO_SWEEP),
    (Because::NotDue, NO_SWEEP),
];
const NO_SWEEP: &str = "a sweep is hardly ever overtaken in a simulated life; the histories of shared/core notice it";

/// Leaves out one label after the other: every one, or each so manyth. Prints who noticed what. Returns whether every
/// mutation was noticed.
///
/// # Errors
/// If the functions can't be set up.
pub(crate) fn run_all(each: usize) -> Result<bool, String> {
    let labels: Vec<_> = Because::ALL.iter().copied().step_by(each.max(1)).collect();
    let width = labels.iter().map(|label| label.name().len()).max().unwrap_or_default();
    let (mut noticed, began) = (0, Instant::now());
    for label in &labels {
        let found = notice(*label)?;
        let exempt = EXEMPT.iter().find(|(exempt, _)| exempt == label).map(|(_, why)| *why);
        let text = match (found, exempt) {
            (Some((seed, kind)), _) => {
                noticed += 1;
                format!("noticed by {} in seed {seed}", kind.name())
            }
            (None, Some(why)) => {
                noticed += 1;
                format!("not noticed: {why}")
            }
            (None, None) => format!("NOT NOTICED in {SEEDS} lives"),
        };
        say(&format!("without {:width$}  {text}", label.name()));
    }
    say(&format!("{noticed} of {} noticed in {:.0} s", labels.len(), began.elapsed().as_secs_f64()));
    Ok(noticed == labels.len())
}

/// The first seed that shows that clauses with this label are missing, and how.
fn notice(label: Because) -> Result<Option<(u64, ViolationKind)>, String> {
    for seed in 1..=SEEDS {
        let plan = Plan::generate(seed, NODES, 1);
        let outcome = run_meddled_with(&plan, Meddling::Ignores(label)).map_err(|error| error.to_string())?;
        let Some(violation) = outcome.violations.first() else { continue };
        // It counts only if the same life is well with every clause.
        if run(&plan).map_err(|error| error.to_string())?.violations.is_empty() {
            return Ok(Some((seed, violation.kind)));
        }
    }
    Ok(None)
}
