//! What the oracle holds against a run.

use rollcall_core::Timestamp;

use crate::violation::{Violation, ViolationKind};

/// How many violations are kept. One mistake often shows many times.
const KEPT: usize = 200;

/// The violations of a run, and what the judges call a node.
#[derive(Clone, Debug)]
pub(super) struct Verdicts {
    violations: Vec<Violation>,
    names: Vec<String>,
    start: Timestamp,
}

impl Verdicts {
    pub(super) fn new(names: Vec<String>, start: Timestamp) -> Self {
        Self { violations: vec![], names, start }
    }

    pub(super) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Notes a violation. `what` goes on after the name of the node.
    pub(super) fn node(&mut self, kind: ViolationKind, at: Timestamp, node: usize, what: impl AsRef<str>) {
        let name = self.names.get(node).map_or("?", String::as_str);
        let what = format!("{name} {}", what.as_ref());
        self.note(kind, at, Some(node), what);
    }

    /// Notes a violation that is not about a node.
    pub(super) fn other(&mut self, kind: ViolationKind, at: Timestamp, what: impl Into<String>) {
        self.note(kind, at, None, what.into());
    }

    /// An instant, as the text of a violation has it: in seconds after the start.
    pub(super) fn when(&self, at: Timestamp) -> String {
        let ms = i128::from(at.0) - i128::from(self.start.0);
        format!("{}.{:03} s", ms / 1000, (ms % 1000).abs())
    }

    fn note(&mut self, kind: ViolationKind, at: Timestamp, node: Option<usize>, what: String) {
        if self.violations.len() < KEPT {
            let after_ms = at.0.saturating_sub(self.start.0);
            self.violations.push(Violation { kind, at, after_ms, node, what });
        }
    }
}
