use super::*;
use crate::denied::granted;
use crate::event::{Event, EventKind};
use crate::id::CredentialVersion;
use crate::item::{Item, Value};
use crate::node::FirmwareState;
use crate::plan::plan;
use crate::policy::{Policy, Registration};
use crate::registration::{Registering, register, revoke};
use crate::report::{Health, Report, UpdateOutcome, UpdateState};
use crate::tags::Tags;
use crate::timestamp::Timestamp;

fn node() -> NodeId {
    "ap-1".parse().expect("an id")
}

fn registering(credentials: u32) -> Registering {
    let tags = Tags::new(vec!["lobby".to_owned()]).expect("tags");
    Registering {
        site: "hq".parse().ok(),
        model: "ax-2".parse().ok(),
        tags,
        credentials: Some(CredentialVersion(credentials)),
    }
}

fn item_after(update: &Update, item: Option<&Item>) -> Item {
    match update.apply(item) {
        Outcome::Applied { after } => after,
        refused @ Outcome::Refused { .. } => panic!("{refused:?}"),
    }
}

#[test]
fn versions_count_up_by_one_and_the_same_document_makes_no_new_one() {
    let mut item = item_after(&register(&node(), &registering(1)), None);
    let mut set = |hash: &str, expected: Option<u64>| {
        let expected = expected.map_or_else(Expected::default, Expected::version);
        let outcome = set_config(&node(), hash, &expected).apply(Some(&item));
        if let Outcome::Applied { after } = &outcome {
            item = after.clone();
        }
        config_set(outcome).expect("readable").map(|desired| (desired.config.version, desired.changed))
    };
    assert_eq!(set("a", None), Ok((1, true)));
    assert_eq!(set("a", None), Ok((1, false)), "the same again");
    assert_eq!(set("b", Some(1)), Ok((2, true)));
    assert_eq!(set("c", Some(1)), Err(Denied::Stale { current: 2 }), "another version was set before");
    assert_eq!(set("c", Some(0)), Err(Denied::Stale { current: 2 }));
    assert_eq!(set("b", Some(2)), Ok((2, false)));
    assert_eq!(set("a", Some(2)), Ok((3, true)), "back to an earlier one is a new version");
}

#[test]
fn firmware_is_news_until_it_runs_or_was_given_up_and_is_tried_again_when_it_is_set_again() {
    let (model, version) = ("ax-2".parse().expect("a model"), "2.5".parse().expect("a version"));
    let item = item_after(&register(&node(), &registering(1)), None);
    let set = set_firmware(&node(), &model, &version);
    let item = item_after(&set, Some(&item));
    let read = |item: &Item| Node::read(item).expect("readable");
    assert_eq!((read(&item).firmware_news(), read(&item).is_updating()), (Some("2.5"), false));
    let reported = |state: &str| {
        let mut item = item.clone();
        item.extend([(A::UpdateVersion, Value::from("2.5")), (A::UpdateState, Value::from(state))]);
        item
    };
    assert_eq!(read(&reported("downloading")).firmware_news(), Some("2.5"));
    assert!(read(&reported("downloading")).is_updating());
    for over in ["applied", "failed", "rolled-back"] {
        assert_eq!(read(&reported(over)).firmware_news(), None, "{over}");
    }
    assert_eq!(read(&item_after(&set, Some(&reported("failed")))).firmware_news(), Some("2.5"));
    let mut runs = item.clone();
    runs.insert(A::Firmware, "2.5".into());
    assert_eq!(read(&runs).firmware_news(), None);
}

