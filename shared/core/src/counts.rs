//! How many nodes there are of each kind: kept while nodes change, so that nobody reads the fleet to know.
//!
//! A record beside each node says as what the node is counted. It changes together with the counts, in one transaction that
//! is refused if the record has changed since it was read. So the counts are always those of the records, whoever counts,
//! however often, and whatever is lost on the way. Whoever counts reads the record first and the node behind it: a record
//! that is unchanged by the time of the write is not newer than the node that was read.

use std::collections::{BTreeMap, BTreeSet};

use crate::about::About;
use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::deletion::Deletion;
use crate::guard::Guard;
use crate::id::NodeId;
use crate::item::{Item, Malformed, Value, malformed, number, text};
use crate::key::Key;
use crate::node::Node;
use crate::policy::Policy;
use crate::selector::{Selectable, Selector};
use crate::timestamp::Timestamp;
use crate::update::{Change, Update};

/// How many writes a transaction has at most (Amazon DynamoDB quotas).
const WRITES: usize = 100;
/// Stands for a character that can't be shown, in a version that a node reported.
const UNSHOWN: char = '\u{fffd}';

/// A property by which nodes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CountedBy {
    /// None: all nodes are counted.
    Node,
    /// The presence, as it was when the node was last counted: a node becomes silent without a write.
    Presence,
    /// The version that the node reported.
    Firmware,
    /// How far the node is with the firmware that it is to run.
    FirmwareUpdate,
    /// How far the node is with its configuration.
    Config,
    /// The model.
    Model,
    /// The site.
    Site,
}

impl CountedBy {
    /// Every property.
    pub const ALL: [Self; 7] =
        [Self::Node, Self::Presence, Self::Firmware, Self::FirmwareUpdate, Self::Config, Self::Model, Self::Site];

    /// The property's name: that of the field in selectors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Presence => "presence",
            Self::Firmware => "firmware",
            Self::FirmwareUpdate => "firmware_update",
            Self::Config => "config",
            Self::Model => "model",
            Self::Site => "site",
        }
    }

    /// The selector of the nodes that have this value.
    pub fn select(self, value: &str) -> String {
        Selector::of(self.name(), value)
    }
}

/// As what a node is counted: its value of each property, in the order of [`CountedBy::ALL`]. An empty text stands for
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds([String; 7]);

impl Kinds {
    /// The kinds of a node as it is at this time.
    pub fn of(id: &NodeId, node: &Node, now: Timestamp, policy: &Policy) -> Self {
        let nameless = About::default();
        let node = Selectable::of(id, node, &nameless, now, policy);
        let shown = |c: char| if c.is_control() { UNSHOWN } else { c };
        Self(CountedBy::ALL.map(|by| node.counted(by).chars().map(shown).collect()))
    }

    /// The value of a property; an empty text if there is none.
    pub fn value(&self, by: CountedBy) -> &str {
        let place = CountedBy::ALL.into_iter().position(|known| known == by);
        place.and_then(|place| self.0.get(place)).map_or("", String::as_str)
    }

    /// The keys of the counts that the node is in.
    fn counts(&self) -> impl Iterator<Item = Key> {
        CountedBy::ALL.into_iter().zip(&self.0).map(|(by, value)| Key::Count(by, value.clone()))
    }

    fn read(text: &str) -> Option<Self> {
        let kinds: Vec<_> = text.split('\n').map(str::to_owned).collect();
        kinds.try_into().ok().map(Self)
    }
}

/// The record beside a node that says as what it is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// `None` if the node is not counted.
    pub kinds: Option<Kinds>,
    /// A number that is another one each time that the record is stored.
    revision: u64,
}

impl Counted {
    /// Reads the record from its stored item.
    ///
    /// # Errors
    /// If an attribute has a value that no rule writes.
    pub fn read(item: &Item) -> Result<Self, Malformed> {
        let read = |text| Kinds::read(text).ok_or_else(|| malformed(A::CountedAs));
        let kinds = text(item, A::CountedAs)?.map(read).transpose()?;
        Ok(Self { kinds, revision: number(item, A::Revision)?.unwrap_or_default() })
    }

