//! The oracle: it knows what every node and the application did and were told, and judges it.

use rollcall_core::{Node, NodeId, Timestamp};

use crate::coverage::Coverage;
use crate::observation::Observation;
use crate::plan::Plan;
use crate::violation::Violation;

/// Judges a run from what was seen of it.
#[derive(Debug, Default)]
pub struct Oracle {
    violations: Vec<Violation>,
    coverage: Coverage,
}

impl Oracle {
    /// An oracle for a run of this plan that starts at `start`.
    pub fn new(plan: &Plan, start: Timestamp) -> Self {
        let _ = (plan, start);
        Self::default()
    }

    /// Takes note of what was seen.
    pub fn observe(&mut self, observation: &Observation) {
        let _ = observation;
    }

    /// The violations so far.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Judges what must be true at the end. `stored` reads a node's item from the table.
    pub fn finish(&mut self, now: Timestamp, stored: &dyn Fn(&NodeId) -> Option<Node>) {
        let _ = (now, stored);
    }

    /// What was seen.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}