#[test]
fn what_a_node_runs_wins_over_what_it_reported_of_an_update() {
    let item = Item::from([(A::DesiredFirmware, Value::from("2.5"))]);
    let (policy, credentials) =
        (Policy::new(Registration::Open, 6600, 300, 60, 0).expect("in range"), CredentialVersion(1));
    let after = |item: &Item, firmware: Option<&str>, reported: Option<(&str, UpdateState)>| {
        let update = reported.map(|(version, state)| {
            let version = version.parse().expect("a version");
            UpdateOutcome { version, state, detail: None }
        });
        let report = Report::new(firmware.map(str::to_owned), None, Health::default()).with_update(update);
        let poll = EventKind::Poll { credentials, report, results: 0 };
        item_after(&plan(&Event::new(node(), Timestamp(1_000), poll), &policy), Some(item))
    };
    let read = |item: &Item| {
        let node = Node::read(item).expect("readable");
        (node.firmware_state(), node.firmware_news().is_some(), node.is_updating())
    };
    let applied = Some(("2.5", UpdateState::Applied));
    let runs = after(&item, Some("2.5"), applied);
    assert_eq!(read(&runs), (FirmwareState::Applied, false, false));
    let went_back = after(&runs, Some("2.4"), None);
    assert_eq!(read(&went_back), (FirmwareState::Pending, true, false), "it is told again");
    assert_eq!(read(&after(&went_back, Some("2.4"), applied)), (FirmwareState::Pending, true, false));
    let says_no_more = after(&went_back, None, applied);
    assert_eq!(read(&says_no_more), (FirmwareState::Applied, false, false), "it runs what it reports as applied");
    let again = after(&went_back, None, Some(("2.5", UpdateState::Downloading)));
    assert_eq!(read(&again), (FirmwareState::Downloading, true, true));
    let given_up = after(&again, Some("2.4"), Some(("2.5", UpdateState::RolledBack)));
    assert_eq!(read(&given_up), (FirmwareState::RolledBack, false, false));
    assert_eq!(
        read(&after(&given_up, None, Some(("2.6", UpdateState::Failed)))),
        (FirmwareState::Pending, true, false)
    );
}

#[test]
fn firmware_is_for_registered_nodes_of_its_model() {
    let (model, version) = ("bx-1".parse().expect("a model"), "2.5".parse().expect("a version"));
    let denied = |item: Option<&Item>| {
        let outcome = set_firmware(&node(), &model, &version).apply(item);
        granted(outcome).expect("readable").expect_err("denied")
    };
    let item = item_after(&register(&node(), &registering(1)), None);
    assert_eq!(denied(None), Denied::Unknown);
    assert_eq!(denied(Some(&item)), Denied::OtherModel);
    assert_eq!(denied(Some(&item_after(&revoke(&node()), Some(&item)))), Denied::Revoked);
}

#[test]
fn unknown_and_revoked_nodes_get_no_configuration() {
    let any = Expected::default();
    let set = |item: Option<&Item>| config_set(set_config(&node(), "a", &any).apply(item));
    assert_eq!(set(None), Ok(Err(Denied::Unknown)));
    let known_only_by_its_socket = Item::from([(A::Seen, Value::Number(1))]);
    assert_eq!(set(Some(&known_only_by_its_socket)), Ok(Err(Denied::Unknown)));
    let item = item_after(&register(&node(), &registering(1)), None);
    assert_eq!(set(Some(&item_after(&revoke(&node()), Some(&item)))), Ok(Err(Denied::Revoked)));
}

