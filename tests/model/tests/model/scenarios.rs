//! The real rules, in every scenario.

use rollcall_model::{Bounds, Rules, Scenario, check, scenarios};

/// How many states of a scenario differ at least. With fewer, too little would happen in it.
const STATES: usize = 10_000;

fn keeps_its_properties(name: &str) {
    let Scenario { bounds, .. } = scenario(name);
    let checked = check(bounds, Rules::default(), 1).expect("a model");
    println!("{name}: {} states, {} unique, {} steps", checked.states, checked.unique, checked.depth);
    for history in &checked.counterexamples {
        println!("{history}");
    }
    assert!(checked.counterexamples.is_empty(), "the rules do not keep their properties");
    assert_eq!(checked.missed, Vec::<&str>::new(), "outcomes that no history reaches");
    assert!(checked.unique > STATES, "only {} states", checked.unique);
}

fn scenario(name: &str) -> Scenario {
    scenarios().into_iter().find(|scenario| scenario.name == name).expect("a scenario")
}

#[test]
fn two_connections_take_the_node_from_each_other() {
    keeps_its_properties("connections");
}

#[test]
fn the_presence_is_right_whatever_the_sweeps_have_read() {
    keeps_its_properties("presence");
}

#[test]
fn a_new_connection_is_not_taken_for_the_one_that_a_sweep_has_read() {
    keeps_its_properties("returning");
}

#[test]
fn every_configuration_is_told_or_still_desired() {
    keeps_its_properties("configurations");
}

#[test]
fn a_revoked_node_stores_nothing_and_learns_nothing() {
    keeps_its_properties("revocation");
}

#[test]
fn a_lost_answer_costs_no_check_in_and_no_configuration() {
    keeps_its_properties("unsure");
}

#[test]
fn a_write_that_is_under_way_for_thirty_seconds_does_no_harm() {
    keeps_its_properties("slow");
}

#[test]
fn all_of_it_happens_at_once() {
    keeps_its_properties("everything");
}

#[test]
fn every_scenario_has_a_test() {
    let names = scenarios().map(|scenario| scenario.name);
    let source = include_str!("scenarios.rs");
    assert!(names.iter().all(|name| source.contains(&format!("keeps_its_properties(\"{name}\")"))), "{names:?}");
}

#[test]
fn every_outcome_is_reached_in_some_scenario() {
    let reached: Vec<_> = scenarios().iter().flat_map(|scenario| scenario.bounds.reaches).copied().collect();
    let never: Vec<_> = rollcall_model::Outcome::ALL.iter().filter(|outcome| !reached.contains(outcome)).collect();
    assert!(never.is_empty(), "{never:?}");
}

#[test]
fn a_search_that_reaches_too_little_is_noticed() {
    let Bounds { reaches, .. } = scenario("connections").bounds;
    let nothing = Bounds { check_ins: [None, None], reaches, ..scenario("connections").bounds };
    let checked = check(nothing, Rules::default(), 1).expect("a model");
    assert_eq!((checked.missed.len(), checked.is_well()), (reaches.len(), false));
}
