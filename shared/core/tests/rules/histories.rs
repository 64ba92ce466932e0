//! Explores every history of up to five deliveries to one node: events of two connections, in any order, repeated and
//! lost, with a clock that runs forward and back, and with sweeps that judge by what they read earlier. All invariants
//! must hold after each delivery.
//!
//! The second test takes each clause out of the writes of each event, and expects that some history then breaks an
//! invariant. A clause is missed if something is stored that must not be, or if a refusal gives a reason that is not
//! true.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::model::{Rules, World, explore, worlds};
use rollcall_core::{Because, Event, EventKind, Policy, plan};

/// How many deliveries a history has at most.
const DELIVERIES: usize = 5;
/// How many worlds are explored at the same time.
const THREADS: usize = 2;

#[test]
fn no_history_of_five_deliveries_breaks_an_invariant() {
    let (worlds, next, states) = (worlds(), AtomicUsize::new(0), AtomicUsize::new(0));
    let explore_next = || {
        while let Some(world) = worlds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let explored = explore(world, &plan, DELIVERIES);
            assert_eq!(explored.violation, None, "in {world:?}");
            states.fetch_add(explored.states, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(explore_next))));
    let states = states.into_inner();
    assert!(states > 10_000, "only {states} states were reached: the model delivers too few events");
}

#[test]
fn every_clause_of_every_event_is_missed_when_it_is_taken_out() {
    let clauses = clauses();
    let kinds: BTreeSet<_> = clauses.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, BTreeSet::from(["Ask", "CheckIn", "Connect", "Disconnect", "Expire", "Lost", "Poll"]));
    for (kind, label) in clauses {
        let without = |event: &Event, policy: &Policy| {
            let update = plan(event, policy);
            if name(&event.kind) == Some(kind) { update.without(label) } else { update }
        };
        assert!(noticed(&without), "no history breaks an invariant without the clause {label} of {kind}");
    }
}

/// The kinds of events, and the labels of their clauses.
fn clauses() -> BTreeSet<(&'static str, Because)> {
    let clauses = RefCell::new(BTreeSet::new());
    for world in worlds() {
        let noting = |event: &Event, policy: &Policy| {
            let update = plan(event, policy);
            let labels = update.clauses.iter().map(|clause| clause.because);
            clauses.borrow_mut().extend(labels.filter_map(|label| Some((name(&event.kind)?, label))));
            update
        };
        explore(&world, &noting, 2);
    }
    clauses.into_inner()
}

/// The name of an event that is delivered. Those that only follow from others need their clauses only in races.
fn name(kind: &EventKind) -> Option<&'static str> {
    match kind {
        EventKind::Connect { .. } => Some("Connect"),
        EventKind::CheckIn { .. } => Some("CheckIn"),
        EventKind::Ask { .. } => Some("Ask"),
        EventKind::Disconnect { .. } => Some("Disconnect"),
        EventKind::Poll { .. } => Some("Poll"),
        EventKind::Expire { .. } => Some("Expire"),
        EventKind::Lost { .. } => Some("Lost"),
        EventKind::Stale { .. } | EventKind::Excess { .. } | EventKind::TakenOver { .. } => None,
    }
}

/// Whether some history breaks an invariant under these rules. Four deliveries are enough for every clause. Most
/// clauses need fewer, which are tried first.
fn noticed(rules: &Rules<'_>) -> bool {
    (2..=4).any(|deliveries| worlds().iter().any(|world: &World| explore(world, rules, deliveries).violation.is_some()))
}