#[test]
fn the_configuration_of_a_site_replaces_no_configuration_of_the_node_s_own_unless_it_is_to() {
    let registered = item_after(&register(&node(), &registering(1)), None);
    let of_site = |sha256: &str, replaces_own| set_site_config(&node(), sha256, replaces_own);
    let set = |update: Update, item: &Item| config_set(update.apply(Some(item))).expect("readable");
    let origin = |item: &Item| Node::read(item).expect("readable").config_origin;
    let by_site = item_after(&of_site("a", false), Some(&registered));
    assert_eq!(origin(&by_site), Origin::Site);
    let changed = item_after(&of_site("b", false), Some(&by_site));
    assert_eq!(origin(&changed), Origin::Site, "the site changes what is the site's");
    let own = item_after(&set_config(&node(), "own", &Expected::default()), Some(&changed));
    assert_eq!(origin(&own), Origin::Node);
    assert_eq!(set(of_site("c", false), &own), Err(Denied::OwnConfig));
    assert!(set(of_site("own", false), &own).is_ok_and(|set| !set.changed), "there is nothing to replace");
    assert_eq!(origin(&item_after(&of_site("c", true), Some(&own))), Origin::Site);
    let restored = item_after(&crate::restore_config(&node(), "own", 9), Some(&by_site));
    assert_eq!(set(of_site("c", false), &restored), Err(Denied::OwnConfig), "an import counts as the node's own");
    let unset = item_after(&unset_config(&node(), &Expected::default()), Some(&own));
    assert_eq!(origin(&item_after(&of_site("c", false), Some(&unset))), Origin::Site);
    let mut older = own.clone();
    older.remove(&A::SiteConfig);
    assert_eq!(set(of_site("c", false), &older), Err(Denied::OwnConfig), "nobody knows for whom it was set");
}

#[test]
fn of_two_rollbacks_that_race_one_makes_a_version_and_both_have_the_same_answer() {
    let mut item = item_after(&register(&node(), &registering(1)), None);
    for sha256 in ["a", "b"] {
        item = item_after(&set_config(&node(), sha256, &Expected::default()), Some(&item));
    }
    let roll_back = roll_back_config(&node(), "a", 2, Origin::Node);
    let first = item_after(&roll_back, Some(&item));
    let second = config_set(roll_back.apply(Some(&first))).expect("readable").expect("granted");
    assert_eq!((second.config.version, second.changed), (3, false));
    let meanwhile = item_after(&set_config(&node(), "c", &Expected::default()), Some(&item));
    let late = config_set(roll_back.apply(Some(&meanwhile))).expect("readable");
    assert_eq!(late, Err(Denied::Stale { current: 3 }), "nobody has asked to go back from that version");
}

#[test]
fn nothing_is_desired_of_a_node_that_was_unset_and_it_keeps_what_it_runs() {
    let any = Expected::default();
    let item = item_after(&register(&node(), &registering(1)), None);
    let unset = |item: &Item, expected: &Expected| {
        config_unset(unset_config(&node(), expected).apply(Some(item))).expect("readable")
    };
    let never = unset(&item, &any).expect("granted");
    assert_eq!((never.0.config_version, never.1), (0, false), "there is nothing to unset");
    let mut set = item_after(&set_config(&node(), "a", &any), Some(&item));
    set.insert(A::AppliedVersion, 1_u64.into());
    assert_eq!(unset(&set, &Expected::version(7)), Err(Denied::Stale { current: 1 }));
    let after = item_after(&unset_config(&node(), &Expected::version(1)), Some(&set));
    let stored = Node::read(&after).expect("readable");
    assert_eq!((stored.news(), stored.applied, stored.config_version), (None, Some(1), 2));
    let again = unset(&after, &Expected::version(1)).expect("an earlier try is no refusal");
    assert_eq!((again.0.config_version, again.1), (2, false));
    let set_again = |expected: &Expected| config_set(set_config(&node(), "a", expected).apply(Some(&after)));
    let is_set = |expected: &Expected| set_again(expected).expect("readable").map(|set| set.config.version);
    assert_eq!(is_set(&Expected::version(2)), Ok(3), "that nothing is desired is version 2");
    assert_eq!(is_set(&Expected::version(1)), Err(Denied::Stale { current: 2 }));
    let none = Expected { none_of: Some(crate::Versions::Any), one_of: None };
    assert_eq!(is_set(&none), Ok(3), "`If-None-Match: *` asks for no configuration");
    let some = Expected { one_of: Some(crate::Versions::Any), none_of: None };
    assert_eq!(is_set(&some), Err(Denied::Stale { current: 2 }));
}
