//! Virtual time: what happens when. Nothing here waits; time is the time of the next event.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// Microseconds since the start of the run, in true time.
pub(crate) type Micros = u64;

/// One millisecond.
pub(crate) const MS: Micros = 1_000;
/// One second.
pub(crate) const S: Micros = 1_000 * MS;

/// The events that are still to happen, and the time by which the run has come.
#[derive(Debug)]
pub(crate) struct Kernel<E> {
    now: Micros,
    sequence: u64,
    /// What happens at this very moment, in the order in which it was caused.
    soon: VecDeque<E>,
    later: BinaryHeap<Later<E>>,
}

/// An event that waits for its time. Of two with the same time, the one that was caused first comes first.
#[derive(Debug)]
struct Later<E> {
    at: Micros,
    sequence: u64,
    event: E,
}

impl<E> PartialEq for Later<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Later<E> {}

impl<E> PartialOrd for Later<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Later<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives the greatest first.
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

impl<E> Kernel<E> {
    /// A kernel at time zero.
    pub(crate) fn new() -> Self {
        Self { now: 0, sequence: 0, soon: VecDeque::new(), later: BinaryHeap::new() }
    }

    /// The time.
    pub(crate) fn now(&self) -> Micros {
        self.now
    }

    /// How many events were put off to a later time so far.
    pub(crate) fn scheduled(&self) -> u64 {
        self.sequence
    }

    /// Has this happen now, after everything that was caused before.
    pub(crate) fn soon(&mut self, event: E) {
        self.soon.push_back(event);
    }

    /// Has this happen after a while.
    pub(crate) fn after(&mut self, delay: Micros, event: E) {
        self.at(self.now.saturating_add(delay), event);
    }

    /// Has this happen at this time; now, if the time has passed.
    pub(crate) fn at(&mut self, at: Micros, event: E) {
        self.sequence += 1;
        self.later.push(Later { at: at.max(self.now), sequence: self.sequence, event });
    }

    /// The next event that happens by `end`; time goes on to it.
    pub(crate) fn next(&mut self, end: Micros) -> Option<E> {
        if let Some(event) = self.soon.pop_front() {
            return Some(event);
        }
        if self.later.peek()?.at > end {
            return None;
        }
        let Later { at, event, .. } = self.later.pop()?;
        self.now = at;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_happen_in_the_order_of_their_times_and_then_of_their_causes() {
        let mut kernel = Kernel::new();
        for (at, name) in [(20, "late"), (10, "first"), (10, "second")] {
            kernel.at(at, name);
        }
        let mut seen = vec![];
        while let Some(name) = kernel.next(15) {
            if name == "first" {
                kernel.soon("caused by the first");
            }
            seen.push((kernel.now(), name));
        }
        assert_eq!(seen, [(10, "first"), (10, "caused by the first"), (10, "second")]);
        assert_eq!(kernel.next(20), Some("late"));
    }
}
