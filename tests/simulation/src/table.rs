//! The table: linearizable writes of single items, transactions, lists, and an index that is updated late.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, RangeInclusive};

use rollcall_core::{
    Attribute, Because, DUE_SHARDS, Deletion, Item, Key, NodeId, Outcome, Site, Timestamp, Update, Value, due_shard,
};
use rollcall_service::{Order, Segment};

/// A write that was made.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) key: Key,
    pub(crate) before: Option<Item>,
    pub(crate) after: Item,
}

/// A node's place in the indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    site: Option<String>,
    /// Its shard, and the end of its grace period.
    due: Option<(u64, u64)>,
}

impl Place {
    fn of(item: &Item) -> Self {
        let number = |attribute| match item.get(&attribute) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        };
        let site = match item.get(&Attribute::Site) {
            Some(Value::Text(site)) => Some(site.clone()),
            _ => None,
        };
        Self { site, due: number(Attribute::DueShard).zip(number(Attribute::Due)) }
    }
}

/// All items.
#[derive(Debug, Default)]
pub(crate) struct Table {
    items: BTreeMap<Key, Item>,
    /// The index of sites: what it knows.
    sites: BTreeSet<(String, NodeId)>,
    /// The index of suspected nodes: what it knows, by shard and by the end of the grace period.
    suspects: BTreeMap<(u64, u64), BTreeSet<NodeId>>,
    /// Where the indexes have each node.
    indexed: BTreeMap<NodeId, Place>,
    /// Of the writes that are applied, every tenth is not stored; and how many there were.
    loses_writes: Option<u64>,
    ignores_guards: bool,
    /// Clauses with this label are left out of every guard.
    ignores: Option<Because>,
}

impl Table {
    /// Makes one guarded write at this moment. The change is `None` if nothing was written: the guard does not hold.
    pub(crate) fn write(&mut self, update: &Update) -> (Outcome, Option<Change>) {
        let without = self.ignores.map(|label| update.without(label));
        let update = without.as_ref().unwrap_or(update);
        let stored = self.items.get(&update.key);
        let none = Item::new();
        let is_written = self.ignores_guards || holds(update, stored.unwrap_or(&none));
        let outcome = if self.ignores_guards {
            Update { clauses: vec![], ..update.clone() }.apply(stored)
        } else {
            update.apply(stored)
        };
        let Outcome::Applied { after } = &outcome else { return (outcome, None) };
        if !is_written {
            return (outcome, None);
        }
        if let Some(count) = &mut self.loses_writes {
            *count += 1;
            if count.is_multiple_of(10) {
                return (outcome, None);
            }
        }
        let before = self.items.insert(update.key.clone(), after.clone());
        let change = Change { key: update.key.clone(), before, after: after.clone() };
        (outcome, Some(change))
    }

