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
