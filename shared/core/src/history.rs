//! The documents of a node's last configuration versions. They are needed to tell how the configuration that runs
//! differs from the desired one.
//!
//! The node's item names the document of the desired version, but has only the number of the version that runs. The
//! document of that version is named here. The history is an item of its own, so that it takes no bytes of the node's
//! item and costs a check-in nothing.

use std::collections::BTreeMap;

use crate::node::{DesiredConfig, Node};

/// How many versions are remembered besides the one that runs. With all of them, the item stays within one write unit,
/// as the node's item does.
pub const REMEMBERED: u64 = 8;

/// A place for one version in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// The newest of the versions whose remainder is this when they are divided by [`REMEMBERED`].
    Newest(u64),
    /// The version that runs, once a newer version took its own slot.
    Running,
}

impl Slot {
    /// Every slot.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..REMEMBERED).map(Self::Newest).chain([Self::Running])
    }

    /// The attributes that hold the slot's version and the SHA-256 of its document.
    pub fn names(self) -> [String; 2] {
        match self {
            Self::Newest(slot) => ["v", "h"].map(|name| format!("{name}{slot}")),
            Self::Running => ["vr", "hr"].map(str::to_owned),
        }
    }
}

/// A version to be stored in the history. A version that comes late does not replace a newer one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Remember {
    pub slot: Slot,
    pub config: DesiredConfig,
    /// Whether the version that the slot held before is moved to [`Slot::Running`].
    pub keep: bool,
}

/// The version to be stored in a node's history when this configuration becomes desired.
pub fn remember(node: &Node, config: &DesiredConfig) -> Remember {
    Remember {
        slot: slot(config.version),
        config: config.clone(),
        keep: node.applied.is_some() && config.version.checked_sub(REMEMBERED) == node.applied,
    }
}

fn slot(version: u64) -> Slot {
    Slot::Newest(version % REMEMBERED)
}

/// The history of a node's configuration versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(BTreeMap<Slot, DesiredConfig>);

impl FromIterator<(Slot, DesiredConfig)> for History {
    fn from_iter<T: IntoIterator<Item = (Slot, DesiredConfig)>>(slots: T) -> Self {
        Self(slots.into_iter().collect())
    }
}

impl History {
    /// The SHA-256 of a version's document, in hexadecimal; `None` if the version is not remembered.
    pub fn sha256(&self, version: u64) -> Option<&str> {
        let mut of_version = [slot(version), Slot::Running].into_iter().filter_map(|slot| self.0.get(&slot));
        of_version.find(|config| config.version == version).map(|config| &*config.sha256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Item;
    use crate::desired::set_config;
    use crate::event::{Event, EventKind};
    use crate::expected::Expected;
    use crate::id::{CredentialVersion, NodeId, Timestamp};
    use crate::plan::plan;
    use crate::policy::{Policy, Registration};
    use crate::report::{ConfigOutcome, ConfigState, Health, Report};
    use crate::update::{Outcome, Update};

    impl History {
        fn remember(&mut self, remember: Remember) {
            let before = self.0.get(&remember.slot).cloned();
            if before.as_ref().is_some_and(|before| before.version >= remember.config.version) {
                return;
            }
            self.0.extend(before.filter(|_| remember.keep).map(|before| (Slot::Running, before)));
            self.0.insert(remember.slot, remember.config);
        }

        fn after(versions: impl IntoIterator<Item = u64>, applied: impl Fn(u64) -> Option<u64>) -> Self {
            let mut history = Self::default();
            for version in versions {
                let node = Node { applied: applied(version), ..Node::read(&Item::new()).expect("a node") };
                history.remember(remember(&node, &DesiredConfig { version, sha256: format!("hash {version}") }));
            }
            history
        }
    }

    #[test]
    fn what_runs_is_remembered_however_far_behind_the_node_is() {
        for applied in 1..=20 {
            let history = History::after(1..=100, |desired| (desired > applied).then_some(applied));
            for version in (93..=100).chain([applied]) {
                assert_eq!(history.sha256(version), Some(&*format!("hash {version}")), "{applied} runs");
            }
        }
    }

    #[test]
    fn what_runs_is_remembered_if_the_node_is_one_or_two_versions_behind() {
        for behind in 1..=2 {
            let history = History::after(1..=50, |desired| desired.checked_sub(behind).filter(|applied| *applied > 0));
            assert_eq!(history.sha256(50 - behind), Some(&*format!("hash {}", 50 - behind)));
        }
    }

    #[test]
    fn no_more_is_remembered_than_there_are_slots() {
        let history = History::after(1..=1000, |desired| desired.checked_sub(30));
        assert!(u64::try_from(history.0.len()).is_ok_and(|slots| slots <= REMEMBERED + 1), "{history:?}");
        assert_eq!(history.sha256(500), None);
    }

    #[test]
    fn a_version_that_comes_late_replaces_no_newer_one() {
        assert_eq!(History::after([11, 3], |_| None).sha256(11), Some("hash 11"));
    }

    #[test]
    fn a_version_that_was_never_desired_has_no_document_whatever_a_node_claims() {
        for claimed in [0, 9, u64::MAX] {
            let history = History::after(1..=8, |_| Some(claimed));
            assert_eq!(history.sha256(claimed), None);
        }
    }

    #[test]
    fn a_node_that_rejects_a_version_runs_the_one_before_and_a_substituted_version_runs() {
        let id: NodeId = "ap-1".parse().expect("an id");
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
    fn no_two_slots_share_a_name() {
        let names: std::collections::BTreeSet<_> = Slot::all().flat_map(Slot::names).collect();
        assert_eq!(names.len(), Slot::all().count() * 2);
    }
}
