//! The oracle notices what must not happen.

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
fn a_store_that_ignores_guards_is_noticed() {
    assert!(!noticed(Meddling::IgnoresGuards).is_empty());
}
