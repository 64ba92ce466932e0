//! The table, as the writes that were seen have left it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rollcall_core::{Item, Key, NODE_ITEM_BYTES, Node, Origin, PARTITION_KEY, SORT_KEY, Timestamp, Value};

use super::facts::Facts;
use super::hashing::hash;
use super::verdicts::Verdicts;
use crate::violation::ViolationKind as Kind;

/// How many versions of a node's configuration are remembered.
const VERSIONS: usize = 64;
/// How many raises of a node's credential version are remembered.
const RAISES: usize = 8;

/// A write to a node's own item.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) node: usize,
    /// `None` if there was no item.
    pub(super) was: Option<Arc<Node>>,
    pub(super) is: Arc<Node>,
}

/// A version of a node's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) number: u64,
    pub(super) sha256: String,
    /// Whether it was set for the node alone.
    pub(super) own: bool,
    /// From when on it was desired.
    pub(super) since: Timestamp,
}

/// What is known of a node's item.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    node: Option<Arc<Node>>,
    /// The last versions of its configuration, the newest last.
    pub(super) versions: VecDeque<Version>,
    /// Since when it runs the version that it runs.
    applied_since: Option<Timestamp>,
    /// Since when the node is revoked.
    revoked_since: Option<Timestamp>,
    /// When the credential version was raised, and to which one: the last times.
    raised: VecDeque<(Timestamp, u32)>,
    /// Since when the node is in its site.
    pub(super) in_site_since: Option<Timestamp>,
    /// When a token of the node was last refused that is accepted now: until it was let back in, or registered.
    pub(super) let_in_at: Option<Timestamp>,
    /// The connection that held the node when its credentials were last refused or outdated.
    pub(super) refused_holder: Option<rollcall_core::ConnectionId>,
}

/// The table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    nodes: Vec<Stored>,
    /// A hash of each item as it was written last. Two items with one hash are not told apart.
    hashes: HashMap<Key, u64>,
    seen: bool,
}

impl Table {
    pub(super) fn new(nodes: usize) -> Self {
        Self { nodes: vec![Stored::default(); nodes], hashes: HashMap::new(), seen: false }
    }

    /// Whether writes are seen at all. A world on real sockets sees none.
    pub(super) fn is_seen(&self) -> bool {
        self.seen
    }

    /// The node's item, as it was written last.
    pub(super) fn node(&self, node: usize) -> Option<&Arc<Node>> {
        self.nodes.get(node)?.node.as_ref()
    }

    pub(super) fn stored(&self, node: usize) -> Option<&Stored> {
        self.nodes.get(node)
    }

    /// Whether an item is there.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.hashes.contains_key(key)
    }

    /// Notes that an item was deleted.
    pub(super) fn forgotten(&mut self, key: &Key) {
        self.hashes.remove(key);
    }

    /// Notes a write, and checks that nobody wrote the item in between.
    pub(super) fn wrote(&mut self, verdicts: &mut Verdicts, at: Timestamp, write: (&Key, Option<&Item>, &Item)) {
        let (key, before, after) = write;
        self.seen = true;
        let known = match self.hashes.get_mut(key) {
            Some(known) => Some(std::mem::replace(known, hash(after))),
            None => self.hashes.insert(key.clone(), hash(after)),
        };
        if known != before.map(hash) {
            let what =
                format!("an item was changed by nobody: {key:?} was written as {before:?}, and it was another one");
            verdicts.other(Kind::ChangedBehindOurBack, at, what);
        }
    }

    /// Notes a write to a node's own item. `None` if the item can't be read.
    pub(super) fn wrote_node(
        &mut self,
        facts: &Facts,
        verdicts: &mut Verdicts,
        at: Timestamp,
        node: usize,
        after: &Item,
    ) -> Option<Change> {
        let id = facts.nodes.get(node)?.id.as_str().len();
        let bytes = size(id, after);
        if bytes > NODE_ITEM_BYTES {
            verdicts.node(Kind::BrokenItem, at, node, format!("has an item of {bytes} bytes; a write unit is 1,024"));
        }
        let is = match Node::read(after) {
            Ok(is) => Arc::new(is),
            Err(error) => {
                verdicts.node(Kind::BrokenItem, at, node, format!("has an item that can't be read: {error}"));
                return None;
            }
        };
        let stored = self.nodes.get_mut(node)?;
        let was = stored.node.replace(Arc::clone(&is));
        stored.note(at, was.as_deref(), &is);
        Some(Change { node, was, is })
    }

    /// Since when a token of this credential version is refused; `None` if it is accepted.
    pub(super) fn refused_since(&self, node: usize, credentials: u32) -> Option<Timestamp> {
        let stored = self.nodes.get(node)?;
        let outdated = stored.raised.iter().find(|(_, version)| *version > credentials).map(|(at, _)| *at);
        stored.revoked_since.into_iter().chain(outdated).min()
    }

    /// The nodes that are to run a document, or have run it since before `since`, as far as is stored.
    pub(super) fn users(&self, sha256: &str, since: Timestamp) -> Vec<usize> {
        let uses = |stored: &Stored| {
            let Some(node) = &stored.node else { return false };
            let is_desired = node.desired.as_ref().is_some_and(|desired| desired.sha256 == sha256);
            let runs = stored.versions.iter().find(|version| Some(version.number) == node.applied);
            let settled = stored.applied_since.is_some_and(|at| at < since);
            is_desired || (settled && runs.is_some_and(|version| version.sha256 == sha256))
        };
        self.nodes.iter().enumerate().filter(|(_, stored)| uses(stored)).map(|(node, _)| node).collect()
    }

    /// The version that was desired at a time; 0 if there was none, `None` if it is not remembered.
    pub(super) fn desired_at(&self, node: usize, at: Timestamp) -> Option<u64> {
        let versions = &self.nodes.get(node)?.versions;
        match versions.iter().rev().find(|version| version.since <= at) {
            Some(version) => Some(version.number),
            None if versions.len() < VERSIONS => Some(0),
            None => None,
        }
    }
}

