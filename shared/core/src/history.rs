//! The last versions of a node's configuration: their documents, when they were set, and by whom.
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
use crate::node::Node;
use crate::remembered::{Remembered, Setting};
use crate::report::ConfigState;
use crate::update::{Change, Update};

/// A place for one version: the attributes of the version, and of its document and how it was set.
type Slot = (A, A);

/// Each version has the slot of its remainder when it is divided by the number of slots. The slot holds the newest such
/// version. With all slots, the item stays within three write units.
const NEWEST: [Slot; 20] = [
    (A::Version0, A::Hash0),
    (A::Version1, A::Hash1),
    (A::Version2, A::Hash2),
    (A::Version3, A::Hash3),
    (A::Version4, A::Hash4),
    (A::Version5, A::Hash5),
    (A::Version6, A::Hash6),
    (A::Version7, A::Hash7),
    (A::Version8, A::Hash8),
    (A::Version9, A::Hash9),
    (A::Version10, A::Hash10),
    (A::Version11, A::Hash11),
    (A::Version12, A::Hash12),
    (A::Version13, A::Hash13),
    (A::Version14, A::Hash14),
    (A::Version15, A::Hash15),
    (A::Version16, A::Hash16),
    (A::Version17, A::Hash17),
    (A::Version18, A::Hash18),
    (A::Version19, A::Hash19),
];
/// The slot of the version that runs, once a newer version took its own slot.
const RUNNING: Slot = (A::RunningVersion, A::RunningHash);
/// How many versions are remembered besides the one that runs.
const REMEMBERED: u64 = NEWEST.len() as u64;

/// The write that stores the version that was just made of a node in its history; `stored` is the node since then. A
/// version that comes late does not replace a newer one. If the slot holds the version that runs, that one is kept in a slot
/// of its own.
pub fn remember(node: &NodeId, stored: &Node, setting: &Setting) -> Update {
    let made = Remembered::of(stored, setting);
    let (version, document) = slot(made.version);
    let (number, said) = (made.version, made.stored());
    let mut changes = vec![Change::Set(version, number.into()), Change::Set(document, said.as_str().into())];
    if stored.applied.is_some() && number.checked_sub(REMEMBERED) == stored.applied {
        changes.push(Change::Copy { to: RUNNING.0, from: version, otherwise: number.into() });
        changes.push(Change::Copy { to: RUNNING.1, from: document, otherwise: said.as_str().into() });
    }
    let newest = Guard::Any(vec![Guard::Missing(version), Guard::Less(version, number.into())]);
    Update {
        key: Key::History(node.clone()),
        clauses: vec![Clause::new(Because::NewerRemembered, newest)],
        already_applied: Guard::All(vec![
            Guard::Equal(version, number.into()),
            Guard::Equal(document, said.as_str().into()),
        ]),
        changes,
    }
}

fn slot(version: u64) -> Slot {
    let remainder = usize::try_from(version % REMEMBERED).unwrap_or_default();
    NEWEST[remainder]
}

/// The history of a node's configuration versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(Vec<Remembered>);

/// What became of a version of a node's configuration, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// It is desired, and the node has not reported on it yet.
    Pending,
    /// The node reported this on it.
    Reported(ConfigState),
    /// Another version was made, and nothing is known that the node reported on this one.
    Superseded,
    /// It counts that no configuration was desired any more.
    Unset,
}

/// A version of a node's configuration, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Version {
    pub remembered: Remembered,
    pub became: Became,
    /// Whether it is the last version that the node reported as applied or substituted.
    pub runs: bool,
}

impl History {
    /// Reads a history from its stored item.
    ///
    /// # Errors
    /// If a slot has a version or a document alone, or of another type or form than the rules write.
    pub fn read(item: &Item) -> Result<Self, Malformed> {
        let slots = NEWEST.into_iter().chain([RUNNING]);
        Ok(Self(slots.filter_map(|slot| remembered(item, slot).transpose()).collect::<Result<_, _>>()?))
    }

    /// The SHA-256 of a version's document, in hexadecimal; `None` if the version is not remembered, or has none.
    pub fn sha256(&self, version: u64) -> Option<&str> {
        self.0.iter().find(|remembered| remembered.version == version)?.sha256.as_deref()
    }

