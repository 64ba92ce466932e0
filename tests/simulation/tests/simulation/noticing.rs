//! The oracle notices what must not happen.

use rollcall_core::Because;
use rollcall_fleet::{Plan, ViolationKind as Kind};
use rollcall_simulation::{Meddling, run, run_meddled_with};

/// The kinds of violations of a run that is meddled with, and that is well without that.
fn noticed(meddling: Meddling) -> Vec<Kind> {
    let plan = Plan::generate(5, 4, 1);
    let untouched = run(&plan).expect("a world").violations;
    assert_eq!(untouched, [], "without the meddling, nothing is wrong");
    let violations = run_meddled_with(&plan, meddling).expect("a world").violations;
    violations.iter().map(|violation| violation.kind).collect()
}

#[test]
fn a_write_that_is_acknowledged_and_not_stored_is_noticed() {
    let kinds = noticed(Meddling::LosesWrites);
    assert!(kinds.contains(&Kind::AckedNotStored), "{kinds:?}");
}

#[test]
fn a_table_that_is_changed_behind_everybody_s_back_is_noticed() {
    for meddling in [Meddling::DeletesItems, Meddling::SetsSeenBack, Meddling::RaisesConfigs] {
        assert!(!noticed(meddling).is_empty(), "{meddling:?} went unnoticed");
    }
}

#[test]
fn a_clause_that_is_left_out_of_every_guard_is_noticed() {
    for (label, seed) in [
        (Because::Revoked, 6),
        (Because::CredentialsOutdated, 10),
        (Because::Superseded, 1),
        (Because::Blocked, 1),
        (Because::MinuteOver, 1),
        (Because::BudgetUsedUp, 1),
        (Because::StaleSeq, 1),
        (Because::SeenLater, 1),
        (Because::OtherVersion, 16),
        (Because::KeyTaken, 12),
        (Because::Sent, 14),
        (Because::Ended, 29),
    ] {
        // Another kind of request changes all plans: then another life notices it.
        let is_noticed = |seed: u64| {
            let plan = Plan::generate(seed, 6, 1);
            assert_eq!(run(&plan).expect("a world").violations, [], "seed {seed}");
            !run_meddled_with(&plan, Meddling::Ignores(label)).expect("a world").violations.is_empty()
        };
        let noticed = std::iter::once(seed).chain(1..=60).find(|seed| is_noticed(*seed));
        assert!(noticed.is_some(), "nothing is wrong without {label} in sixty lives");
    }
}

#[test]
fn a_store_that_ignores_guards_is_noticed() {
    assert!(!noticed(Meddling::IgnoresGuards).is_empty());
}
