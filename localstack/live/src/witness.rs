//! Takes note of what happens, with the time, and has the oracle judge it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rollcall_core::Timestamp;
use rollcall_fleet::{Observation, Oracle, Plan, Seen, Violation, ViolationKind};

use crate::figures::Counts;

/// Sees everything. Clones see together.
#[derive(Clone, Debug)]
pub(crate) struct Witness(Arc<Mutex<Judge>>);

#[derive(Debug)]
struct Judge {
    oracle: Oracle,
    start: Timestamp,
    last: Timestamp,
    counts: Counts,
    /// Violations that the oracle has no eyes for.
    more: Vec<Violation>,
}

/// The time by the clock of this host.
pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the edge: the fleet lives in real time")]
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

impl Witness {
    pub(crate) fn new(plan: &Plan) -> Self {
        let start = now();
        let oracle = Oracle::new(plan, start);
        Self(Arc::new(Mutex::new(Judge { oracle, start, last: start, counts: Counts::default(), more: vec![] })))
    }

    /// Something has happened just now.
    pub(crate) fn see(&self, what: Seen) {
        let mut judge = self.judge();
        // A clock that steps back does not turn what was seen around.
        judge.last = judge.last.max(now());
        judge.counts.count(&what);
        let observation = Observation { at: judge.last, what };
        judge.oracle.observe(&observation);
    }

    /// An ack came, so long after its check-in.
    pub(crate) fn acked(&self, after: Duration) {
        self.judge().counts.acked(after);
    }

    /// All sockets are cut.
    pub(crate) fn cut_all(&self) {
        self.judge().counts.cut_all();
    }

    /// Something is wrong that the oracle can't see.
    pub(crate) fn accuse(&self, kind: ViolationKind, node: Option<usize>, what: String) {
        let mut judge = self.judge();
        let at = now();
        let violation = Violation { kind, at, after_ms: at.0.saturating_sub(judge.start.0), node, what };
        if !judge.more.iter().any(|known| known.node == node && known.kind == kind) {
            judge.more.push(violation);
        }
    }

    /// Reads what was seen.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Oracle, &Counts) -> T) -> T {
        let judge = self.judge();
        read(&judge.oracle, &judge.counts)
    }

    /// How many violations there are.
    pub(crate) fn violations(&self) -> usize {
        let judge = self.judge();
        judge.oracle.violations().len() + judge.more.len()
    }

    /// Judges what must be true at the end, and gives all violations.
    pub(crate) fn finish(&self) -> Vec<Violation> {
        let mut judge = self.judge();
        let at = judge.last.max(now());
        judge.oracle.finish(at, &|_| None);
        judge.oracle.violations().iter().chain(&judge.more).cloned().collect()
    }

    /// How many nodes are missing, if it ended now.
    pub(crate) fn missing(&self) -> usize {
        let judge = self.judge();
        let mut oracle = judge.oracle.clone();
        oracle.finish(judge.last.max(now()), &|_| None);
        oracle.violations().iter().filter(|violation| violation.kind == ViolationKind::Stuck).count()
    }

    /// A poisoned lock is taken as it is: the run then ends with what it has.
    fn judge(&self) -> MutexGuard<'_, Judge> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
