use futures_util::FutureExt as _;
use rollcall_core::RolloutName;
use serde_json::{Value, json};

use super::super::step::Step;
use super::super::{rollouts, stepping};
use super::fleet::{Does, Fleet};
use crate::console::endpoints::tests::ask;
use crate::http::Request;

fn change(name: &str) -> Value {
    json!({"channel": 36, "rollout": name})
}

#[test]
fn a_good_change_reaches_every_node_in_waves() {
    let mut fleet = Fleet::new(100);
    assert_eq!(fleet.start("good", &json!({})).0, 201);
    fleet.run(120);
    assert_eq!(fleet.desired(&change("good")), 20, "the first wave, and no node more");
    assert_eq!(fleet.rollout("good")["wave"], json!(1));
    let rollout = fleet.end("good");
    assert_eq!((&rollout["state"], &rollout["counts"]["applied"]), (&json!("completed"), &json!(100)), "{rollout}");
    assert_eq!((&rollout["waves"], &rollout["wave"]), (&json!([20, 50, 100]), &json!(3)));
    assert_eq!(fleet.desired(&change("good")), 100);
}

#[test]
fn a_change_that_a_third_refuses_stops_in_the_first_wave() {
    let mut fleet = Fleet::new(100);
    for nth in (0..100).step_by(3) {
        fleet.devices[nth].does = Does::Rejects;
    }
    fleet.start("bad", &json!({}));
    let rollout = fleet.end("bad");
    assert_eq!((&rollout["state"], &rollout["wave"]), (&json!("failed"), &json!(1)), "{rollout}");
    fleet.run(3_600);
    assert_eq!(fleet.desired(&change("bad")), 20, "nobody is told any more");
}

#[test]
fn a_change_that_cuts_nodes_off_is_stopped_by_the_check_ins_that_are_missing() {
    let mut fleet = Fleet::new(100);
    for nth in (0..100).step_by(3) {
        fleet.devices[nth].does = Does::FallsSilent;
    }
    fleet.start("silent", &json!({}));
    let rollout = fleet.end("silent");
    assert_eq!((&rollout["state"], &rollout["wave"]), (&json!("failed"), &json!(1)), "{rollout}");
    assert!(rollout["reason"].as_str().is_some_and(|why| why.contains("not heard of any more")), "{rollout}");
    assert_eq!(fleet.desired(&change("silent")), 20);
}

#[test]
fn a_change_on_which_no_node_reports_is_no_success() {
    let mut fleet = Fleet::new(40);
    fleet.devices.iter_mut().for_each(|device| device.does = Does::SaysNothing);
    fleet.start("mute", &json!({}));
    let rollout = fleet.end("mute");
    assert_eq!((&rollout["state"], &rollout["wave"]), (&json!("paused"), &json!(1)), "{rollout}");
}

#[test]
fn a_power_cut_at_a_site_stops_no_good_change() {
    let mut fleet = Fleet::new(100);
    for nth in (0..100).step_by(2) {
        fleet.devices[nth].away = (1_000, 9_000);
    }
    fleet.start("good", &json!({}));
    let rollout = fleet.end("good");
    assert!(["completed", "paused"].contains(&rollout["state"].as_str().expect("a state")), "{rollout}");
}

#[test]
fn a_power_cut_at_a_part_of_a_site_is_told_by_its_other_nodes_that_fall_silent_as_well() {
    let mut fleet = Fleet::new(120);
    for nth in (0..120).step_by(4) {
        fleet.devices[nth].away = (700, 30_000);
    }
    fleet.start("good", &json!({}));
    let rollout = fleet.end("good");
    assert!(["completed", "paused"].contains(&rollout["state"].as_str().expect("a state")), "{rollout}");
    assert!(rollout["counts"]["lost"].as_u64() >= Some(2), "some of those that were told fell silent: {rollout}");
}

#[test]
fn nobody_is_told_while_the_window_is_closed() {
    let mut fleet = Fleet::new(20);
    // These fleets begin at 8:00.
    fleet.start("night", &json!({"window": {"from": "10:00", "to": "12:00"}}));
    fleet.run(3_600);
    assert_eq!(fleet.desired(&change("night")), 0);
    let reason = fleet.rollout("night")["reason"].as_str().map(str::to_owned);
    assert!(reason.is_some_and(|why| why.starts_with("its window is closed")));
    fleet.run(3_600);
    assert_eq!(fleet.desired(&change("night")), 20);
    assert_eq!(fleet.end("night")["state"], json!("completed"));
}

#[test]
fn rolling_back_gives_back_what_was_desired_and_no_version_goes_back() {
    let mut fleet = Fleet::new(60);
    for nth in (0..60).step_by(2) {
        fleet.devices[nth].does = Does::Rejects;
    }
    fleet.start("bad", &json!({"gate": {"wait_s": 960, "on_failure": "roll-back"}}));
    let rollout = fleet.end("bad");
    assert_eq!(
        (&rollout["state"], &rollout["counts"]["rolled_back"]),
        (&json!("rolled-back"), &json!(20)),
        "{rollout}"
    );
    assert_eq!(fleet.desired(&json!({"channel": 1})), 60);
    let versions: Vec<_> = (0..60).filter_map(|nth| fleet.node(nth).desired.map(|desired| desired.version)).collect();
    assert_eq!(versions.iter().filter(|version| **version == 3).count(), 20, "{versions:?}");
    assert_eq!(versions.iter().filter(|version| **version == 1).count(), 40, "{versions:?}");
    assert_eq!(fleet.act("bad", "roll-back"), 409, "it is rolled back");
}

