use std::collections::BTreeSet;

use super::*;
use crate::limits::FIRMWARE_VERSION_BYTES;

fn event() -> EventId {
    "00017.0".parse().expect("an id")
}

fn endpoint() -> EndpointName {
    "crm".parse().expect("a name")
}

fn rollout() -> RolloutName {
    "canary".parse().expect("a name")
}

fn delta(version: &str, from: &str) -> Key {
    let [version, from] = [version, from].map(|text| text.parse().expect("a version"));
    Key::Delta("ax-2".parse().expect("a model"), version, from)
}

fn spelled() -> Vec<(Key, &'static str, &'static str)> {
    let node: NodeId = "ap-1".parse().expect("an id");
    let queued = Key::Queued(node.clone(), "k#1".parse().expect("a key"));
    let image = Key::Firmware("ax-2".parse().expect("a model"), "2.5".parse().expect("a version"));
    vec![
        (Key::Node(node.clone()), "node#ap-1", "node"),
        (Key::History(node.clone()), "node#ap-1", "history"),
        (Key::About(node.clone()), "node#ap-1", "about"),
        (Key::Legacy(node.clone()), "node#ap-1", "legacy"),
        (Key::EventOf(node.clone(), event()), "node#ap-1", "event#00017.0"),
        (Key::Command(node, 7), "node#ap-1", "command#000000000007"),
        (queued, "node#ap-1", "queued#k#1"),
        (Key::Document("ab12".to_owned()), "config#ab12", "document"),
        (Key::Unused("ab12".to_owned()), "unused", "ab12"),
        (image, "firmware#ax-2", "2.5"),
        (delta("2.5", "2.4"), "firmware#ax-2", "2.5#2.4"),
        (Key::Model("ax-2".parse().expect("a model")), "models", "ax-2"),
        (Key::Sweep, "sweep", "state"),
        (Key::Logged(3, 17), "log#3", "event#000000000017"),
        (Key::LogHead(3), "log#3", "head"),
        (Key::Actor("#ab12".to_owned()), "actors", "#ab12"),
        (Key::Endpoint(endpoint()), "endpoints", "crm"),
        (Key::Delivery(endpoint(), event()), "deliveries#crm", "00017.0"),
        (Key::Cutover, "cutover", "settings"),
        (Key::Rollout(rollout()), "rollouts", "canary"),
        (Key::RolloutSpec(rollout()), "rollout#canary", "spec"),
        (Key::RolloutUnderWay(rollout()), "rollouts-under-way", "canary"),
        (
            Key::Target(rollout(), Place::of(&rollout(), &"ap-1".parse().expect("an id"), true)),
            "rollout#canary",
            "0339208916860069e#ap-1",
        ),
        (Key::Claim("ap-1".parse().expect("an id"), ChangeKind::Config), "node#ap-1", "rollout#config"),
        (Key::Counted("ap-1".parse().expect("an id")), "node#ap-1", "counted"),
        (Key::Count(CountedBy::Site, "hq".to_owned()), "count#site", "=hq"),
        (Key::Count(CountedBy::Node, String::new()), "count#node", "="),
    ]
}

#[test]
fn the_table_of_nodes_has_the_nodes_own_items_and_nothing_else() {
    let in_nodes = spelled().into_iter().filter(|(key, ..)| key.table() == Table::Nodes);
    assert_eq!(in_nodes.map(|(key, ..)| key.sort()).collect::<Vec<_>>(), [SORT_KEY_NODE]);
    assert_eq!(Table::ALL.map(|table| table.name("fleet")), ["fleet", "fleet-records"]);
}

#[test]
fn keys_are_stored_as_they_always_were() {
    for (key, partition, sort) in spelled() {
        assert_eq!((&*key.partition(), &*key.sort()), (partition, sort));
    }
}

#[test]
fn a_stored_key_leads_back_to_its_item() {
    for (key, partition, sort) in spelled() {
        assert_eq!(Key::read(partition, sort), Ok(Some(key)));
    }
}

#[test]
fn a_key_that_no_rule_writes_is_no_key_or_has_an_invalid_id() {
    let others = [
        ("table#1", "node"),
        ("node#ap-1", "nodes"),
        ("node#ap-1", "command#7"),
        ("config#ab12", "node"),
        ("log#3", "event#17"),
        ("log#+3", "head"),
        ("sweep", "states"),
    ];
    for (partition, sort) in others {
        assert_eq!(Key::read(partition, sort), Ok(None), "{partition} {sort}");
    }
    for (partition, sort) in
        [("node#", "node"), ("node#ap-1", "queued#"), ("firmware#ax-2", ""), ("firmware#ax-2", "2.5#")]
    {
        assert!(Key::read(partition, sort).is_err(), "{partition} {sort}");
    }
}

#[test]
fn the_items_of_a_node_are_known_as_its_own() {
    let owned = spelled().into_iter().filter(|(key, ..)| key.node().is_some_and(|node| node.as_str() == "ap-1"));
    assert_eq!(owned.count(), 9);
}

#[test]
fn commands_are_sorted_by_their_numbers() {
    let sort = |number| Key::Command("ap-1".parse().expect("an id"), number).sort();
    assert!(sort(9) < sort(10) && sort(10) < sort(LAST_NUMBER));
}

#[test]
fn the_deltas_to_a_version_are_together_and_apart_from_images_and_from_deltas_to_others() {
    let (model, version) = ("ax-2".parse().expect("a model"), "2.5".parse().expect("a version"));
    let (first, last) = Key::deltas(&model, &version).into_inner();
    let is_within =
        |key: &Key| key.partition() == first.partition() && (first.sort()..=last.sort()).contains(&key.sort());
    let longest = "z".repeat(FIRMWARE_VERSION_BYTES);
    for from in ["2.4", "-", ".", "0", "Z", "_", ":", &longest] {
        assert!(is_within(&delta("2.5", from)), "{from}");
    }
    for version in ["2.4", "2.5-", "2.5.", "2.50", "2.5z", "2"] {
        assert!(!is_within(&delta(version, "2.4")), "{version}");
    }
    for version in ["2.5", "2.5.1", "2.5-1"] {
        let image = Key::Firmware(model.clone(), version.parse().expect("a version"));
        assert!(!is_within(&image), "{version}");
    }
}

#[test]
fn suspected_nodes_spread_over_every_shard() {
    let shards: BTreeSet<_> = (0..200).map(|n| due_shard(&format!("ap-{n}").parse().expect("an id"))).collect();
    assert_eq!(shards.len() as u64, DUE_SHARDS);
}
