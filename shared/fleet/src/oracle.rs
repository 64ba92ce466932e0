//! The oracle: it knows what every node and the application did and were told, and judges it.
//!
//! It keeps a model of its own, from observations alone. Each judge looks after one kind of promise:
//!
//! | judge | promise |
//! |---|---|
//! | `check_ins` | An acknowledged check-in is stored. Only the connection that holds a node stores anything. |
//! | `presence` | Presence is right after the grace period. |
//! | `configs` | No older configuration is run; exactly what was set is run; in the end it is reported on. |
//! | `commands` | A command is executed at most once, in order and in time, and ends with the result reported first. |
//! | `firmware` | Only the described image is installed, and a failing version is given up. |
//! | `deltas` | A node is given the described delta from what it has to what it asked for, and no other. |
//! | `minimums` | No version below the minimum of its model is desired or given. |
//! | `access` | Refused credentials learn nothing, store nothing, and are disconnected. |
//! | `budget` | Who sends too much is blocked, as long as the rules say, and nobody else is. |
//! | `terms` | An ack says the times of the settings. |
//! | `table` | Items are small and readable, and only seen writes change them. |
//! | `console`, `answers` | What the console answers was true at some time between request and answer. |
//! | `events` | The log and each endpoint are told what happened to a node: all of it, in order, nothing else, and who did it. |
//! | `devices` | No node is stuck once faults have stopped, and no run ends without a reason. |

mod access;
mod answers;
mod budget;
mod check_ins;
mod commands;
mod configs;
mod console;
mod counts;
mod deltas;
mod devices;
mod events;
mod facts;
mod firmware;
mod hashing;
mod judges;
mod minimums;
mod presence;
mod queue;
mod rollouts;
mod said;
mod sockets;
mod table;
mod talks;
mod terms;
#[cfg(test)]
mod tests;
mod verdicts;
mod windows;

use rollcall_core::{Node, NodeId, Timestamp};

use judges::Judges;

use crate::coverage::Coverage;
use crate::observation::Observation;
use crate::plan::Plan;
use crate::violation::Violation;

/// Judges a run from what was seen of it.
#[derive(Clone, Debug)]
pub struct Oracle {
    judges: Judges,
    coverage: Coverage,
}

impl Oracle {
    /// An oracle for a run of this plan that starts at `start`.
    pub fn new(plan: &Plan, start: Timestamp) -> Self {
        Self { judges: Judges::new(plan, start), coverage: Coverage::default() }
    }

    /// Takes note of what was seen.
    pub fn observe(&mut self, observation: &Observation) {
        self.coverage.observe(observation);
        self.judges.observe(observation);
    }

    /// The violations so far: the first few hundred.
    pub fn violations(&self) -> &[Violation] {
        self.judges.violations()
    }

    /// What was seen.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Judges what must be true at the end. `stored` reads a node's item from the table.
    pub fn finish(&mut self, now: Timestamp, stored: &dyn Fn(&NodeId) -> Option<Node>) {
        self.judges.finish(now, stored);
    }
}
