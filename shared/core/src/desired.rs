//! What the monolith wants of a node: that it is known, and what it runs.

use std::borrow::Cow;

use crate::attribute::{Attribute as A, ItemKey, Value};
use crate::expected::Expected;
use crate::guard::Guard;
use crate::id::{CredentialVersion, FirmwareVersion, Model, NodeId, Site, Tags};
use crate::limits::COMMANDS_OPEN;
use crate::node::{Malformed, Node, WantedConfig};
use crate::update::{Change, Outcome, Update};

/// The credential version of a node of which none was said.
const FIRST_CREDENTIALS: CredentialVersion = CredentialVersion(1);

/// What the monolith says of a node: all of it, so that what is not there is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registering {
    /// Where it is.
    pub site: Option<Site>,
    /// What it is.
    pub model: Option<Model>,
    /// What it is marked with.
    pub tags: Tags,
    /// The lowest credential version that is accepted from now on. It never goes back. If it is not said, it stays, and a
    /// new node has 1.
    pub credentials: Option<CredentialVersion>,
}

/// What the monolith says anew of a node that is registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amending {
    /// Where it is.
    pub site: Amended<Site>,
    /// What it is.
    pub model: Amended<Model>,
    /// What it is marked with; no tags are the same as none.
    pub tags: Amended<Tags>,
    /// The lowest credential version that is accepted from now on, if it is said.
    pub credentials: Option<CredentialVersion>,
}

/// What becomes of something that is known of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Amended<T> {
    /// It stays.
    #[default]
    Kept,
    /// It is not known any more.
    Removed,
    /// It is this.
    Set(T),
}

impl<T> Amended<T> {
    fn text<'a>(&'a self, text: impl FnOnce(&'a T) -> Option<Cow<'a, str>>) -> Amended<Cow<'a, str>> {
        match self {
            Self::Kept => Amended::Kept,
            Self::Removed => Amended::Removed,
            Self::Set(value) => text(value).map_or(Amended::Removed, Amended::Set),
        }
    }
}

impl<T> From<Option<T>> for Amended<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Removed, Self::Set)
    }
}

/// Why the monolith does not get what it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no such node.
    #[error("no such node is registered")]
    Unknown,
    /// The node's credentials were revoked.
    #[error("the node's credentials were revoked; registering it with a higher credential version lets it back in")]
    Revoked,
    /// Credential versions never go back.
    #[error("the node's credential version is {} already", current.0)]
    CredentialsGoBack {
        /// The one that is accepted.
        current: CredentialVersion,
    },
    /// Somebody else has set another configuration meanwhile.
    #[error("the node's configuration is at version {current}")]
    Stale {
        /// The version that is wanted; 0 if there is none.
        current: u64,
    },
    /// It is of another model than the firmware is for, or of none.
    #[error("the node's model is not the one that this firmware is for")]
    OtherModel,
    /// There are too many open commands.
    #[error("the node has {COMMANDS_OPEN} open commands already")]
    QueueFull,
}

/// Registers a node, or says anew what it is. A revoked one is let back in by a higher credential version, and by nothing
/// else.
pub fn register(node: &NodeId, registering: &Registering) -> Update {
    let amending = Amending {
        site: registering.site.clone().into(),
        model: registering.model.clone().into(),
        tags: Amended::Set(registering.tags.clone()),
        credentials: registering.credentials,
    };
    said(node, &amending, vec![])
}

/// Says some of what a registered node is, and leaves the rest.
pub fn amend(node: &NodeId, amending: &Amending) -> Update {
    said(node, amending, vec![Guard::Exists(A::CredentialVersion)])
}

fn said(node: &NodeId, amending: &Amending, mut guard: Vec<Guard>) -> Update {
    let mut changes = if let Some(CredentialVersion(version)) = amending.credentials {
        guard.push(Guard::Any(vec![
            Guard::Missing(A::CredentialVersion),
            Guard::AtMost(A::CredentialVersion, version.into()),
        ]));
        guard.push(Guard::Any(vec![Guard::Missing(A::Revoked), Guard::Less(A::CredentialVersion, version.into())]));
        vec![Change::Set(A::CredentialVersion, version.into()), Change::Remove(A::Revoked)]
    } else {
        guard.push(Guard::Missing(A::Revoked));
        vec![Change::SetIfMissing(A::CredentialVersion, FIRST_CREDENTIALS.0.into())]
    };
    let texts = [
        (A::Site, amending.site.text(|site| Some(site.as_str().into()))),
        (A::Model, amending.model.text(|model| Some(model.as_str().into()))),
        (A::Tags, amending.tags.text(|tags| tags.stored().map(Cow::from))),
    ];
    changes.extend(texts.into_iter().filter_map(|(attribute, text)| match text {
        Amended::Kept => None,
        Amended::Removed => Some(Change::Remove(attribute)),
        Amended::Set(text) => Some(Change::Set(attribute, Value::from(&*text))),
    }));
    // To say the same again is not refused, so that no refusal can be by an earlier try.
    let made = Guard::Any(vec![]);
    Update { node: node.clone(), item: ItemKey::Node, guard: Guard::All(guard), made, changes }
}

