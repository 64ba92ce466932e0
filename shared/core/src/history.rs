//! The documents of a node's last configuration versions. They are needed to tell how the configuration that runs
//! differs from the desired one.
//!
//! The node's item names the document of the desired version, but has only the number of the version that runs. The
//! document of that version is named here. The history is an item of its own, so that it takes no bytes of the node's
//! item and costs a check-in nothing.

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::guard::Guard;
use crate::id::NodeId;
use crate::item::{Item, Malformed, malformed, number, text};
use crate::key::Key;
use crate::node::{DesiredConfig, Node};
use crate::update::{Change, Update};

/// A place for one version: the attributes of the version and of the SHA-256 of its document.
type Slot = (A, A);

/// Each version has the slot of its remainder when it is divided by the number of slots. The slot holds the newest such
/// version. With all slots, the item stays within one write unit, as the node's item does.
const NEWEST: [Slot; 8] = [
    (A::Version0, A::Hash0),
    (A::Version1, A::Hash1),
    (A::Version2, A::Hash2),
    (A::Version3, A::Hash3),
    (A::Version4, A::Hash4),
    (A::Version5, A::Hash5),
    (A::Version6, A::Hash6),
    (A::Version7, A::Hash7),
];
/// The slot of the version that runs, once a newer version took its own slot.
const RUNNING: Slot = (A::RunningVersion, A::RunningHash);
/// How many versions are remembered besides the one that runs.
const REMEMBERED: u64 = NEWEST.len() as u64;

/// The write that stores a version in a node's history when it becomes desired. A version that comes late does not
/// replace a newer one. If the slot holds the version that runs, that one is kept in a slot of its own.
pub fn remember(node: &NodeId, stored: &Node, config: &DesiredConfig) -> Update {
    let (version, hash) = slot(config.version);
    let (number, sha256) = (config.version, config.sha256.as_str());
    let mut changes = vec![Change::Set(version, number.into()), Change::Set(hash, sha256.into())];
    if stored.applied.is_some() && config.version.checked_sub(REMEMBERED) == stored.applied {
        changes.push(Change::Copy { to: RUNNING.0, from: version, otherwise: number.into() });
        changes.push(Change::Copy { to: RUNNING.1, from: hash, otherwise: sha256.into() });
    }
    let newest = Guard::Any(vec![Guard::Missing(version), Guard::Less(version, number.into())]);
    Update {
        key: Key::History(node.clone()),
        clauses: vec![Clause::new(Because::NewerRemembered, newest)],
        already_applied: Guard::All(vec![Guard::Equal(version, number.into()), Guard::Equal(hash, sha256.into())]),
        changes,
    }
}

fn slot(version: u64) -> Slot {
    let remainder = usize::try_from(version % REMEMBERED).unwrap_or_default();
    NEWEST[remainder]
}

/// The history of a node's configuration versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(Vec<DesiredConfig>);

impl History {
    /// Reads a history from its stored item.
    ///
    /// # Errors
    /// If a slot has a version or a hash alone, or of another type than the rules write.
    pub fn read(item: &Item) -> Result<Self, Malformed> {
        let slots = NEWEST.into_iter().chain([RUNNING]);
        Ok(Self(slots.filter_map(|slot| config(item, slot).transpose()).collect::<Result<_, _>>()?))
    }

    /// The SHA-256 of a version's document, in hexadecimal; `None` if the version is not remembered.
    pub fn sha256(&self, version: u64) -> Option<&str> {
        self.0.iter().find(|config| config.version == version).map(|config| &*config.sha256)
    }
}

