//! Which nodes a rollout tells, and which of two rollouts.

use serde_json::json;

use super::change;
use super::fleet::{Device, Fleet};
use crate::console::endpoints::tests::ask;

#[test]
fn a_rival_of_the_same_priority_waits_and_says_for_whom() {
    let mut fleet = Fleet::new(40);
    fleet.start("one", &json!({}));
    fleet.run(60);
    fleet.start("two", &json!({}));
    fleet.run(600);
    let waiting = fleet.rollout("two");
    assert_eq!(waiting["state"], json!("waiting"));
    assert!(waiting["reason"].as_str().is_some_and(|why| why.contains("the rollout one")), "{waiting}");
    let one = fleet.end("one");
    let all = (&one["state"], &one["counts"]["applied"]);
    assert_eq!(all, (&json!("completed"), &json!(40)), "also those that it had not told yet: {one}");
    assert_eq!(fleet.end("two")["state"], json!("completed"));
    assert_eq!(fleet.desired(&change("two")), 40);
}

#[test]
fn a_rival_of_a_higher_priority_takes_the_nodes_over() {
    let mut fleet = Fleet::new(40);
    fleet.start("one", &json!({}));
    fleet.run(60);
    fleet.start("urgent", &json!({"priority": 9}));
    assert_eq!(fleet.end("urgent")["state"], json!("completed"));
    let counts = fleet.end("one")["counts"].clone();
    // Some had applied it before they were told the other one.
    assert!(counts["superseded"].as_u64() >= Some(20) && counts["told"] == json!(0), "{counts}");
    assert_eq!(fleet.desired(&change("urgent")), 40);
}

#[test]
fn nodes_that_were_taken_over_stay_so_when_they_are_listed_again_after_the_rival_is_over() {
    let mut fleet = Fleet::new(40);
    fleet.start("one", &json!({"include_new": true}));
    fleet.run(60);
    assert_eq!(fleet.act("one", "pause"), 200);
    fleet.start("urgent", &json!({"priority": 9}));
    assert_eq!(fleet.end("urgent")["state"], json!("completed"));
    // Nobody is left of its wave. It is paused, and somebody has it go on.
    while fleet.end("one")["state"] == json!("paused") {
        assert_eq!(fleet.act("one", "resume"), 200);
    }
    assert_eq!(fleet.rollout("one")["counts"]["superseded"], json!(40));
    assert_eq!(fleet.desired(&change("urgent")), 40);
}

#[test]
fn nodes_that_must_not_be_told_are_skipped_with_the_reason() {
    let mut fleet = Fleet::new(10);
    let pin = json!({"labels": {"pin": "yes"}});
    assert_eq!(ask(&fleet.console, "PATCH", "/v1/nodes/ap-1", Some(pin)).0, 200);
    assert_eq!(ask(&fleet.console, "POST", "/v1/nodes/ap-2/revoke", None).0, 204);
    assert_eq!(ask(&fleet.console, "PUT", "/v1/nodes/ap-3/config", Some(change("change"))).0, 200);
    fleet.start("change", &json!({}));
    let rollout = fleet.end("change");
    assert_eq!((&rollout["counts"]["skipped"], &rollout["counts"]["applied"]), (&json!(3), &json!(7)), "{rollout}");
    let (_, page) = ask(&fleet.console, "GET", "/v1/rollouts/change/nodes", None);
    let reason = |id: &str| page["nodes"].as_array()?.iter().find(|node| node["node"] == id)?["reason"].as_str();
    assert_eq!(
        ["ap-1", "ap-2", "ap-3", "ap-4"].map(reason),
        [Some("pinned"), Some("revoked"), Some("unchanged"), None]
    );
}

#[test]
fn those_that_are_to_be_first_are_told_first() {
    let mut fleet = Fleet::new(40);
    for nth in [7, 9] {
        let label = json!({"labels": {"canary": "yes"}});
        assert_eq!(ask(&fleet.console, "PATCH", &format!("/v1/nodes/ap-{nth}"), Some(label)).0, 200);
    }
    fleet.start("change", &json!({"first": "label.canary=yes", "waves": [{"nodes": 2}, {"percent": 100}]}));
    fleet.run(60);
    let told: Vec<_> =
        (0..40).filter(|nth| fleet.node(*nth).desired.is_some_and(|desired| desired.version > 1)).collect();
    assert_eq!(told, [7, 9]);
}

