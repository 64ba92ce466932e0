//! Explores every history of up to five deliveries to one node: events of two connections, in any order, repeated and
//! lost, with a clock that runs forward and back, and with sweeps that judge by what they read earlier. All invariants
//! must hold after each delivery.
//!
//! The second test takes each condition out of each guard, and expects that some history then breaks an invariant.
//! (Events that only follow from others, such as [`EventKind::Stale`](rollcall_core::EventKind::Stale), need their
//! guards only in races, and are left out there.)

use crate::model::{Rules, World, explore, worlds};
use rollcall_core::{Event, Guard, Policy, Update, plan};

/// How many deliveries a history has at most.
const DELIVERIES: usize = 5;

#[test]
fn no_history_of_five_deliveries_breaks_an_invariant() {
    let mut states = 0;
    for world in worlds() {
        let explored = explore(&world, &plan, DELIVERIES);
        assert_eq!(explored.violation, None, "in {world:?}");
        states += explored.states;
    }
    assert!(states > 10_000, "only {states} states were reached: the model delivers too few events");
}

#[test]
fn every_condition_of_every_guard_is_missed_when_it_is_taken_out() {
    let guards =
        [("Connect", 6), ("CheckIn", 8), ("Ask", 6), ("Disconnect", 2), ("Poll", 6), ("Expire", 2), ("Lost", 4)];
    for (event, conditions) in guards {
        for condition in 0..conditions {
            let without = |e: &Event, policy: &Policy| take_out(plan(e, policy), e, event, condition);
            assert!(noticed(&without), "no history breaks an invariant without condition {condition} of {event}");
        }
    }
}

/// Whether some history breaks an invariant under these rules. Four deliveries are enough for every condition. Most
/// conditions need fewer, which are tried first.
fn noticed(rules: &Rules<'_>) -> bool {
    (2..=4).any(|deliveries| worlds().iter().any(|world: &World| explore(world, rules, deliveries).violation.is_some()))
}

fn take_out(mut update: Update, event: &Event, kind: &str, condition: usize) -> Update {
    if format!("{:?}", event.kind).starts_with(kind) {
        let Guard::All(conditions) = &mut update.guard else { panic!("a guard is a list of conditions") };
        // The conditions of the budget come last, and only worlds with a budget have them.
        if condition < conditions.len() {
            conditions.remove(condition);
        }
    }
    update
}