fn config(item: &Item, (version, hash): Slot) -> Result<Option<DesiredConfig>, Malformed> {
    match (number(item, version)?, text(item, hash)?) {
        (None, None) => Ok(None),
        (Some(version), Some(sha256)) => Ok(Some(DesiredConfig { version, sha256: sha256.to_owned() })),
        _ => Err(malformed(version)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::set_config;
    use crate::event::{Event, EventKind};
    use crate::expected::Expected;
    use crate::id::CredentialVersion;
    use crate::plan::plan;
    use crate::policy::{Policy, Registration};
    use crate::report::{ConfigOutcome, ConfigState, Health, Report};
    use crate::timestamp::Timestamp;
    use crate::update::Outcome;

    fn node() -> NodeId {
        "ap-1".parse().expect("an id")
    }

    fn history_after(versions: impl IntoIterator<Item = u64>, applied: impl Fn(u64) -> Option<u64>) -> History {
        let mut item = Item::new();
        for version in versions {
            let stored = Node { applied: applied(version), ..Node::read(&Item::new()).expect("a node") };
            let config = DesiredConfig { version, sha256: format!("hash {version}") };
            if let Outcome::Applied { after } = remember(&node(), &stored, &config).apply(Some(&item)) {
                item = after;
            }
        }
        History::read(&item).expect("readable")
    }

    #[test]
    fn what_runs_is_remembered_however_far_behind_the_node_is() {
        for applied in 1..=20 {
            let history = history_after(1..=100, |desired| (desired > applied).then_some(applied));
            for version in (93..=100).chain([applied]) {
                assert_eq!(history.sha256(version), Some(&*format!("hash {version}")), "{applied} runs");
            }
        }
    }

    #[test]
    fn what_runs_is_remembered_if_the_node_is_one_or_two_versions_behind() {
        for behind in 1..=2 {
            let history = history_after(1..=50, |desired| desired.checked_sub(behind).filter(|applied| *applied > 0));
            assert_eq!(history.sha256(50 - behind), Some(&*format!("hash {}", 50 - behind)));
        }
    }

    #[test]
    fn no_more_is_remembered_than_there_are_slots() {
        let history = history_after(1..=1000, |desired| desired.checked_sub(30));
        assert!(u64::try_from(history.0.len()).is_ok_and(|slots| slots <= REMEMBERED + 1), "{history:?}");
        assert_eq!(history.sha256(500), None);
    }

    #[test]
    fn a_version_that_comes_late_replaces_no_newer_one() {
        assert_eq!(history_after([11, 3], |_| None).sha256(11), Some("hash 11"));
    }

    #[test]
    fn a_version_that_was_never_desired_has_no_document_whatever_a_node_claims() {
        for claimed in [0, 9, u64::MAX] {
            let history = history_after(1..=8, |_| Some(claimed));
            assert_eq!(history.sha256(claimed), None);
        }
    }

    #[test]
    fn a_node_that_rejects_a_version_runs_the_one_before_and_a_substituted_version_runs() {
        let id = node();
        let policy = Policy::new(Registration::Open, 600, 10, 60, 0).expect("in range");
        let report = |version, state| {
            let config = Some(ConfigOutcome { version, state, detail: None });
            let report = Report::new(None, config, Health::default());
            let kind = EventKind::Poll { credentials: CredentialVersion(1), report, results: 0 };
            plan(&Event::new(id.clone(), Timestamp(1), kind), &policy)
        };
        let mut item = Item::new();
        let mut applied_after = |update: Update| {
            let Outcome::Applied { after } = update.apply(Some(&item)) else { panic!("refused") };
            item = after;
            Node::read(&item).expect("readable").applied
        };
        assert_eq!(applied_after(report(1, ConfigState::Rejected)), None);
        assert_eq!(applied_after(report(2, ConfigState::Applied)), Some(2));
        assert_eq!(
            applied_after(set_config(&id, "hash", &Expected::default())),
            Some(2),
            "what is desired does not run yet"
        );
        assert_eq!(applied_after(report(3, ConfigState::Rejected)), Some(2));
        assert_eq!(applied_after(report(4, ConfigState::Substituted)), Some(4));
    }

    #[test]
    fn no_two_slots_share_an_attribute() {
        let slots = NEWEST.into_iter().chain([RUNNING]);
        let attributes: std::collections::BTreeSet<_> = slots.flat_map(|(version, hash)| [version, hash]).collect();
        assert_eq!(attributes.len(), (NEWEST.len() + 1) * 2);
    }

    #[test]
    fn a_repeated_write_is_recognised_and_moves_nothing_twice() {
        let stored = Node { applied: Some(2), ..Node::read(&Item::new()).expect("a node") };
        let config = |version| DesiredConfig { version, sha256: format!("hash {version}") };
        let Outcome::Applied { after: item } = remember(&node(), &stored, &config(2)).apply(None) else {
            panic!("refused")
        };
        let again = remember(&node(), &stored, &config(10));
        let Outcome::Applied { after: item } = again.apply(Some(&item)) else { panic!("refused") };
        assert_eq!(again.apply(Some(&item)), Outcome::Applied { after: item.clone() });
        let history = History::read(&item).expect("readable");
        assert_eq!([2, 10].map(|version| history.sha256(version)), [Some("hash 2"), Some("hash 10")]);
    }

    #[test]
    fn half_a_slot_is_malformed() {
        let half = Item::from([(A::Version3, 3_u64.into())]);
        assert_eq!(History::read(&half), Err(malformed(A::Version3)));
    }
}
