//! Everything else than the rules: the checker finds a history that breaks a property.

use rollcall_model::{Rules, Variant, counterexample, limits, missing_conditions, properties, wrong_designs};

fn each_is_caught(variants: Vec<Variant>) {
    for Variant { name, bounds, rules, breaks } in variants {
        let history =
            counterexample(bounds, rules).expect("a model").unwrap_or_else(|| panic!("nothing breaks: {name}"));
        println!("{name} breaks: {history}");
        assert_eq!(history.breaks, breaks, "{name}");
    }
}

#[test]
fn every_design_that_a_decision_rejects_breaks_a_property() {
    each_is_caught(wrong_designs());
}

#[test]
fn a_model_without_one_of_its_conditions_is_caught() {
    each_is_caught(missing_conditions());
}

#[test]
fn the_same_histories_break_nothing_with_the_real_rules() {
    for Variant { name, bounds, .. } in wrong_designs().into_iter().chain(missing_conditions()) {
        let history = counterexample(bounds, Rules::default).expect("a model");
        assert!(history.is_none(), "the bounds of {name:?} break the real rules: {history:?}");
    }
}

#[test]
fn every_property_is_broken_by_something() {
    let mut unbroken = properties();
    for Variant { bounds, rules, .. } in wrong_designs().into_iter().chain(missing_conditions()) {
        let history = counterexample(bounds, rules).expect("a model").expect("a history");
        unbroken.retain(|property| *property != history.breaks && !history.also.contains(property));
    }
    assert_eq!(unbroken, Vec::<&str>::new());
}

#[test]
fn beyond_a_limit_that_the_rules_take_for_granted_a_property_breaks() {
    each_is_caught(limits());
}
