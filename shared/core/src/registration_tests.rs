use super::*;
use crate::denied::{Denied, granted};
use crate::item::Item;
use crate::node::Node;
use crate::update::Outcome;

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
    let denied = |item: &Item, version| granted(register(&node(), &registering(version)).apply(Some(item)));
    assert_eq!(denied(&item, 2), Ok(Err(Denied::CredentialsGoBack { current: CredentialVersion(3) })));
    let revoked = item_after(&revoke(&node()), Some(&item));
    assert!(!revoked.contains_key(&A::Site), "it is removed from the site index");
    assert_eq!(denied(&revoked, 3), Ok(Err(Denied::Revoked)));
    assert_eq!(denied(&revoked, 2), Ok(Err(Denied::Revoked)), "that is told before anything else");
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
        assert_eq!(granted(update.apply(Some(&revoked))), Ok(Err(Denied::Revoked)));
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
    let denied = |amending: &Amending, item: Option<&Item>| granted(amend(&node(), amending).apply(item));
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
    assert_eq!(granted(revoke(&node()).apply(None)), Ok(Err(Denied::Unknown)));
    let item = item_after(&register(&node(), &registering(1)), None);
    let revoked = item_after(&revoke(&node()), Some(&item));
    assert_eq!(item_after(&revoke(&node()), Some(&revoked)), revoked);
}
