//! A store in memory, for tests and simulations. It interprets the same updates that DynamoDB gets.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeInclusive};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rollcall_core::{
    Attribute, DUE_SHARDS, Deletion, Item, Key, NodeId, Outcome, Site, Timestamp, Update, Value, due_shard,
};

use crate::store::{Beside, Order, Page, PageKey, Segment, Store, StoreError, Written};

/// Items in memory. Every method takes effect at one moment.
#[derive(Debug, Default)]
pub struct MemoryStore {
    items: Mutex<BTreeMap<Key, Item>>,
}

impl MemoryStore {
    /// Makes one guarded write.
    pub fn apply(&self, update: &Update) -> Outcome {
        let mut items = self.items();
        let outcome = update.apply(items.get(&update.key));
        if let Outcome::Applied { after } = &outcome {
            items.insert(update.key.clone(), after.clone());
        }
        outcome
    }

    /// Makes several guarded writes, all or none; returns whether the guards held.
    pub fn apply_all(&self, updates: &[Update]) -> bool {
        let mut items = self.items();
        let after: Option<Vec<_>> = updates
            .iter()
            .map(|update| match update.apply(items.get(&update.key)) {
                Outcome::Applied { after } => Some((update.key.clone(), after)),
                Outcome::Refused { .. } => None,
            })
            .collect();
        after.map(|after| items.extend(after)).is_some()
    }

    /// An item.
    pub fn get(&self, key: &Key) -> Option<Item> {
        self.items().get(key).cloned()
    }

    /// Deletes an item if the condition holds for it; returns whether it is gone.
    pub fn delete_if(&self, deletion: &Deletion) -> bool {
        let mut items = self.items();
        let is_gone = deletion.applies(items.get(&deletion.key));
        if is_gone {
            items.remove(&deletion.key);
        }
        is_gone
    }

    /// Deletes an item, as DynamoDB deletes what is to be forgotten (Amazon DynamoDB, "Time to Live").
    pub fn forget(&self, key: &Key) -> Option<Item> {
        self.items().remove(key)
    }

    /// The items from one key to another of the same partition.
    pub fn between(&self, keys: RangeInclusive<Key>, order: Order, limit: i32) -> Vec<(Key, Item)> {
        if keys.is_empty() {
            return vec![];
        }
        let items = self.items();
        let range = items.range(keys).map(|(key, item)| (key.clone(), item.clone()));
        match order {
            Order::Ascending => range.take(most(limit)).collect(),
            Order::Descending => range.rev().take(most(limit)).collect(),
        }
    }

    /// A page of the nodes that this condition holds for, in the order of their ids.
    pub fn page(&self, after: Option<&PageKey>, limit: i32, is_meant: impl Fn(&NodeId, &Item) -> bool) -> Page {
        let after = after.and_then(|after| Key::read(&after.pk, &after.sk).ok().flatten());
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let items = self.items();
        let nodes = items.range((start, Bound::Unbounded)).filter_map(|(key, item)| match key {
            Key::Node(node) if is_meant(node, item) => Some((node.clone(), item.clone())),
            _ => None,
        });
        let nodes: Vec<_> = nodes.take(most(limit)).collect();
        let next =
            nodes.last().filter(|_| nodes.len() == most(limit)).map(|(node, _)| (&Key::Node(node.clone())).into());
        (nodes, next)
    }

    /// The suspected nodes of one shard whose grace period ends between these two instants.
    fn suspects_of(&self, shard: u64, ends: &RangeInclusive<Timestamp>, limit: i32) -> Vec<NodeId> {
        let items = self.items();
        let due = |item: &Item| match item.get(&Attribute::Due) {
            Some(Value::Number(due)) => Some(Timestamp(*due)).filter(|due| ends.contains(due)),
            _ => None,
        };
        let of_shard = |item: &Item| item.get(&Attribute::DueShard) == Some(&shard.into());
        let suspects = items.iter().filter_map(|(key, item)| match key {
            Key::Node(node) if of_shard(item) => Some((due(item)?, node.clone())),
            _ => None,
        });
        let mut suspects: Vec<_> = suspects.collect();
        suspects.sort_unstable();
        suspects.into_iter().take(most(limit)).map(|(_, node)| node).collect()
    }

    /// Every item.
    #[cfg(test)]
    pub(crate) fn all(&self) -> BTreeMap<Key, Item> {
        self.items().clone()
    }

    fn items(&self) -> MutexGuard<'_, BTreeMap<Key, Item>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn most(limit: i32) -> usize {
    usize::try_from(limit).unwrap_or_default()
}

impl Store for MemoryStore {
    async fn write(&self, update: &Update) -> Result<Written, StoreError> {
        Ok(Written { outcome: self.apply(update), units: None })
    }

    async fn transact(&self, updates: &[Update]) -> Result<bool, StoreError> {
        Ok(self.apply_all(updates))
    }

    async fn delete(&self, deletion: &Deletion) -> Result<bool, StoreError> {
        Ok(self.delete_if(deletion))
    }

    async fn read(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        Ok(self.get(key))
    }

    async fn range(&self, keys: RangeInclusive<Key>, order: Order, limit: i32) -> Result<Vec<(Key, Item)>, StoreError> {
        Ok(self.between(keys, order, limit))
    }

    async fn page_of_all(&self, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        Ok(self.page(after.as_ref(), limit, |_, _| true))
    }

    async fn page_of_site(&self, site: &Site, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        let site = site.as_str().into();
        Ok(self.page(after.as_ref(), limit, |_, item| item.get(&Attribute::Site) == Some(&site)))
    }
    async fn page_of_segment(&self, segment: Segment, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        // Any division will do.
        Ok(self.page(after.as_ref(), limit, |node, _| due_shard(node) % segment.of == segment.index))
    }

    async fn suspects(&self, ends: RangeInclusive<Timestamp>, limit: i32) -> Result<Vec<NodeId>, StoreError> {
        Ok((0..DUE_SHARDS).flat_map(|shard| self.suspects_of(shard, &ends, limit)).collect())
    }

    async fn nodes(&self, nodes: &[NodeId]) -> Result<Vec<(NodeId, Item)>, StoreError> {
        let item = |node: &NodeId| Some((node.clone(), self.get(&Key::Node(node.clone()))?));
        Ok(nodes.iter().filter_map(item).collect())
    }

    async fn beside(&self, what: Beside, nodes: &[NodeId]) -> Result<Vec<(NodeId, Item)>, StoreError> {
        let item = |node: &NodeId| Some((node.clone(), self.get(&what.key(node))?));
        Ok(nodes.iter().filter_map(item).collect())
    }
}