impl Stored {
    fn note(&mut self, at: Timestamp, was: Option<&Node>, is: &Node) {
        if was.and_then(|was| was.desired.as_ref()) != is.desired.as_ref()
            && let Some(desired) = &is.desired
        {
            let (number, sha256) = (desired.version, desired.sha256.clone());
            let own = is.config_origin == Origin::Node;
            self.versions.push_back(Version { number, sha256, own, since: at });
            if self.versions.len() > VERSIONS {
                self.versions.pop_front();
            }
        }
        if was.and_then(|was| was.applied) != is.applied {
            self.applied_since = Some(at);
        }
        let (had, has) = (was.and_then(|was| was.credentials), is.credentials);
        if let Some(version) = has.filter(|_| has != had) {
            self.raised.push_back((at, version.0));
            if self.raised.len() > RAISES {
                self.raised.pop_front();
            }
        }
        if had.is_none() && has.is_some() {
            self.let_in_at = Some(at);
        }
        let was_revoked = was.is_some_and(|was| was.revoked);
        if is.revoked != was_revoked {
            self.revoked_since = is.revoked.then_some(at);
            self.let_in_at = Some(at);
        }
        if (is.revoked && !was_revoked) || (had < has && had.is_some()) {
            self.refused_holder = was.and_then(Node::open).map(|held| held.connection.id.clone());
        }
        if was.and_then(|was| was.site.as_ref()) != is.site.as_ref() {
            self.in_site_since = Some(at);
        }
    }
}

/// The size of a node's item (Amazon DynamoDB, "Item sizes and formats"): names and text count in UTF-8 bytes; a number
/// takes a byte for two significant digits, and one more.
fn size(id: usize, item: &Item) -> usize {
    const KEYS: usize = PARTITION_KEY.len() + "node#".len() + SORT_KEY.len() + "node".len();
    let attribute = |(attribute, value): (&rollcall_core::Attribute, &Value)| {
        attribute.name().len()
            + match value {
                Value::Text(text) => text.len(),
                Value::Number(number) => (number.checked_ilog10().unwrap_or_default() as usize + 1).div_ceil(2) + 1,
            }
    };
    KEYS + id + item.iter().map(attribute).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use rollcall_core::Attribute;

    use super::*;

    #[test]
    fn the_size_of_an_item_is_that_of_its_names_and_values() {
        let item = Item::from([(Attribute::Seen, Value::Number(1_234_567)), (Attribute::Site, "site-1".into())]);
        assert_eq!(size(4, &item), (2 + 5 + 2 + 4) + 4 + (1 + 4 + 1) + (4 + 6));
    }
}