    /// The write that replaces the record, if it is still this one.
    fn replace(&self, node: &NodeId, kinds: Option<&Kinds>, now: Timestamp) -> Update {
        let is = |revision: u64| Guard::same(A::Revision, (revision > 0).then(|| revision.into()));
        let counted_as = kinds.map(|kinds| Value::Text(kinds.0.join("\n")));
        // The record of a node that is gone is deleted, and a new one must not have the number of an old one.
        let revision = (self.revision + 1).max(now.0);
        Update {
            key: Key::Counted(node.clone()),
            clauses: vec![Clause::new(Because::CountedMeanwhile, is(self.revision))],
            // Another write that has read the same record makes it the same revision.
            already_applied: Guard::NEVER,
            changes: vec![Change::set_or_remove(A::CountedAs, counted_as), Change::Set(A::Revision, revision.into())],
        }
    }
}

/// A node to be counted: its record, and then what it is; `None` if there is no such node.
pub type Recount = (NodeId, Counted, Option<Kinds>);

/// The transactions that count these nodes as what they are, one for each list of writes, and the nodes that it counts. Nodes
/// that are counted as what they are need no write.
pub fn recount(nodes: &[Recount], now: Timestamp) -> Vec<(Vec<NodeId>, Vec<Update>)> {
    let mut transactions = vec![];
    let mut rest: Vec<_> = nodes.iter().filter(|(_, counted, is)| counted.kinds != *is).collect();
    while !rest.is_empty() {
        let mut counts = BTreeSet::new();
        let fitting = rest.iter().enumerate().take_while(|(place, (_, counted, is))| {
            counts.extend([&counted.kinds, is].into_iter().flatten().flat_map(Kinds::counts));
            place + 1 + counts.len() <= WRITES
        });
        let some: Vec<_> = rest.drain(..fitting.count()).collect();
        transactions.push((some.iter().map(|(node, ..)| node.clone()).collect(), transaction(&some, now)));
    }
    transactions
}

/// The records of these nodes, and the counts that they enter and leave.
fn transaction(nodes: &[&Recount], now: Timestamp) -> Vec<Update> {
    let mut moved: BTreeMap<Key, i64> = BTreeMap::new();
    for (_, counted, is) in nodes {
        for (kinds, by) in [(&counted.kinds, -1), (is, 1)] {
            for count in kinds.iter().flat_map(Kinds::counts) {
                *moved.entry(count).or_default() += by;
            }
        }
    }
    let counts = moved.into_iter().filter(|(_, by)| *by != 0).map(|(key, by)| {
        // Updates only add: the difference of both is how many there are.
        let attribute = if by > 0 { A::Entered } else { A::Left };
        let changes = vec![Change::Add(attribute, by.unsigned_abs())];
        Update { key, clauses: vec![], already_applied: Guard::NEVER, changes }
    });
    nodes.iter().map(|(node, counted, is)| counted.replace(node, is.as_ref(), now)).chain(counts).collect()
}

/// How many nodes are of a kind, by the stored count.
///
/// # Errors
/// If the count has a value that no rule writes.
pub fn count(item: &Item) -> Result<u64, Malformed> {
    let [entered, left] = [A::Entered, A::Left].map(|attribute| number(item, attribute));
    entered?.unwrap_or_default().checked_sub(left?.unwrap_or_default()).ok_or_else(|| malformed(A::Left))
}

/// The deletion of a count of no node: only if it has not changed since.
pub fn delete_count(key: Key, item: &Item) -> Deletion {
    let same = [A::Entered, A::Left].map(|attribute| Guard::same(attribute, item.get(&attribute).cloned()));
    Deletion { key, condition: Guard::All(same.to_vec()) }
}

/// The deletion of the record of a node that is not counted.
pub fn delete_counted(node: &NodeId) -> Deletion {
    Deletion { key: Key::Counted(node.clone()), condition: Guard::Missing(A::CountedAs) }
}

#[cfg(test)]
#[path = "counts_tests.rs"]
mod tests;