    /// Makes several guarded writes at this moment, all or none; `None` if a guard does not hold.
    pub(crate) fn write_all(&mut self, updates: &[Update]) -> Option<Vec<Change>> {
        let none = Item::new();
        let without: Vec<_> = updates
            .iter()
            .map(|update| self.ignores.map_or_else(|| update.clone(), |label| update.without(label)))
            .collect();
        let updates = &without[..];
        let hold = updates.iter().all(|update| holds(update, self.items.get(&update.key).unwrap_or(&none)));
        if !hold {
            return None;
        }
        Some(updates.iter().filter_map(|update| self.write(update).1).collect())
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Item> {
        self.items.get(key)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.items.keys()
    }

    /// Replaces an item, or deletes it.
    pub(crate) fn put(&mut self, key: Key, item: Option<Item>) {
        match item {
            Some(item) => self.items.insert(key, item),
            None => self.items.remove(&key),
        };
    }

    /// From now on, of the writes that are applied every tenth is not stored.
    pub(crate) fn lose_writes(&mut self) {
        self.loses_writes = Some(0);
    }

    /// From now on, every guard holds.
    pub(crate) fn ignore_guards(&mut self) {
        self.ignores_guards = true;
    }

    /// From now on, clauses with this label are left out of every guard.
    pub(crate) fn ignore(&mut self, label: Because) {
        self.ignores = Some(label);
    }

    /// Deletes an item whose time to live is over, by this time in seconds since 1970. Returns whether it was there.
    pub(crate) fn forget(&mut self, key: &Key, now_s: u64) -> bool {
        let over = |item: &Item| matches!(item.get(&Attribute::ForgetAt), Some(Value::Number(at)) if *at <= now_s);
        let is_over = self.items.get(key).is_some_and(over);
        is_over && self.items.remove(key).is_some()
    }

    /// Deletes an item if the condition holds for it. Returns whether it is gone, and what it was if it was there.
    pub(crate) fn delete(&mut self, deletion: &Deletion) -> (bool, Option<Item>) {
        let is_gone = self.ignores_guards || deletion.applies(self.items.get(&deletion.key));
        (is_gone, is_gone.then(|| self.items.remove(&deletion.key)).flatten())
    }

    /// The items from one key to another of the same partition, in this order: at most so many.
    pub(crate) fn range(&self, keys: RangeInclusive<Key>, order: Order, limit: usize) -> Vec<(Key, Item)> {
        if keys.is_empty() {
            return vec![];
        }
        let range = self.items.range(keys).map(|(key, item)| (key.clone(), item.clone()));
        match order {
            Order::Ascending => range.take(limit).collect(),
            Order::Descending => range.rev().take(limit).collect(),
        }
    }

    /// The next so many nodes behind a key, and the last of them if there are more. Nodes are in a table of their own.
    pub(crate) fn scan(&self, after: Option<&Key>, limit: usize) -> (Vec<(NodeId, Item)>, Option<Key>) {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let nodes: Vec<_> =
            self.nodes_from(start).map(|(node, item)| (node.clone(), item.clone())).take(limit).collect();
        let more = nodes.last().filter(|_| nodes.len() == limit).map(|(last, _)| Key::Node(last.clone()));
        (nodes, more)
    }

    /// The nodes from a key on: they are the first of all keys.
    fn nodes_from(&self, start: Bound<&Key>) -> impl Iterator<Item = (&NodeId, &Item)> {
        self.items.range((start, Bound::Unbounded)).map_while(|(key, item)| match key {
            Key::Node(node) => Some((node, item)),
            _ => None,
        })
    }

    /// The next so many nodes that the index has at a site, and the last one if there are more.
    pub(crate) fn ids(&self, site: &Site, after: Option<&Key>, limit: usize) -> (Vec<NodeId>, Option<Key>) {
        let after = after.and_then(Key::node);
        let of_site =
            self.sites.iter().filter(|(of, node)| of == site.as_str() && after.is_none_or(|after| node > after));
        let ids: Vec<_> = of_site.take(limit).map(|(_, node)| node.clone()).collect();
        let more = ids.last().filter(|_| ids.len() == limit).map(|last| Key::Node(last.clone()));
        (ids, more)
    }

    /// The items of these nodes that have such a key. Nodes without one are left out.
    pub(crate) fn batch(&self, nodes: &[NodeId], key: impl Fn(&NodeId) -> Key) -> Vec<(NodeId, Item)> {
        let item = |node: &NodeId| Some((node.clone(), self.items.get(&key(node))?.clone()));
        nodes.iter().filter_map(item).collect()
    }

    /// The nodes of one segment among the next so many behind a key, and the last of them if there may be more.
    pub(crate) fn segment(
        &self,
        segment: Segment,
        after: Option<&Key>,
        limit: usize,
    ) -> (Vec<(NodeId, Item)>, Option<Key>) {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let of_segment = self.nodes_from(start).filter(|(node, _)| due_shard(node) % segment.of == segment.index);
        let nodes: Vec<_> = of_segment.map(|(node, item)| (node.clone(), item.clone())).take(limit).collect();
        let more = nodes.last().filter(|_| nodes.len() == limit).map(|(last, _)| Key::Node(last.clone()));
        (nodes, more)
    }

    /// The nodes that the index has, whose grace period ends between these instants: of each shard the first so many.
    pub(crate) fn suspects(&self, ends: &RangeInclusive<Timestamp>, limit: usize) -> Vec<NodeId> {
        let of_shard = |shard| {
            let (first, last) = ((shard, ends.start().0), (shard, ends.end().0));
            let all = self.suspects.range(first..=last);
            all.flat_map(|(_, nodes)| nodes).take(limit).cloned()
        };
        (0..DUE_SHARDS).flat_map(of_shard).collect()
    }

    /// The indexes learn where a node is by now.
    pub(crate) fn index(&mut self, node: &NodeId) {
        let before = self.indexed.remove(node).unwrap_or_default();
        if let Some(site) = before.site {
            self.sites.remove(&(site, node.clone()));
        }
        if let Some(place) = before.due
            && let Some(nodes) = self.suspects.get_mut(&place)
        {
            nodes.remove(node);
            if nodes.is_empty() {
                self.suspects.remove(&place);
            }
        }
        let now = self.items.get(&Key::Node(node.clone())).map(Place::of).unwrap_or_default();
        if let Some(site) = &now.site {
            self.sites.insert((site.clone(), node.clone()));
        }
        if let Some(place) = now.due {
            self.suspects.entry(place).or_default().insert(node.clone());
        }
        if now != Place::default() {
            self.indexed.insert(node.clone(), now);
        }
    }
}

/// Whether every clause of an update holds for an item.
fn holds(update: &Update, item: &Item) -> bool {
    update.clauses.iter().all(|clause| clause.guard.holds(item))
}

impl Change {
    /// The node whose place in the indexes this changes.
    pub(crate) fn moved(&self) -> Option<&NodeId> {
        let Key::Node(node) = &self.key else { return None };
        let indexed = [Attribute::Site, Attribute::Due, Attribute::DueShard];
        let is_other =
            |attribute| self.before.as_ref().and_then(|before| before.get(attribute)) != self.after.get(attribute);
        indexed.iter().any(is_other).then_some(node)
    }