/// What registering a node came to: the node, or why not.
///
/// # Errors
/// If the stored item is unreadable.
pub fn registered(outcome: Outcome) -> Result<Result<Node, Denied>, Malformed> {
    match outcome {
        Outcome::Applied { after } => Node::read(&after).map(Ok),
        Outcome::Refused { stored } => {
            let stored = stored.as_ref().map(Node::read).transpose()?;
            Ok(Err(match stored {
                Some(Node { revoked: true, .. }) => Denied::Revoked,
                Some(Node { credentials: Some(current), .. }) => Denied::CredentialsGoBack { current },
                _ => Denied::Unknown,
            }))
        }
    }
}

/// Revokes a node's credentials, for every version up to the present one. It leaves its site; what it was stays known.
pub fn revoke(node: &NodeId) -> Update {
    Update {
        node: node.clone(),
        item: ItemKey::Node,
        guard: Guard::Exists(A::CredentialVersion),
        made: Guard::Exists(A::Revoked),
        changes: vec![Change::Set(A::Revoked, 1_u32.into()), Change::Remove(A::Site)],
    }
}

/// Sets what a node is to run, if what is wanted now is as expected. The same document again is no new version.
pub fn want_config(node: &NodeId, sha256: &str, expected: &Expected) -> Update {
    let guard = vec![
        Guard::Exists(A::CredentialVersion),
        Guard::Missing(A::Revoked),
        Guard::Differs(A::WantedHash, sha256.into()),
        expected.guard(),
    ];
    Update {
        node: node.clone(),
        item: ItemKey::Node,
        guard: Guard::All(guard),
        // Our own earlier try looks like a document that was wanted already, and is answered like one.
        made: Guard::Any(vec![]),
        changes: vec![Change::Add(A::WantedVersion, 1), Change::Set(A::WantedHash, sha256.into())],
    }
}

/// What setting a configuration came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The node, with what it is to run.
    pub node: Node,
    /// What it is to run.
    pub config: WantedConfig,
    /// Whether that is new.
    pub changed: bool,
}

/// What setting a configuration came to, or why it was not set.
///
/// # Errors
/// If the stored item is unreadable.
pub fn wanted(outcome: Outcome, sha256: &str, expected: &Expected) -> Result<Result<Wanted, Denied>, Malformed> {
    let (stored, changed) = match outcome {
        Outcome::Applied { after } => (Some(after), true),
        Outcome::Refused { stored } => (stored, false),
    };
    let Some(node) = stored.as_ref().map(Node::read).transpose()?.filter(|node| node.credentials.is_some()) else {
        return Ok(Err(Denied::Unknown));
    };
    if node.revoked {
        return Ok(Err(Denied::Revoked));
    }
    let current = node.wanted.as_ref().map_or(0, |wanted| wanted.version);
    match node.wanted.clone().filter(|wanted| wanted.sha256 == sha256) {
        Some(config) if changed || expected.holds(current) || expected.may_have_made(current) => {
            Ok(Ok(Wanted { node, config, changed }))
        }
        _ => Ok(Err(Denied::Stale { current })),
    }
}

/// Sets the firmware version that a node of this model is to run: what it reported on an earlier try is forgotten.
pub fn want_firmware(node: &NodeId, model: &Model, version: &FirmwareVersion) -> Update {
    Update {
        node: node.clone(),
        item: ItemKey::Node,
        guard: Guard::All(vec![
            Guard::Exists(A::CredentialVersion),
            Guard::Missing(A::Revoked),
            Guard::Equal(A::Model, model.as_str().into()),
        ]),
        made: Guard::Any(vec![]),
        changes: vec![
            Change::Set(A::WantedFirmware, version.as_str().into()),
            Change::Remove(A::UpdateVersion),
            Change::Remove(A::UpdateState),
            Change::Remove(A::UpdateDetail),
        ],
    }
}