#[test]
fn no_more_nodes_of_a_site_are_under_way_than_may_be() {
    let mut fleet = Fleet::new(40);
    fleet.start("change", &json!({"waves": [{"percent": 100}], "max_parallel": 3}));
    let mut most = 0;
    for _ in 0..200 {
        fleet.run(60);
        for site in [0, 1] {
            let under_way = (0..40).filter(|nth| nth % 2 == site).filter(|nth| {
                let node = fleet.node(*nth);
                node.desired.as_ref().is_some_and(|desired| desired.version > 1) && node.applied == Some(1)
            });
            most = most.max(under_way.count());
        }
    }
    assert_eq!((most, &fleet.rollout("change")["state"]), (3, &json!("completed")));
}

#[test]
fn nodes_that_are_registered_later_take_part_if_they_are_to() {
    for (include_new, told) in [(true, 60), (false, 40)] {
        let mut fleet = Fleet::new(40);
        fleet.start("change", &json!({"include_new": include_new}));
        fleet.run(60);
        // Half of them have places that are passed.
        for nth in 40..60 {
            fleet.devices.push(Device::default());
            let path = format!("/v1/nodes/ap-{nth}");
            assert_eq!(ask(&fleet.console, "PUT", &path, Some(json!({"model": "ax-2"}))).0, 200);
            let path = format!("{path}/config");
            assert_eq!(ask(&fleet.console, "PUT", &path, Some(json!({"channel": 1}))).0, 200);
        }
        let rollout = fleet.end("change");
        assert_eq!(
            (&rollout["state"], &rollout["counts"]["applied"]),
            (&json!("completed"), &json!(told)),
            "{rollout}"
        );
        assert_eq!(fleet.desired(&change("change")), told);
    }
}

#[test]
fn nodes_that_the_selector_means_no_more_once_they_are_told_leave_no_other_out() {
    let mut fleet = Fleet::new(40);
    let spec = json!({"select": "site=hq", "include_new": true,
        "waves": [{"nodes": 5}, {"percent": 50}, {"percent": 100}]});
    fleet.start("change", &spec);
    for _ in 0..100 {
        fleet.run(60);
        for nth in 0..40 {
            let node = fleet.node(nth);
            if node.site.as_deref() == Some("hq") && node.desired.is_some_and(|desired| desired.version > 1) {
                let path = format!("/v1/nodes/ap-{nth}");
                assert_eq!(ask(&fleet.console, "PATCH", &path, Some(json!({"site": "done"}))).0, 200);
            }
        }
    }
    assert_eq!((&fleet.rollout("change")["state"], fleet.desired(&change("change"))), (&json!("completed"), 20));
}

#[test]
fn a_node_that_is_away_holds_up_the_others_of_its_site_only_for_a_while() {
    let mut fleet = Fleet::new(20);
    for nth in [0, 1] {
        fleet.devices[nth].away = (60, u64::MAX);
    }
    fleet.run(3_600);
    fleet.start("change", &json!({"waves": [{"percent": 100}], "max_parallel": 1}));
    let rollout = fleet.end("change");
    assert_eq!((&rollout["counts"]["applied"], &rollout["counts"]["waiting"]), (&json!(18), &json!(0)), "{rollout}");
}

#[test]
fn a_node_that_is_deleted_meanwhile_holds_up_nothing() {
    let mut fleet = Fleet::new(40);
    fleet.start("change", &json!({}));
    fleet.run(60);
    let waiting = (0..40).find(|nth| fleet.node(*nth).desired.is_some_and(|desired| desired.version == 1));
    let deleted = waiting.expect("twenty are not told yet");
    fleet.devices[deleted].away = (0, u64::MAX);
    assert_eq!(ask(&fleet.console, "DELETE", &format!("/v1/nodes/ap-{deleted}"), None).0, 204);
    let rollout = fleet.end("change");
    assert_eq!((&rollout["state"], &rollout["counts"]["applied"]), (&json!("completed"), &json!(39)), "{rollout}");
    let (_, page) = ask(&fleet.console, "GET", "/v1/rollouts/change/nodes", None);
    assert!(!page.to_string().contains(&format!("\"ap-{deleted}\"")), "nothing is kept of it: {page}");
}
