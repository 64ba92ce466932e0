use std::collections::BTreeMap;

use super::*;

fn plans() -> impl Iterator<Item = Plan> {
    (0..200).map(|seed| Plan::generate(seed, 10 + usize::try_from(seed % 50).expect("small"), 1))
}

fn lasts_ms(what: &What) -> u64 {
    let json = serde_json::to_value(what).expect("JSON");
    let fields = json.as_object().and_then(|object| object.values().next()).cloned().unwrap_or_default();
    let time = |name: &str| fields.get(name).and_then(serde_json::Value::as_u64).unwrap_or_default();
    time("for_ms") + time("back_after_ms") + time("after_ms")
}

#[test]
fn a_seed_always_gives_the_same_plan() {
    assert_eq!(Plan::generate(7, 20, 2), Plan::generate(7, 20, 2));
    assert_ne!(Plan::generate(7, 20, 2).steps, Plan::generate(8, 20, 2).steps);
}

#[test]
fn a_plan_is_read_as_it_was_written() {
    for plan in plans().take(20) {
        assert_eq!(Plan::from_json(&plan.to_json()).expect("a plan"), plan);
    }
}

#[test]
fn a_plan_that_names_a_node_that_is_not_there_or_has_no_usable_settings_is_refused() {
    let mut plan = Plan::generate(1, 2, 1);
    plan.steps.insert(0, Step { at_ms: 0, what: What::Cut { node: 2 } });
    let refused = Plan::from_json(&plan.to_json()).expect_err("no such node");
    assert_eq!(refused.to_string(), "step 0 names node 2, and the plan has 2 nodes");
    let mut plan = Plan::generate(1, 2, 1);
    plan.settings.lifetime = 0;
    assert!(matches!(Plan::from_json(&plan.to_json()), Err(PlanError::Settings(_))));
}

#[test]
fn no_fault_acts_in_the_calm_at_the_end_and_the_application_only_looks_there() {
    for plan in plans() {
        assert!(plan.calm_from_ms < plan.ends_at_ms, "seed {}", plan.seed);
        assert!(plan.steps.is_sorted_by_key(|step| step.at_ms), "seed {}", plan.seed);
        for step in plan.steps.iter().filter(|step| !matches!(step.what, What::Ask(Ask::Show { .. }))) {
            let ends = if let What::Ask(_) = step.what { step.at_ms } else { step.at_ms + lasts_ms(&step.what) };
            assert!(ends <= plan.calm_from_ms, "seed {}: {step:?}", plan.seed);
        }
    }
}

#[test]
fn every_kind_of_fault_is_in_many_of_two_hundred_plans() {
    let mut seeds: BTreeMap<&str, u32> = BTreeMap::new();
    for plan in plans() {
        let mut names: Vec<_> = plan.steps.iter().map(|step| step.what.name()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            *seeds.entry(name).or_default() += 1;
        }
    }
    for name in What::NAMES {
        assert!(seeds.get(name).is_some_and(|seeds| *seeds >= 15), "{name}: {:?} seeds", seeds.get(name));
    }
}

#[test]
fn every_kind_of_request_is_in_many_of_two_hundred_plans() {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for what in plans().flat_map(|plan| plan.steps).map(|step| step.what) {
        if let What::Ask(ask) = what {
            let json = serde_json::to_value(&ask).expect("JSON");
            let name = json.as_object().and_then(|object| object.keys().next()).cloned().expect("a name");
            *counts.entry(name).or_default() += 1;
        }
    }
    assert_eq!(counts.len(), 19, "{counts:?}");
    assert!(counts.values().all(|count| *count > 200), "{counts:?}");
}

#[test]
fn most_of_a_fleet_s_life_is_quiet() {
    let mut per_day: Vec<u64> = (0..100)
        .map(|seed| {
            let plan = Plan::generate(seed, 50, 1);
            u64::try_from(plan.steps.len()).expect("small") / 50
        })
        .collect();
    per_day.sort_unstable();
    assert!(per_day[50] < 20, "half of the plans have fewer than 20 steps a node and day: {per_day:?}");
    assert!(per_day[99] < 150, "{per_day:?}");
}