    /// The versions of a node, the newest first. The last one is among them, even if it is not remembered.
    pub fn versions(&self, node: &Node) -> Vec<Version> {
        let mut all = self.0.clone();
        if node.config_version > 0 && all.iter().all(|remembered| remembered.version != node.config_version) {
            all.push(Remembered::as_told_by(node));
        }
        all.sort_unstable_by_key(|remembered| std::cmp::Reverse(remembered.version));
        all.dedup_by_key(|remembered| remembered.version);
        let versions = all.iter().map(|remembered| Version {
            became: became(remembered, node, &all),
            runs: node.applied == Some(remembered.version) && remembered.sha256.is_some(),
            remembered: remembered.clone(),
        });
        versions.collect()
    }

    /// The version that a node goes back to if none is named: the last one before the present one that has another
    /// document.
    pub fn before(&self, node: &Node) -> Option<&Remembered> {
        let now = node.desired.as_ref().map(|desired| desired.sha256.as_str());
        let is_other = |remembered: &&Remembered| {
            let sha256 = remembered.sha256.as_deref();
            remembered.version < node.config_version && sha256.is_some() && sha256 != now
        };
        self.0.iter().filter(is_other).max_by_key(|remembered| remembered.version)
    }
}

/// What became of a version. A report on it is known if it was the node's last one when a later version was made, or is the
/// last one now.
fn became(this: &Remembered, node: &Node, all: &[Remembered]) -> Became {
    if this.sha256.is_none() {
        return Became::Unset;
    }
    let is_desired = node.desired.as_ref().is_some_and(|desired| desired.version == this.version);
    if is_desired && node.news().is_some() {
        return Became::Pending;
    }
    let last = node.config.as_ref().map(|config| (config.version, config.state));
    let reports = last.into_iter().chain(all.iter().filter_map(|later| later.reported));
    let reported = reports.into_iter().find(|(version, _)| *version == this.version).map(|(_, state)| state);
    let runs = node.applied == Some(this.version);
    match reported.or_else(|| runs.then_some(ConfigState::Applied)) {
        Some(state) => Became::Reported(state),
        None if is_desired => Became::Pending,
        None => Became::Superseded,
    }
}

fn remembered(item: &Item, (version, document): Slot) -> Result<Option<Remembered>, Malformed> {
    match (number(item, version)?, text(item, document)?) {
        (None, None) => Ok(None),
        (Some(version), Some(said)) => Ok(Some(Remembered::read(version, said).ok_or_else(|| malformed(document))?)),
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
    use crate::node::DesiredConfig;
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
            let stored = Node { applied: applied(version), ..desiring(version) };
            if let Outcome::Applied { after } = remember(&node(), &stored, &setting()).apply(Some(&item)) {
                item = after;
            }
        }
        History::read(&item).expect("readable")
    }

    /// A node of which this version is desired.
    fn desiring(version: u64) -> Node {
        let desired = Some(DesiredConfig { version, sha256: hash(version) });
        Node { desired, config_version: version, ..Node::read(&Item::new()).expect("a node") }
    }

    fn hash(version: u64) -> String {
        format!("hash-{version}")
    }

    fn setting() -> Setting {
        Setting { at: Timestamp(7_000), by: Some("deploy".to_owned()) }
    }

    #[test]
    fn what_runs_is_remembered_however_far_behind_the_node_is() {
        for applied in 1..=50 {
            let history = history_after(1..=100, |desired| (desired > applied).then_some(applied));
            for version in (81..=100).chain([applied]) {
                assert_eq!(history.sha256(version), Some(&*hash(version)), "{applied} runs");
            }
        }
    }

    #[test]
    fn what_runs_is_remembered_if_the_node_is_one_or_two_versions_behind() {
        for behind in 1..=2 {
            let history = history_after(1..=50, |desired| desired.checked_sub(behind).filter(|applied| *applied > 0));
            assert_eq!(history.sha256(50 - behind), Some(&*hash(50 - behind)));
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
        assert_eq!(history_after([31, 11], |_| None).sha256(31), Some("hash-31"));
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
        let stored = |version| Node { applied: Some(2), ..desiring(version) };
        let Outcome::Applied { after: item } = remember(&node(), &stored(2), &setting()).apply(None) else {
            panic!("refused")
        };
        let again = remember(&node(), &stored(22), &setting());
        let Outcome::Applied { after: item } = again.apply(Some(&item)) else { panic!("refused") };
        assert_eq!(again.apply(Some(&item)), Outcome::Applied { after: item.clone() });
        let history = History::read(&item).expect("readable");
        assert_eq!([2, 22].map(|version| history.sha256(version)), [Some("hash-2"), Some("hash-22")]);
    }

    #[test]
    fn half_a_slot_is_malformed() {
        let half = Item::from([(A::Version3, 3_u64.into())]);
        assert_eq!(History::read(&half), Err(malformed(A::Version3)));
    }
}
