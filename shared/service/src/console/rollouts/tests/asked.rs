//! What is asked for, and what is answered.

use futures_util::FutureExt as _;
use rollcall_core::RolloutName;
use serde_json::json;

use super::super::rollouts;
use super::fleet::Fleet;
use crate::console::endpoints::tests::ask;

#[test]
fn what_is_wrong_with_a_rollout_is_said_before_anything_starts() {
    let fleet = Fleet::new(4);
    for (more, named) in [
        (json!({"select": "model=ax-9"}), "select: "),
        (json!({"select": "colour=red"}), "select: "),
        (json!({"waves": []}), "waves: "),
        (json!({"waves": [{"percent": 50}, {"percent": 10}]}), "waves: "),
        (json!({"waves": [{"percent": 101}]}), "waves: "),
        (json!({"waves": [{"nodes": 1, "percent": 1}]}), ""),
        (json!({"gate": {"success_percent": 0}}), "gate: success_percent"),
        (json!({"window": {"from": "22:00", "to": "22:00"}}), "window: it never opens"),
        (json!({"window": {"days": [], "from": "22:00", "to": "23:00"}}), "window: days"),
        (json!({"window": {"from": "22:00", "to": "23:00", "timezone": "Mars/Base"}}), "window: timezone"),
        (json!({"start_at": "tomorrow"}), "start_at: "),
        (json!({"max_parallel": 0}), "max_parallel: "),
        (json!({"priority": 5_000}), "priority: "),
        (
            json!({"change": {"firmware": "2.5.0"}}),
            "change.firmware: no firmware 2.5.0 is known for the model \"ax-2\"",
        ),
        (json!({"change": {"command": {"name": "a b"}}}), "name: "),
        (json!({"change": {}}), ""),
        (json!({"change": {"config": {}, "firmware": "1"}}), ""),
        (json!({"wave": []}), ""),
        (json!({"retry": [{"code": "*", "times": 0}]}), "retry: rule 1: times"),
        (json!({"retry": [{"code": "*", "times": 1, "wait_s": 90_000}]}), "retry: rule 1: wait_s"),
        (json!({"retry": [{"code": "Busy", "times": 1}]}), "retry: rule 1: a code"),
        (json!({"retry": [{"code": "*", "times": 1}, {"code": "busy", "times": 1}]}), "retry: rule 2: it never counts"),
        (
            json!({"retry": [{"code": "expired", "times": 1}]}),
            "retry: rule 1: a config is never \"expired\"; it may be rejected or rolled-back",
        ),
        (json!({"retry": [{"code": "busy"}]}), ""),
    ] {
        let (status, problem) = fleet.start("wrong", &more);
        assert_eq!(status, 400, "{more}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.starts_with(named)), "{more}: {problem}");
    }
    assert_eq!(ask(&fleet.console, "GET", "/v1/rollouts", None).1, json!({"rollouts": []}));
}

#[test]
fn the_same_rollout_may_be_sent_again_and_another_one_needs_another_name() {
    let fleet = Fleet::new(4);
    assert_eq!(fleet.start("change", &json!({})).0, 201);
    assert_eq!(fleet.start("change", &json!({})).0, 200);
    assert_eq!(fleet.start("change", &json!({"priority": 3})).0, 409);
}

#[test]
fn a_list_of_rollouts_has_pages_and_only_those_that_are_under_way_are_read_to_step_them() {
    let mut fleet = Fleet::new(2);
    for nth in 0..5 {
        assert_eq!(
            fleet.start(&format!("change-{nth}"), &json!({"select": "node=ap-0", "waves": [{"nodes": 1}]})).0,
            201
        );
        assert_eq!(fleet.end(&format!("change-{nth}"))["state"], json!("completed"));
    }
    fleet.run(120);
    let marked = fleet.console.marked().now_or_never().expect("nothing waits").expect("readable");
    assert_eq!(marked, [], "all are over");
    let page = |after: Option<&RolloutName>| {
        let page = rollouts(&fleet.console.store, after, 2).now_or_never().expect("nothing waits").expect("readable");
        page.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    let (mut names, mut last) = (vec![], page(None));
    while let Some(after) = last.last().cloned() {
        names.extend(last);
        last = page(Some(&after));
    }
    assert_eq!(
        names.iter().map(RolloutName::as_str).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4].map(|nth| format!("change-{nth}"))
    );
    assert_eq!(fleet.act("change-3", "roll-back"), 200);
    assert_eq!(fleet.end("change-3")["state"], json!("rolled-back"));
}
