use super::*;
use crate::event::{Event, EventKind};
use crate::id::Timestamp;
use crate::item::Item;
use crate::node::FirmwareState;
use crate::plan;
use crate::policy::{Policy, Registration};
use crate::report::{Health, Report, UpdateOutcome, UpdateState};

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
        Outcome::Refused { stored } => panic!("refused by {stored:?}"),
    }
}

#[test]
fn a_registered_node_is_what_its_registration_says() {
    let item = item_after(&register(&node(), &registering(3)), None);
    let node = Node::read(&item).expect("readable");
    assert_eq!((node.credentials, node.revoked), (Some(CredentialVersion(3)), false));
    assert_eq!(node.site.as_deref().zip(node.model.as_deref()), Some(("hq", "ax-2")));
    assert_eq!(node.tags.iter().collect::<Vec<_>>(), ["lobby"]);
}

#[test]
fn credentials_never_go_back_and_a_revoked_node_needs_newer_ones() {
    let item = item_after(&register(&node(), &registering(3)), None);
    let denied = |item: &Item, version| registered(register(&node(), &registering(version)).apply(Some(item)));
    assert_eq!(denied(&item, 2), Ok(Err(Denied::CredentialsGoBack { current: CredentialVersion(3) })));
    let revoked = item_after(&revoke(&node()), Some(&item));
    assert!(!revoked.contains_key(&A::Site), "it is removed from the site index");
    assert_eq!(denied(&revoked, 3), Ok(Err(Denied::Revoked)));
    assert!(matches!(denied(&revoked, 4), Ok(Ok(Node { revoked: false, .. }))));
}

#[test]
fn without_a_credential_version_the_stored_one_stays_and_lets_no_revoked_node_back_in() {
    let without_version = Registering { credentials: None, ..registering(0) };
    let credentials = |item: &Item| Node::read(item).expect("readable").credentials.map(|version| version.0);
    let new = item_after(&register(&node(), &without_version), None);
    assert_eq!(credentials(&new), Some(1));
    let rotated = item_after(&register(&node(), &registering(7)), Some(&new));
    assert_eq!(credentials(&item_after(&register(&node(), &without_version), Some(&rotated))), Some(7));
    let revoked = item_after(&revoke(&node()), Some(&rotated));
    for update in [register(&node(), &without_version), amend(&node(), &Amending::default())] {
        assert_eq!(registered(update.apply(Some(&revoked))), Ok(Err(Denied::Revoked)));
    }
    let known_only_by_its_socket = Item::from([(A::Seen, Value::Number(1))]);
    assert_eq!(
        credentials(&item_after(&register(&node(), &without_version), Some(&known_only_by_its_socket))),
        Some(1)
    );
}

#[test]
fn amending_one_field_of_a_registration_leaves_the_others() {
    let item = item_after(&register(&node(), &registering(3)), None);
    let after = |amending: Amending| {
        let node = Node::read(&item_after(&amend(&node(), &amending), Some(&item))).expect("readable");
        let tags = node.tags.iter().map(str::to_owned).collect::<Vec<_>>();
        (node.site, node.model, tags, node.credentials.map(|version| version.0))
    };
    let as_it_was = (Some("hq".to_owned()), Some("ax-2".to_owned()), vec!["lobby".to_owned()], Some(3));
    assert_eq!(after(Amending::default()), as_it_was);
    let elsewhere = Amending { site: Amended::Set("lab".parse().expect("a site")), ..Amending::default() };
    assert_eq!(after(elsewhere), (Some("lab".to_owned()), as_it_was.1.clone(), as_it_was.2.clone(), Some(3)));
    let nothing =
        Amending { site: Amended::Removed, model: Amended::Removed, tags: Amended::Removed, credentials: None };
    assert_eq!(after(nothing), (None, None, vec![], Some(3)));
    assert_eq!(after(Amending { tags: Amended::Set(Tags::default()), ..Amending::default() }).2, as_it_was.2[1..]);
    let newer = Amending { credentials: Some(CredentialVersion(4)), ..Amending::default() };
    assert_eq!(after(newer), (as_it_was.0, as_it_was.1, as_it_was.2, Some(4)));
}

#[test]
fn an_unregistered_node_is_not_amended_and_credentials_never_go_back() {
    let denied = |amending: &Amending, item: Option<&Item>| registered(amend(&node(), amending).apply(item));
    let older = Amending { credentials: Some(CredentialVersion(2)), ..Amending::default() };
    for amending in [&Amending::default(), &older] {
        assert_eq!(denied(amending, None), Ok(Err(Denied::Unknown)));
    }
    let item = item_after(&register(&node(), &registering(3)), None);
    assert_eq!(denied(&older, Some(&item)), Ok(Err(Denied::CredentialsGoBack { current: CredentialVersion(3) })));
    let revoked = item_after(&revoke(&node()), Some(&item));
    let newer = Amending { credentials: Some(CredentialVersion(4)), ..Amending::default() };
    assert!(matches!(denied(&newer, Some(&revoked)), Ok(Ok(Node { revoked: false, .. }))));
}

#[test]
fn revoking_an_unknown_node_is_refused_and_revoking_twice_is_not() {
    assert!(matches!(revoke(&node()).apply(None), Outcome::Refused { stored: None }));
    let item = item_after(&register(&node(), &registering(1)), None);
    let revoked = item_after(&revoke(&node()), Some(&item));
    assert_eq!(item_after(&revoke(&node()), Some(&revoked)), revoked);
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
        config_set(outcome, hash, &expected).expect("readable").map(|desired| (desired.config.version, desired.changed))
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
        firmware_set(outcome).expect("readable").expect_err("denied")
    };
    let item = item_after(&register(&node(), &registering(1)), None);
    assert_eq!(denied(None), Denied::Unknown);
    assert_eq!(denied(Some(&item)), Denied::OtherModel);
    assert_eq!(denied(Some(&item_after(&revoke(&node()), Some(&item)))), Denied::Revoked);
}

#[test]
fn unknown_and_revoked_nodes_get_no_configuration() {
    let any = Expected::default();
    let set = |item: Option<&Item>| config_set(set_config(&node(), "a", &any).apply(item), "a", &any);
    assert_eq!(set(None), Ok(Err(Denied::Unknown)));
    let known_only_by_its_socket = Item::from([(A::Seen, Value::Number(1))]);
    assert_eq!(set(Some(&known_only_by_its_socket)), Ok(Err(Denied::Unknown)));
    let item = item_after(&register(&node(), &registering(1)), None);
    assert_eq!(set(Some(&item_after(&revoke(&node()), Some(&item)))), Ok(Err(Denied::Revoked)));
}
