//! A run of a plan.

use rollcall_fleet::{Coverage, Observation, Plan, Violation};

use crate::meddling::Meddling;
use crate::service::SetupError;
use crate::world::{Counts, World};

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// A hash of everything that was seen, in hexadecimal. The same plan has the same digest.
    pub digest: String,
    /// What must not have happened.
    pub violations: Vec<Violation>,
    /// What was seen at least once.
    pub coverage: Coverage,
    /// What was counted.
    pub counts: Counts,
}

/// Runs a plan.
///
/// # Errors
/// If the functions can't be set up.
pub fn run(plan: &Plan) -> Result<Outcome, SetupError> {
    Ok(outcome(World::new(plan, false)?).0)
}

/// Runs a plan, and keeps everything that was seen.
///
/// # Errors
/// If the functions can't be set up.
pub fn run_and_keep(plan: &Plan) -> Result<(Outcome, Vec<Observation>), SetupError> {
    Ok(outcome(World::new(plan, true)?))
}

/// Runs a plan, and has something happen half-way that must not happen.
///
/// # Errors
/// If the functions can't be set up.
pub fn run_meddled_with(plan: &Plan, meddling: Meddling) -> Result<Outcome, SetupError> {
    let mut world = World::new(plan, false)?;
    world.meddle(meddling);
    Ok(outcome(world).0)
}

fn outcome(world: World) -> (Outcome, Vec<Observation>) {
    let (digest, oracle, kept, counts) = world.run();
    let (violations, coverage) = (oracle.violations().to_vec(), oracle.coverage().clone());
    (Outcome { digest, violations, coverage, counts }, kept)
}