/// What setting a firmware version came to: the node, or why it was not set.
///
/// # Errors
/// If the stored item is unreadable.
pub fn firmware_wanted(outcome: Outcome) -> Result<Result<Node, Denied>, Malformed> {
    match outcome {
        Outcome::Applied { after } => Node::read(&after).map(Ok),
        Outcome::Refused { stored } => {
            let stored = stored.as_ref().map(Node::read).transpose()?.filter(|node| node.credentials.is_some());
            Ok(Err(match stored {
                None => Denied::Unknown,
                Some(Node { revoked: true, .. }) => Denied::Revoked,
                Some(_) => Denied::OtherModel,
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Item;

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
    fn a_registered_node_is_what_was_said_of_it() {
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
        assert!(!revoked.contains_key(&A::Site), "it is in no list of its site");
        assert_eq!(denied(&revoked, 3), Ok(Err(Denied::Revoked)));
        assert!(matches!(denied(&revoked, 4), Ok(Ok(Node { revoked: false, .. }))));
    }

    #[test]
    fn what_is_not_said_of_credentials_stays_and_lets_nobody_back_in() {
        let silent = Registering { credentials: None, ..registering(0) };
        let credentials = |item: &Item| Node::read(item).expect("readable").credentials.map(|version| version.0);
        let new = item_after(&register(&node(), &silent), None);
        assert_eq!(credentials(&new), Some(1));
        let rotated = item_after(&register(&node(), &registering(7)), Some(&new));
        assert_eq!(credentials(&item_after(&register(&node(), &silent), Some(&rotated))), Some(7));
        let revoked = item_after(&revoke(&node()), Some(&rotated));
        for update in [register(&node(), &silent), amend(&node(), &Amending::default())] {
            assert_eq!(registered(update.apply(Some(&revoked))), Ok(Err(Denied::Revoked)));
        }
        let known_only_by_its_socket = Item::from([(A::Seen, Value::Number(1))]);
        assert_eq!(credentials(&item_after(&register(&node(), &silent), Some(&known_only_by_its_socket))), Some(1));
    }

    #[test]
    fn of_a_registered_node_one_thing_is_said_and_the_others_stay() {
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
    fn nothing_is_said_anew_of_a_node_that_is_not_registered_and_credentials_still_never_go_back() {
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
    fn revoking_nobody_is_refused_and_revoking_twice_is_not() {
        assert!(matches!(revoke(&node()).apply(None), Outcome::Refused { stored: None }));
        let item = item_after(&register(&node(), &registering(1)), None);
        let revoked = item_after(&revoke(&node()), Some(&item));
        assert_eq!(item_after(&revoke(&node()), Some(&revoked)), revoked);
    }

    #[test]
    fn versions_count_up_by_one_and_the_same_document_is_none() {
        let mut item = item_after(&register(&node(), &registering(1)), None);
        let mut set = |hash: &str, expected: Option<u64>| {
            let expected = expected.map_or_else(Expected::default, Expected::version);
            let outcome = want_config(&node(), hash, &expected).apply(Some(&item));
            if let Outcome::Applied { after } = &outcome {
                item = after.clone();
            }
            wanted(outcome, hash, &expected).expect("readable").map(|wanted| (wanted.config.version, wanted.changed))
        };
        assert_eq!(set("a", None), Ok((1, true)));
        assert_eq!(set("a", None), Ok((1, false)), "the same again");
        assert_eq!(set("b", Some(1)), Ok((2, true)));
        assert_eq!(set("c", Some(1)), Err(Denied::Stale { current: 2 }), "somebody was faster");
        assert_eq!(set("c", Some(0)), Err(Denied::Stale { current: 2 }));
        assert_eq!(set("b", Some(2)), Ok((2, false)));
        assert_eq!(set("a", Some(2)), Ok((3, true)), "back to an earlier one is a new version");
    }

    #[test]
    fn firmware_is_news_until_it_runs_or_was_given_up_and_is_tried_again_when_it_is_set_again() {
        let (model, version) = ("ax-2".parse().expect("a model"), "2.5".parse().expect("a version"));
        let item = item_after(&register(&node(), &registering(1)), None);
        let want = want_firmware(&node(), &model, &version);
        let item = item_after(&want, Some(&item));
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
        assert_eq!(read(&item_after(&want, Some(&reported("failed")))).firmware_news(), Some("2.5"));
        let mut runs = item.clone();
        runs.insert(A::Firmware, "2.5".into());
        assert_eq!(read(&runs).firmware_news(), None);
    }

    #[test]
    fn firmware_is_for_registered_nodes_of_its_model() {
        let (model, version) = ("bx-1".parse().expect("a model"), "2.5".parse().expect("a version"));
        let denied = |item: Option<&Item>| {
            let outcome = want_firmware(&node(), &model, &version).apply(item);
            firmware_wanted(outcome).expect("readable").expect_err("denied")
        };
        let item = item_after(&register(&node(), &registering(1)), None);
        assert_eq!(denied(None), Denied::Unknown);
        assert_eq!(denied(Some(&item)), Denied::OtherModel);
        assert_eq!(denied(Some(&item_after(&revoke(&node()), Some(&item)))), Denied::Revoked);
    }

    #[test]
    fn the_unknown_and_the_revoked_run_nothing() {
        let any = Expected::default();
        let set = |item: Option<&Item>| wanted(want_config(&node(), "a", &any).apply(item), "a", &any);
        assert_eq!(set(None), Ok(Err(Denied::Unknown)));
        let known_only_by_its_socket = Item::from([(A::Seen, Value::Number(1))]);
        assert_eq!(set(Some(&known_only_by_its_socket)), Ok(Err(Denied::Unknown)));
        let item = item_after(&register(&node(), &registering(1)), None);
        assert_eq!(set(Some(&item_after(&revoke(&node()), Some(&item)))), Ok(Err(Denied::Revoked)));
    }
}
