//! What is left of rollouts that are over.

use std::collections::BTreeMap;

use rollcall_core::{Attribute, Item, Key, Value};
use serde_json::json;

use super::fleet::Fleet;
use crate::console::endpoints::tests::ask;

/// The rollout's items, and when each is deleted.
fn kept(fleet: &Fleet, rollout: &str) -> BTreeMap<Key, Option<u64>> {
    let is_of = |key: &Key| match key {
        Key::Rollout(name) | Key::RolloutSpec(name) | Key::RolloutUnderWay(name) | Key::Target(name, _) => {
            name.as_str() == rollout
        }
        _ => false,
    };
    let at = |item: &Item| match item.get(&Attribute::ForgetAt) {
        Some(Value::Number(at)) => Some(*at),
        _ => None,
    };
    fleet.console.store.all().into_iter().filter(|(key, _)| is_of(key)).map(|(key, item)| (key, at(&item))).collect()
}

#[test]
fn all_of_a_rollout_that_is_over_is_deleted_in_time_and_nothing_of_one_that_is_under_way() {
    let mut fleet = Fleet::new(700);
    fleet.start("change", &json!({}));
    for _ in 0..10 {
        fleet.run(60);
        assert!(kept(&fleet, "change").values().all(Option::is_none), "it is under way");
    }
    let paused = fleet.act("change", "pause");
    fleet.run(600);
    assert!(paused == 200 && kept(&fleet, "change").values().all(Option::is_none), "it is paused");
    assert_eq!(fleet.act("change", "abort"), 200);
    fleet.run(120);
    let left = kept(&fleet, "change");
    assert_eq!(left.len(), 702, "the mark is gone: {:?}", left.keys().take(3).collect::<Vec<_>>());
    let now_s = fleet.now().0 / 1000;
    for (key, at) in &left {
        let after = at.expect("a time") - now_s;
        let (least, most) = match key {
            Key::Target(..) => (3_000, 3_600),
            Key::Rollout(_) => (7 * 86_400, 7 * 86_400 + 3_600),
            _ => (14 * 86_400, 14 * 86_400 + 3_600),
        };
        assert!((least..=most).contains(&after), "{key:?} in {after} s");
    }
}

#[test]
fn a_rollout_that_is_rolled_back_after_it_was_over_is_kept_until_that_is_over() {
    let mut fleet = Fleet::new(150);
    fleet.start("change", &json!({"waves": [{"percent": 100}]}));
    assert_eq!(fleet.end("change")["state"], json!("completed"));
    fleet.run(120);
    assert!(kept(&fleet, "change").values().all(Option::is_some));
    assert_eq!(fleet.act("change", "roll-back"), 200);
    let untimed = kept(&fleet, "change").into_iter().filter(|(_, at)| at.is_none()).map(|(key, _)| key);
    let untimed: Vec<_> = untimed.filter(|key| !matches!(key, Key::Target(..))).collect();
    assert_eq!(untimed.len(), 3, "the rollout, what it was told, and its mark: {untimed:?}");
    let done = fleet.end("change");
    assert_eq!((&done["state"], &done["counts"]["rolled_back"]), (&json!("rolled-back"), &json!(150)), "{done}");
    fleet.run(120);
    let left = kept(&fleet, "change");
    assert!(left.len() == 152 && left.values().all(Option::is_some), "{left:?}");
}

#[test]
fn nothing_of_a_node_that_is_deleted_stays_in_rollouts_and_no_target_comes_back() {
    let mut fleet = Fleet::new(30);
    for name in ["one", "two"] {
        fleet.start(name, &json!({"waves": [{"percent": 100}]}));
        assert_eq!(fleet.end(name)["state"], json!("completed"));
    }
    fleet.start("three", &json!({}));
    fleet.run(60);
    fleet.devices[7].away = (0, u64::MAX);
    assert_eq!(ask(&fleet.console, "DELETE", "/v1/nodes/ap-7", None).0, 204);
    let of_node = |fleet: &Fleet| {
        let keys = fleet.console.store.all().into_keys();
        keys.filter(|key| format!("{key:?}").contains("\"ap-7\"")).collect::<Vec<_>>()
    };
    let is_event = |key: &Key| matches!(key, Key::EventOf(..));
    assert!(of_node(&fleet).iter().all(is_event), "the feed deletes its events: {:?}", of_node(&fleet));
    fleet.end("three");
    fleet.run(600);
    assert!(of_node(&fleet).iter().all(is_event), "{:?}", of_node(&fleet));
    let targets = fleet.console.store.all().into_keys().filter(|key| matches!(key, Key::Target(..))).count();
    assert_eq!(targets, 3 * 29);
}