#[test]
fn an_operators_own_change_is_neither_counted_nor_rolled_back() {
    let mut fleet = Fleet::new(20);
    fleet.start("change", &json!({}));
    fleet.run(60);
    let own = json!({"channel": 11});
    assert_eq!(ask(&fleet.console, "PUT", "/v1/nodes/ap-3/config", Some(own.clone())).0, 200);
    let rollout = fleet.end("change");
    assert_eq!((&rollout["state"], &rollout["counts"]["superseded"]), (&json!("completed"), &json!(1)), "{rollout}");
    // Another one is changed after the last look at it.
    assert_eq!(ask(&fleet.console, "PUT", "/v1/nodes/ap-4/config", Some(own.clone())).0, 200);
    assert_eq!(fleet.act("change", "roll-back"), 200);
    assert_eq!(fleet.end("change")["counts"]["rolled_back"], json!(18));
    assert_eq!(fleet.desired(&own), 2, "they are left alone");
}

#[test]
fn a_paused_rollout_tells_nobody_and_goes_on_when_it_is_resumed() {
    let mut fleet = Fleet::new(60);
    fleet.start("change", &json!({}));
    fleet.run(60);
    assert_eq!(fleet.act("change", "pause"), 200);
    assert_eq!(fleet.act("change", "pause"), 409);
    fleet.run(7_200);
    assert_eq!(fleet.desired(&change("change")), 20);
    assert_eq!(fleet.act("change", "resume"), 200);
    assert_eq!(fleet.end("change")["state"], json!("completed"));
}

#[test]
fn an_aborted_rollout_tells_nobody_any_more() {
    let mut fleet = Fleet::new(60);
    fleet.start("change", &json!({}));
    fleet.run(60);
    assert_eq!(fleet.act("change", "abort"), 200);
    fleet.run(7_200);
    assert_eq!(fleet.desired(&change("change")), 20);
    for deed in ["pause", "resume", "abort", "approve"] {
        assert_eq!(fleet.act("change", deed), 409, "{deed}");
    }
    assert_eq!(fleet.act("change", "wait"), 404);
    assert_eq!(fleet.act("other", "abort"), 404);
}

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
fn each_wave_waits_for_its_approval() {
    let mut fleet = Fleet::new(40);
    fleet.start(
        "change",
        &json!({"gate": {"wait_s": 960, "approval": true}, "waves": [{"nodes": 5}, {"percent": 100}]}),
    );
    assert_eq!(fleet.act("change", "approve"), 409, "the first wave needs none");
    fleet.run(7_200);
    assert_eq!(fleet.desired(&change("change")), 5);
    assert!(fleet.rollout("change")["reason"].as_str().is_some_and(|why| why.contains("approval")));
    assert_eq!(fleet.act("change", "approve"), 200);
    assert_eq!(fleet.end("change")["state"], json!("completed"));
}

#[test]
fn nodes_that_are_registered_later_take_part_if_they_are_to() {
    for (include_new, told) in [(true, 60), (false, 40)] {
        let mut fleet = Fleet::new(40);
        fleet.start("change", &json!({"include_new": include_new}));
        fleet.run(60);
        // Half of them have places that are passed.
        for nth in 40..60 {
            fleet.devices.push(super::fleet::Device::default());
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
fn a_rollout_that_was_paused_and_resumed_is_judged_as_any_other() {
    let mut fleet = Fleet::new(60);
    fleet.devices.iter_mut().for_each(|device| device.does = Does::SaysNothing);
    fleet.start("mute", &json!({}));
    assert_eq!((fleet.act("mute", "pause"), fleet.act("mute", "resume")), (200, 200));
    let rollout = fleet.end("mute");
    assert_eq!(
        (&rollout["state"], &rollout["wave"]),
        (&json!("paused"), &json!(1)),
        "silence is no success: {rollout}"
    );
    assert_eq!(fleet.act("mute", "resume"), 200);
    assert_eq!(fleet.end("mute")["wave"], json!(2), "somebody has decided that this wave is well");
}

#[test]
fn two_steppers_at_once_tell_each_node_once() {
    let mut fleet = Fleet::new(40);
    fleet.start("change", &json!({}));
    for _ in 0..60 {
        fleet.step();
        fleet.run(60);
        fleet.step();
    }
    assert_eq!(fleet.rollout("change")["state"], json!("completed"));
    let versions: Vec<_> = (0..40).filter_map(|nth| fleet.node(nth).desired.map(|desired| desired.version)).collect();
    assert_eq!(versions, [2; 40]);
}

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

#[test]
fn a_step_that_began_before_a_rollout_was_ended_tells_nobody() {
    let fleet = Fleet::new(40);
    fleet.start("change", &json!({}));
    let name = "change".parse().expect("a name");
    let step = || fleet.console.step(&name, fleet.now()).now_or_never().expect("nothing waits").expect("a step");
    while fleet.rollout("change")["state"] != json!("running") {
        assert_ne!(step(), Step::Waits);
    }
    let read = fleet.console.known_rollout(&name).now_or_never().expect("nothing waits").expect("readable");
    let (read, (_, told)) =
        (read.expect("it is there"), fleet.console.told(&name).now_or_never().expect("nothing waits").expect("told"));
    assert_eq!(fleet.act("change", "abort"), 200);
    let (request, now) = (Request::default(), fleet.now());
    let admitted = stepping(&request, &name, now);
    let late = fleet.console.tell_targets(&name, &read, &told, None, &admitted).now_or_never().expect("nothing waits");
    assert!(matches!(late, Ok(Step::Lost)), "{late:?}");
    assert_eq!(fleet.desired(&change("change")), 0);
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
    fleet.run(60);
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
