use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::super::step::Step;
use super::super::stepping;
use super::change;
use super::fleet::{Does, Fleet};
use crate::console::endpoints::tests::ask;
use crate::http::Request;

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
fn a_wave_is_told_as_fast_as_its_nodes_can_be_however_large_it_is() {
    let mut fleet = Fleet::new(600);
    fleet.start("change", &json!({"waves": [{"percent": 100}]}));
    fleet.run(60);
    assert_eq!(fleet.desired(&change("change")), 600);
}

#[test]
fn a_command_that_expires_while_its_nodes_are_away_is_no_failure() {
    let mut fleet = Fleet::new(4);
    fleet.devices.iter_mut().for_each(|device| device.away = (0, u64::MAX));
    fleet.run(3_600);
    fleet.start("reboot", &json!({"change": {"command": {"name": "reboot", "expires_in_s": 60}}}));
    let rollout = fleet.end("reboot");
    assert_eq!((&rollout["state"], &rollout["counts"]["failed"]), (&json!("paused"), &json!(0)), "{rollout}");
}

#[test]
fn a_node_that_runs_what_is_no_version_does_not_stop_the_roll_back_of_others() {
    let mut fleet = Fleet::new(20);
    fleet.devices.iter_mut().for_each(|device| device.firmware = Some("2.4.0"));
    fleet.devices[3].firmware = Some("OpenWrt 23.05 r1");
    fleet.run(600);
    for version in ["2.4.0", "2.5.0"] {
        let image = json!({"object_key": version, "size": 7, "sha256": "a".repeat(64), "signature": "s"});
        assert_eq!(ask(&fleet.console, "PUT", &format!("/v1/firmware/ax-2/{version}"), Some(image)).0, 201);
    }
    fleet.start("update", &json!({"change": {"firmware": "2.5.0"}, "waves": [{"percent": 100}]}));
    fleet.run(60);
    assert_eq!(fleet.act("update", "roll-back"), 200);
    assert_eq!(fleet.end("update")["state"], json!("rolled-back"));
    let desired = |version| (0..20).filter(|nth| fleet.node(*nth).desired_firmware.as_deref() == Some(version)).count();
    assert_eq!((desired("2.4.0"), desired("2.5.0")), (19, 1));
    let (_, page) = ask(&fleet.console, "GET", "/v1/rollouts/update/nodes", None);
    assert!(page.to_string().contains("the firmware before is not known for its model"), "{page}");
}

/// A fleet that runs 2.4.0, and knows that version and 2.5.0.
fn with_firmware(nodes: usize) -> Fleet {
    let mut fleet = Fleet::new(nodes);
    fleet.devices.iter_mut().for_each(|device| device.firmware = Some("2.4.0"));
    fleet.run(600);
    for version in ["2.4.0", "2.5.0"] {
        let image = json!({"object_key": version, "size": 7, "sha256": "a".repeat(64), "signature": "s"});
        assert_eq!(ask(&fleet.console, "PUT", &format!("/v1/firmware/ax-2/{version}"), Some(image)).0, 201);
    }
    fleet
}

fn raise(fleet: &Fleet, minimum: &str) {
    let spec = json!({"minimum_version": minimum});
    assert_eq!(ask(&fleet.console, "PUT", "/v1/models/ax-2", Some(spec)).0, 200);
}

#[test]
fn a_rollout_of_a_version_below_the_minimum_is_refused_when_it_is_made() {
    let fleet = with_firmware(4);
    raise(&fleet, "2.5.1");
    let (status, problem) = fleet.start("update", &json!({"change": {"firmware": "2.5.0"}}));
    assert_eq!((status, &problem["code"]), (409, &json!("below-minimum")), "{problem}");
    raise(&fleet, "2.5.0");
    assert_eq!(fleet.start("update", &json!({"change": {"firmware": "2.5.0"}})).0, 201);
}

#[test]
fn a_rollout_under_way_tells_nobody_a_version_that_is_below_the_minimum_by_then() {
    let mut fleet = with_firmware(20);
    let waves = json!([{"nodes": 5}, {"percent": 100}]);
    fleet.start("update", &json!({"change": {"firmware": "2.5.0"}, "waves": waves, "gate": {"approval": true}}));
    fleet.run(120);
    let desired = |fleet: &Fleet| (0..20).filter(|nth| fleet.node(*nth).desired_firmware.is_some()).count();
    assert_eq!((desired(&fleet), fleet.rollout("update")["nodes"].as_u64()), (5, Some(20)));
    raise(&fleet, "2.6.0");
    fleet.devices.iter_mut().for_each(|device| device.firmware = Some("2.5.0"));
    fleet.run(3_600);
    assert_eq!(fleet.act("update", "approve"), 200);
    fleet.run(600);
    assert_eq!(desired(&fleet), 5);
    let (_, page) = ask(&fleet.console, "GET", "/v1/rollouts/update/nodes", None);
    let skipped = |node: &&Value| node["state"] == "skipped" && node["reason"] == "below-minimum";
    assert_eq!(page["nodes"].as_array().expect("nodes").iter().filter(skipped).count(), 15, "{page}");
}

#[test]
fn a_roll_back_gives_no_node_a_version_below_the_minimum() {
    let mut fleet = with_firmware(20);
    fleet.start("update", &json!({"change": {"firmware": "2.5.0"}, "waves": [{"percent": 100}]}));
    fleet.run(60);
    raise(&fleet, "2.5.0");
    assert_eq!(fleet.act("update", "roll-back"), 200);
    assert_eq!(fleet.end("update")["state"], json!("rolled-back"));
    assert!((0..20).all(|nth| fleet.node(nth).desired_firmware.as_deref() == Some("2.5.0")));
    let (_, page) = ask(&fleet.console, "GET", "/v1/rollouts/update/nodes", None);
    let why = "the firmware before is below the minimum of its model";
    assert_eq!(page.to_string().matches(why).count(), 20, "{page}");
}
