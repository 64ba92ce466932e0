//! How many nodes there are of each kind, beside the nodes that there are.

use std::collections::BTreeMap;

use rollcall_core::{Counted, CountedBy, Item, Key, Kinds, Node, NodeId, Timestamp, count};

use super::facts::{Facts, earlier};
use super::table::Change;
use super::verdicts::Verdicts;
use crate::violation::ViolationKind as Kind;

/// How long it takes at most until a node is counted as what it has become, in milliseconds, once nothing fails any more.
const COUNTED_WITHIN_MS: u64 = 10 * 60_000;
/// How long it takes at most until the feed has counted a node, in milliseconds, if nothing fails.
const FED_WITHIN_MS: u64 = 5 * 60_000;
/// So many nodes that were counted late say something: fewer may have changed while something failed.
const LATE: usize = 8;
/// What a node counts as that has become silent: nothing says so to the feed.
const SILENT: &str = "silent";
const ONLINE: &str = "online";

/// The counts, and the records that say as what each node is counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    records: BTreeMap<NodeId, Kinds>,
    kinds: BTreeMap<(CountedBy, String), u64>,
    /// When each node last became something else.
    changed: BTreeMap<usize, Timestamp>,
    /// Since when each node is something else than what it is counted as.
    waiting: BTreeMap<NodeId, Timestamp>,
    /// How many nodes were counted in time, and how many late.
    prompt: usize,
    late: usize,
    /// Whether anybody counts.
    is_kept: bool,
}

impl Counts {
    /// An item was written, or deleted.
    pub(super) fn wrote(&mut self, verdicts: &mut Verdicts, at: Timestamp, key: &Key, item: Option<&Item>) {
        self.is_kept |= matches!(key, Key::Counted(_));
        if let Key::Counted(node) = key
            && let Some(since) = self.waiting.remove(node)
        {
            *(if since >= earlier(at, FED_WITHIN_MS) { &mut self.prompt } else { &mut self.late }) += 1;
        }
        match key {
            Key::Counted(node) => match item.map(Counted::read).transpose() {
                Ok(Some(Counted { kinds: Some(kinds), .. })) => drop(self.records.insert(node.clone(), kinds)),
                Ok(_) => drop(self.records.remove(node)),
                Err(error) => verdicts.other(Kind::Miscounted, at, format!("what {node} is counted as: {error}")),
            },
            Key::Count(by, value) => match item.map_or(Ok(0), count) {
                Ok(0) => drop(self.kinds.remove(&(*by, value.clone()))),
                Ok(count) => drop(self.kinds.insert((*by, value.clone()), count)),
                Err(error) => verdicts.other(Kind::Miscounted, at, format!("{}: {error}", by.select(value))),
            },
            _ => {}
        }
    }

    /// A node's own item was written.
    pub(super) fn wrote_node(&mut self, facts: &Facts, at: Timestamp, change: &Change) {
        let Some(is) = kinds(facts, change.node, &change.is, at) else { return };
        let was = change.was.as_ref().and_then(|was| kinds(facts, change.node, was, at));
        if was.is_none_or(|was| differs(&was, &is)) {
            self.changed.insert(change.node, at);
            self.waiting.extend(facts.nodes.get(change.node).map(|node| (node.id.clone(), at)));
        }
    }

    /// The counts are those of the records, and most nodes did not wait for a scan.
    pub(super) fn finish(&self, verdicts: &mut Verdicts, now: Timestamp) {
        if self.late >= LATE.max(self.prompt) {
            let what = format!("{} nodes were counted late, and {} in time", self.late, self.prompt);
            verdicts.other(Kind::Miscounted, now, what);
        }
        let mut truly: BTreeMap<(CountedBy, String), u64> = BTreeMap::new();
        for (kinds, by) in self.records.values().flat_map(|kinds| CountedBy::ALL.map(|by| (kinds, by))) {
            *truly.entry((by, kinds.value(by).to_owned())).or_default() += 1;
        }
        if truly != self.kinds {
            let what = format!("the counts are {:?}, and those of the records are {truly:?}", self.kinds);
            verdicts.other(Kind::Miscounted, now, what);
        }
    }

    /// The node is counted as what it is.
    pub(super) fn finish_node(
        &self,
        facts: &Facts,
        verdicts: &mut Verdicts,
        now: Timestamp,
        (node, is): (usize, Option<&Node>),
    ) {
        let Some(plan) = facts.nodes.get(node) else { return };
        if !self.is_kept || self.changed.get(&node).is_some_and(|at| *at > earlier(now, COUNTED_WITHIN_MS)) {
            return;
        }
        let (is, counted) = (is.and_then(|is| kinds(facts, node, is, now)), self.records.get(&plan.id));
        let is_wrong = match (&is, counted) {
            (Some(is), Some(counted)) => differs(is, counted),
            (is, counted) => is.is_some() != counted.is_some(),
        };
        if is_wrong {
            verdicts.node(Kind::Miscounted, now, node, format!("is {is:?}, and is counted as {counted:?}"));
        }
    }
}

fn kinds(facts: &Facts, node: usize, is: &Node, at: Timestamp) -> Option<Kinds> {
    Some(Kinds::of(&facts.nodes.get(node)?.id, is, at, facts.policy.as_ref()?))
}

/// Whether a node is something else. That it is silent counts as online.
fn differs(one: &Kinds, other: &Kinds) -> bool {
    let value =
        |kinds: &Kinds, by| if kinds.value(by) == SILENT { ONLINE.to_owned() } else { kinds.value(by).to_owned() };
    CountedBy::ALL.into_iter().any(|by| value(one, by) != value(other, by))
}
