//! A store in memory, for tests and simulations. It interprets the same updates that DynamoDB gets.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeInclusive};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rollcall_core::{Attribute, Item, Key, NodeId, Outcome, Site, Update};

use crate::store::{Page, PageKey, Store, StoreError, Written};

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

    /// Deletes an item, as DynamoDB deletes what is to be forgotten (Amazon DynamoDB, "Time to Live").
    pub fn delete(&self, key: &Key) -> Option<Item> {
        self.items().remove(key)
    }

    /// A node's commands with these numbers, sorted: at most `limit` of them.
    pub fn commands_of(&self, node: &NodeId, numbers: RangeInclusive<u64>, limit: i32) -> Vec<(u64, Item)> {
        let (first, last) = numbers.into_inner();
        if first > last {
            return vec![];
        }
        let items = self.items();
        let range = items.range(Key::Command(node.clone(), first)..=Key::Command(node.clone(), last));
        let commands = range.filter_map(|(key, item)| match key {
            Key::Command(_, number) => Some((*number, item.clone())),
            _ => None,
        });
        commands.take(most(limit)).collect()
    }

    /// A page of the nodes that this condition holds for, in the order of their ids.
    pub fn page(&self, after: Option<&PageKey>, limit: i32, is_meant: impl Fn(&Item) -> bool) -> Page {
        let after = after.and_then(|after| Key::read(&after.pk, &after.sk).ok().flatten());
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let items = self.items();
        let nodes = items.range((start, Bound::Unbounded)).filter_map(|(key, item)| match key {
            Key::Node(node) if is_meant(item) => Some((node.clone(), item.clone())),
            _ => None,
        });
        let nodes: Vec<_> = nodes.take(most(limit)).collect();
        let next =
            nodes.last().filter(|_| nodes.len() == most(limit)).map(|(node, _)| (&Key::Node(node.clone())).into());
        (nodes, next)
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

    async fn read(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        Ok(self.get(key))
    }

    async fn commands(
        &self,
        node: &NodeId,
        numbers: RangeInclusive<u64>,
        limit: i32,
    ) -> Result<Vec<(u64, Item)>, StoreError> {
        Ok(self.commands_of(node, numbers, limit))
    }

    async fn page_of_all(&self, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        Ok(self.page(after.as_ref(), limit, |_| true))
    }

    async fn page_of_site(&self, site: &Site, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        let site = site.as_str().into();
        Ok(self.page(after.as_ref(), limit, |item| item.get(&Attribute::Site) == Some(&site)))
    }
}