    /// When the item may be deleted, in seconds since 1970, if this write has set that.
    pub(crate) fn forget_at(&self) -> Option<u64> {
        let at = |item: &Item| item.get(&Attribute::ForgetAt).cloned();
        let now = at(&self.after);
        match now.filter(|now| self.before.as_ref().and_then(at).as_ref() != Some(now))? {
            Value::Number(at) => Some(at),
            Value::Text(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rollcall_core::{Change as Set, Clause, Guard};

    use super::*;

    fn update(number: u64, guard: Guard) -> Update {
        let node: NodeId = "ap-1".parse().expect("an id");
        let changes = vec![Set::Set(Attribute::Site, "s".into()), Set::Set(Attribute::Seq, number.into())];
        let clauses = vec![Clause { guard, because: Because::StaleSeq }];
        let already_applied = Guard::Equal(Attribute::Seq, number.into());
        Update { key: Key::Node(node), clauses, already_applied, changes }
    }

    #[test]
    fn a_write_that_was_made_before_is_applied_and_changes_nothing() {
        let mut table = Table::default();
        let write = update(1, Guard::Missing(Attribute::Seq));
        let (outcome, change) = table.write(&write);
        assert!(matches!(outcome, Outcome::Applied { .. }) && change.is_some_and(|change| change.before.is_none()));
        let (outcome, change) = table.write(&write);
        assert!(matches!(outcome, Outcome::Applied { .. }) && change.is_none());
        let (outcome, change) = table.write(&update(2, Guard::Missing(Attribute::Seq)));
        assert!(matches!(outcome, Outcome::Refused { stored: Some(_), .. }) && change.is_none());
    }

    #[test]
    fn the_index_of_suspects_has_a_node_from_its_close_to_its_end() {
        let mut table = Table::default();
        let node: NodeId = "ap-1".parse().expect("an id");
        let due = |changes| Update { changes, ..update(1, Guard::All(vec![])) };
        let suspected = vec![Set::Set(Attribute::Due, 9_u64.into()), Set::Set(Attribute::DueShard, 3_u64.into())];
        let (_, change) = table.write(&due(suspected));
        assert_eq!(change.as_ref().and_then(Change::moved), Some(&node));
        table.index(&node);
        let between = |table: &Table, first, last| table.suspects(&(Timestamp(first)..=Timestamp(last)), 10);
        assert_eq!(
            [between(&table, 0, 8), between(&table, 0, 9), between(&table, 10, 99)],
            [vec![], vec![node.clone()], vec![]]
        );
        let (_, change) = table.write(&due(vec![Set::Remove(Attribute::Due), Set::Remove(Attribute::DueShard)]));
        assert_eq!(change.as_ref().and_then(Change::moved), Some(&node));
        table.index(&node);
        assert_eq!(between(&table, 0, 99), vec![]);
    }

    #[test]
    fn a_transaction_whose_guard_does_not_hold_writes_nothing() {
        let mut table = Table::default();
        let [good, bad] = [update(1, Guard::All(vec![])), update(2, Guard::NEVER)];
        assert!(table.write_all(&[good.clone(), bad]).is_none());
        assert_eq!(table.get(&good.key), None);
        assert_eq!(table.write_all(&[good]).map(|changes| changes.len()), Some(1));
    }

    #[test]
    fn the_index_knows_a_node_once_it_was_updated() {
        let mut table = Table::default();
        let (site, node) = ("s".parse().expect("a site"), "ap-1".parse::<NodeId>().expect("an id"));
        let (_, change) = table.write(&update(1, Guard::All(vec![])));
        assert_eq!(change.as_ref().and_then(Change::moved), Some(&node));
        assert_eq!(table.ids(&site, None, 10), (vec![], None));
        table.index(&node);
        assert_eq!(table.ids(&site, None, 10), (vec![node.clone()], None));
        assert_eq!(table.ids(&site, None, 1), (vec![node.clone()], Some(Key::Node(node.clone()))));
        assert_eq!(table.ids(&site, Some(&Key::Node(node)), 1), (vec![], None));
    }
}
