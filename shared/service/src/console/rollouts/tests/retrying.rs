//! Nodes that fail are told again, as often as the rollout says.

use futures_util::FutureExt as _;
use rollcall_core::{Key, Place, RolloutName, Target, TargetState, move_target};
use serde_json::{Value, json};

use super::fleet::{Does, Fleet};
use crate::console::endpoints::tests::ask;

/// A rollout to all nodes at once, whose failures are tried again twice.
fn start(fleet: &Fleet, name: &str, more: &Value) {
    let mut spec = json!({"waves": [{"percent": 100}], "retry": [{"code": "busy", "times": 2, "wait_s": 600}],
        "gate": {"wait_s": 960, "patience_s": 1200, "failure_percent": 100}});
    let (Some(fields), Some(more)) = (spec.as_object_mut(), more.as_object()) else { panic!("objects") };
    fields.extend(more.clone());
    assert_eq!(fleet.start(name, &spec).0, 201);
}

fn one(fleet: &Fleet, name: &str, nth: usize) -> Value {
    let (_, page) = ask(&fleet.console, "GET", &format!("/v1/rollouts/{name}/nodes"), None);
    let found = page["nodes"].as_array().expect("a list").iter().find(|node| node["node"] == format!("ap-{nth}"));
    found.cloned().unwrap_or_default()
}

fn version(fleet: &Fleet, nth: usize) -> u64 {
    fleet.node(nth).config_version
}

