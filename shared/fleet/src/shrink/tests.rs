use proptest::prelude::*;

use super::*;
use crate::plan::{Ask, What};

/// A failure that needs certain steps: these, of the same node and in this order.
fn shows(plan: &Plan, needed: &[&str]) -> bool {
    (0..plan.nodes.len()).any(|node| {
        let mut left = needed.iter().copied().peekable();
        for step in plan.steps.iter().filter(|step| step.what.node() == Some(node)) {
            left.next_if(|name| *name == name_of(&step.what));
        }
        left.peek().is_none()
    })
}

fn name_of(what: &What) -> &'static str {
    match what {
        What::Ask(Ask::SetConfig { .. }) => "set-config",
        What::Ask(Ask::Show { .. }) => "show",
        what => what.name(),
    }
}

fn shortened(plan: &Plan, most: u32, needed: &[&str]) -> (Plan, u32) {
    let mut runs = 0;
    let mut fails = |plan: &Plan| {
        runs += 1;
        shows(plan, needed)
    };
    let short = shrink(plan, most, &mut fails, &mut |_| {});
    (short, runs)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_left_still_fails_and_every_step_and_node_of_it_is_needed(seed: u64, nodes in 1..30_usize) {
        let plan = Plan::generate(seed, nodes, 1);
        for needed in [&["cut", "show"][..], &["crash", "set-config", "show"], &["show"], &["revoke"]] {
            if !shows(&plan, needed) {
                continue;
            }
            let (short, runs) = shortened(&plan, 3_000, needed);
            prop_assert!(shows(&short, needed));
            prop_assert_eq!((short.steps.len(), short.nodes.len()), (needed.len(), 1));
            prop_assert!(runs <= 3_000);
            prop_assert_eq!(Plan::from_json(&short.to_json()).expect("a plan"), short);
        }
    }

    #[test]
    fn no_more_plans_are_run_than_are_allowed(seed: u64, most in 0..200_u32) {
        let (_, runs) = shortened(&Plan::generate(seed, 20, 1), most, &["show"]);
        prop_assert!(runs <= most);
    }
}

#[test]
fn a_plan_that_fails_whatever_happens_becomes_one_in_which_nothing_happens() {
    let plan = Plan::generate(3, 20, 3);
    let short = shrink(&plan, 1_000, &mut |_| true, &mut |_| {});
    assert_eq!((short.steps.len(), short.nodes.len()), (0, 1));
    assert!(short.ends_at_ms < plan.ends_at_ms);
}

#[test]
fn a_plan_that_does_not_fail_again_stays_as_it_is() {
    let plan = Plan::generate(3, 20, 1);
    assert_eq!(shrink(&plan, 1_000, &mut |_| false, &mut |_| {}), plan);
}

#[test]
fn nodes_are_renumbered_and_keep_their_names() {
    let plan = Plan::generate(3, 20, 1);
    let fails = |plan: &Plan| {
        let node =
            |step: &crate::Step| step.what.node().and_then(|node| plan.nodes.get(node)).map(|node| node.id.to_string());
        plan.steps.iter().any(|step| node(step).as_deref() == Some("ap-7"))
    };
    let short = shrink(&plan, 5_000, &mut |plan| fails(plan), &mut |_| {});
    assert_eq!(short.nodes.iter().map(|node| node.id.to_string()).collect::<Vec<_>>(), ["ap-7"]);
    assert_eq!(short.steps.iter().filter_map(|step| step.what.node()).collect::<Vec<_>>(), [0]);
}

#[test]
fn steps_become_shorter_and_plainer_and_settings_usual() {
    let mut plan = Plan::generate(3, 4, 1);
    plan.settings.grace = 17;
    plan.steps = vec![crate::Step { at_ms: 1_000, what: What::Crash { node: 0, torn: true, back_after_ms: 900_000 } }];
    let fails = |plan: &Plan| plan.steps.iter().any(|step| matches!(step.what, What::Crash { .. }));
    let short = shrink(&plan, 500, &mut |plan| fails(plan), &mut |_| {});
    assert_eq!(short.steps[0].what, What::Crash { node: 0, torn: false, back_after_ms: 1_000 });
    assert_eq!(short.settings.grace, 90);
}

#[test]
fn progress_is_told_with_every_run() {
    let mut told = vec![];
    shrink(&Plan::generate(3, 20, 1), 50, &mut |plan| shows(plan, &["show"]), &mut |progress| told.push(progress));
    assert!(told.len() > 10, "{told:?}");
    assert!(told.iter().map(|progress| progress.runs).eq(1..=u32::try_from(told.len()).expect("few")), "{told:?}");
    assert!(told.windows(2).all(|pair| pair[1].steps <= pair[0].steps), "{told:?}");
}