#[test]
fn a_node_that_fails_twice_and_then_applies_the_change_has_applied_it() {
    let mut fleet = Fleet::new(10);
    fleet.devices[3].does = Does::RejectsUntil(4);
    start(&fleet, "change", &json!({"gate": {"wait_s": 960, "failure_percent": 1}}));
    let done = fleet.end("change");
    let (state, counts) = (&done["state"], &done["counts"]);
    assert_eq!(
        (state, &counts["applied"], &counts["retrying"]),
        (&json!("completed"), &json!(10), &json!(0)),
        "{done}"
    );
    assert_eq!(done["retries"], json!(2));
    let node = one(&fleet, "change", 3);
    assert_eq!((&node["state"], &node["attempts"], &node["version"]), (&json!("applied"), &json!(3), &json!(4)));
    assert_eq!((&node["code"], &node["retry_at_ms"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_node_that_goes_on_failing_has_failed_after_its_last_attempt_and_each_wait_is_twice_the_one_before() {
    let mut fleet = Fleet::new(10);
    fleet.devices[3].does = Does::Rejects;
    start(&fleet, "change", &json!({"gate": {"wait_s": 960, "failure_percent": 1}}));
    let mut told = vec![];
    let mut shown = vec![];
    for minute in 0..180_u64 {
        if version(&fleet, 3) > told.len() as u64 + 1 {
            told.push(minute);
        }
        fleet.run(60);
        let node = one(&fleet, "change", 3);
        shown.push(node["state"].as_str().expect("a state").to_owned());
        if node["state"] == "retrying" {
            assert_eq!((&node["code"], &node["reason"]), (&json!("busy"), &json!("Busy: try later")));
        }
    }
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[1] - told[0] >= 10 && told[2] - told[1] >= 20, "{told:?}");
    shown.dedup();
    assert_eq!(shown[shown.len() - 5..], ["retrying", "told", "retrying", "told", "failed"]);
    let rollout = fleet.rollout("change");
    assert_eq!((&rollout["state"], &rollout["counts"]["failed"]), (&json!("failed"), &json!(1)), "{rollout}");
    assert!(
        rollout["reason"].as_str().is_some_and(|why| why.ends_with("; failed: ap-3 (busy, told 3 times)")),
        "{rollout}"
    );
    let node = one(&fleet, "change", 3);
    assert_eq!((&node["attempts"], &node["code"]), (&json!(3), &json!("busy")));
}

#[test]
fn a_failure_that_no_rule_means_counts_at_once() {
    let mut fleet = Fleet::new(10);
    fleet.devices[3].does = Does::Rejects;
    let retry = json!([{"code": "wrong-hash", "times": 5}]);
    start(&fleet, "change", &json!({"retry": retry, "gate": {"wait_s": 960, "failure_percent": 1}}));
    assert_eq!(fleet.end("change")["state"], json!("failed"));
    assert_eq!(version(&fleet, 3), 2);
}

#[test]
fn nobody_is_told_again_while_a_rollout_is_paused_or_after_it_was_ended() {
    let mut fleet = Fleet::new(10);
    fleet.devices[3].does = Does::Rejects;
    start(&fleet, "change", &json!({}));
    while one(&fleet, "change", 3)["state"] != "retrying" {
        fleet.run(60);
    }
    assert_eq!(fleet.act("change", "pause"), 200);
    fleet.run(7_200);
    assert_eq!((version(&fleet, 3), &one(&fleet, "change", 3)["state"]), (2, &json!("retrying")));
    assert_eq!(fleet.act("change", "resume"), 200);
    fleet.run(60);
    assert_eq!(version(&fleet, 3), 3, "its time has come meanwhile");
    while one(&fleet, "change", 3)["state"] != "retrying" {
        fleet.run(60);
    }
    assert_eq!(fleet.act("change", "abort"), 200);
    fleet.run(7_200);
    assert_eq!(version(&fleet, 3), 3);
    let (node, counts) = (one(&fleet, "change", 3), fleet.rollout("change")["counts"].clone());
    assert_eq!((&node["state"], &node["attempts"], &node["retry_at_ms"]), (&json!("failed"), &json!(2), &Value::Null));
    assert_eq!((&counts["failed"], &counts["retrying"]), (&json!(1), &json!(0)));
}

#[test]
fn nobody_is_told_again_while_the_window_is_closed() {
    let mut fleet = Fleet::new(10);
    fleet.devices[3].does = Does::Rejects;
    // These fleets begin at 8:00.
    start(&fleet, "change", &json!({"window": {"from": "08:00", "to": "08:20"}}));
    fleet.run(7_200);
    assert_eq!((version(&fleet, 3), &one(&fleet, "change", 3)["state"]), (2, &json!("retrying")));
}

#[test]
fn a_node_that_somebody_has_set_otherwise_is_not_told_again() {
    let mut fleet = Fleet::new(10);
    fleet.devices[3].does = Does::Rejects;
    start(&fleet, "change", &json!({}));
    while one(&fleet, "change", 3)["state"] != "retrying" {
        fleet.run(60);
    }
    let own = json!({"channel": 11});
    assert_eq!(ask(&fleet.console, "PUT", "/v1/nodes/ap-3/config", Some(own.clone())).0, 200);
    fleet.end("change");
    assert_eq!((version(&fleet, 3), &one(&fleet, "change", 3)["state"]), (3, &json!("superseded")));
    assert_eq!(fleet.desired(&own), 1);
}

#[test]
fn a_node_that_falls_silent_is_lost_and_not_told_again() {
    let mut fleet = Fleet::new(10);
    fleet.devices[3].does = Does::Rejects;
    start(&fleet, "change", &json!({"retry": [{"code": "*", "times": 2, "wait_s": 7_200}]}));
    while one(&fleet, "change", 3)["state"] != "retrying" {
        fleet.run(60);
    }
    fleet.devices[3].away = (0, u64::MAX);
    fleet.run(10_000);
    assert_eq!((version(&fleet, 3), &one(&fleet, "change", 3)["state"]), (2, &json!("lost")));
}

#[test]
fn a_rival_of_a_higher_priority_has_the_node_before_it_is_told_again() {
    let mut fleet = Fleet::new(10);
    fleet.devices[3].does = Does::Rejects;
    start(&fleet, "change", &json!({}));
    while one(&fleet, "change", 3)["state"] != "retrying" {
        fleet.run(60);
    }
    fleet.start("urgent", &json!({"priority": 9, "select": "node=ap-3", "waves": [{"percent": 100}]}));
    fleet.end("change");
    assert_eq!(one(&fleet, "change", 3)["state"], json!("superseded"));
    assert_eq!(version(&fleet, 3), 3, "the urgent one has told it once, and nobody else");
}

#[test]
fn a_node_that_was_told_again_gets_back_what_it_had_before_the_rollout() {
    let mut fleet = Fleet::new(10);
    fleet.devices[3].does = Does::RejectsUntil(4);
    start(&fleet, "change", &json!({}));
    assert_eq!(fleet.end("change")["state"], json!("completed"));
    assert_eq!(fleet.act("change", "roll-back"), 200);
    assert_eq!(fleet.end("change")["counts"]["rolled_back"], json!(10));
    assert_eq!((fleet.desired(&json!({"channel": 1})), version(&fleet, 3)), (10, 5));
}

#[test]
fn a_step_that_was_interrupted_while_it_told_a_node_again_is_gone_on_with_and_the_node_is_told_once() {
    for has_told in [false, true] {
        let mut fleet = Fleet::new(10);
        fleet.devices[3].does = Does::RejectsUntil(3);
        start(&fleet, "change", &json!({}));
        while one(&fleet, "change", 3)["state"] != "retrying" {
            fleet.run(60);
        }
        let name: RolloutName = "change".parse().expect("a name");
        let id = "ap-3".parse().expect("an id");
        let key = Place::all(&name, &id).map(|place| (Key::Target(name.clone(), place.clone()), place));
        let (item, place) =
            key.into_iter().find_map(|(key, place)| Some((fleet.console.store.get(&key)?, place))).expect("a target");
        let read = Target::read(&item).expect("well-formed");
        let _ = fleet.console.store.apply(&move_target(&name, &place, &read, &read.told_again()));
        if has_told {
            let again = rollcall_core::desire_config_again(&id, &fleet.node(3).desired.expect("desired").sha256, 2);
            let _ = fleet.console.store.apply(&again);
        }
        fleet.run(60);
        assert_eq!(version(&fleet, 3), 3);
        let done = fleet.end("change");
        assert_eq!((&done["state"], &one(&fleet, "change", 3)["attempts"]), (&json!("completed"), &json!(2)), "{done}");
        assert_eq!(version(&fleet, 3), 3);
    }
}

#[test]
fn no_more_nodes_of_a_site_are_told_again_at_a_time_than_may_be_under_way() {
    let mut fleet = Fleet::new(12);
    fleet.devices.iter_mut().for_each(|device| device.does = Does::RejectsUntil(3));
    start(&fleet, "change", &json!({"max_parallel": 2, "retry": [{"code": "*", "times": 1, "wait_s": 1_800}]}));
    let mut most = 0;
    for _ in 0..180 {
        fleet.run(60);
        for site in [0, 1] {
            let under_way = (0..12).filter(|nth| nth % 2 == site && one(&fleet, "change", *nth)["state"] == "told");
            most = most.max(under_way.count());
        }
    }
    assert_eq!((most, &fleet.rollout("change")["state"]), (2, &json!("completed")));
    assert_eq!(fleet.rollout("change")["retries"], json!(12));
}

/// A fleet of which one node fails to install what it is told, and a rollout of firmware that tries that again.
fn failing_to_install(more: &Value) -> Fleet {
    let mut fleet = Fleet::new(4);
    fleet.devices.iter_mut().for_each(|device| device.firmware = Some("2.4.0"));
    fleet.devices[1].fails_to_install = true;
    fleet.run(600);
    let image = json!({"object_key": "i", "size": 7, "sha256": "a".repeat(64), "signature": "s"});
    assert_eq!(ask(&fleet.console, "PUT", "/v1/firmware/ax-2/2.5.0", Some(image)).0, 201);
    let mut spec = json!({"change": {"firmware": "2.5.0"}});
    let (Some(fields), Some(more)) = (spec.as_object_mut(), more.as_object()) else { panic!("objects") };
    fields.extend(more.clone());
    start(&fleet, "update", &spec);
    fleet
}

#[test]
fn firmware_that_failed_on_a_node_that_is_away_is_told_anew_once_the_node_is_back() {
    let retry = json!([{"code": "wrong-hash", "times": 1, "wait_s": 1_200}]);
    let mut fleet = failing_to_install(&json!({"retry": retry, "gate": {"wait_s": 7_200, "failure_percent": 100}}));
    while one(&fleet, "update", 1)["state"] != "retrying" {
        fleet.run(60);
    }
    fleet.devices[1].away = (0, fleet.seconds() + 3_000);
    fleet.run(2_700);
    let away = one(&fleet, "update", 1);
    assert_eq!((&away["state"], &away["attempts"]), (&json!("retrying"), &json!(1)), "its time has come long ago");
    assert!(fleet.node(1).update.is_some(), "what it has reported is not forgotten");
    fleet.run(900);
    assert_eq!(one(&fleet, "update", 1)["attempts"], json!(2));
}

#[test]
fn firmware_that_failed_is_told_anew_and_counted() {
    let retry = json!([{"code": "wrong-hash", "times": 2, "wait_s": 60}]);
    let mut fleet = failing_to_install(&json!({"retry": retry}));
    let (mut failures, mut had) = (0, false);
    for _ in 0..120 {
        fleet.run(60);
        let has = fleet.node(1).update.is_some();
        failures += usize::from(has && !had);
        had = has;
    }
    let node = one(&fleet, "update", 1);
    assert_eq!((failures, &node["attempts"], &node["code"]), (3, &json!(3), &json!("wrong-hash")), "{node}");
}

#[test]
fn a_command_that_failed_is_queued_again_under_another_number() {
    let mut fleet = Fleet::new(4);
    let more = json!({"change": {"command": {"name": "scan", "expires_in_s": 60}},
        "retry": [{"code": "expired", "times": 2, "wait_s": 60}]});
    start(&fleet, "scan", &more);
    fleet.run(7_200);
    let node = one(&fleet, "scan", 1);
    let shown = (&node["state"], &node["attempts"], &node["version"], &node["code"]);
    assert_eq!(shown, (&json!("failed"), &json!(3), &json!(3), &json!("expired")), "{node}");
    assert_eq!(fleet.node(1).commands_queued, 3);
}

#[test]
fn a_target_of_the_release_before_was_told_once() {
    let mut fleet = Fleet::new(4);
    start(&fleet, "change", &json!({}));
    fleet.run(60);
    let name: RolloutName = "change".parse().expect("a name");
    let targets = fleet.console.targets(&name, None, 10).now_or_never().expect("nothing waits").expect("readable");
    let (place, read) = &targets[0];
    let old = Target { attempts: 0, ..read.clone() };
    let _ = fleet.console.store.apply(&move_target(&name, place, read, &old));
    assert_eq!(old.told_again().attempts, 2);
    assert_eq!(old.now(TargetState::Failed, None).told_again().attempts, 2);
    let (_, page) = ask(&fleet.console, "GET", "/v1/rollouts/change/nodes", None);
    assert!(page["nodes"].as_array().expect("a list").iter().all(|node| node["attempts"] == json!(1)), "{page}");
}
