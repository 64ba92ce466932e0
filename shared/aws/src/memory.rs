//! A store in memory, for tests. It interprets the same updates that DynamoDB gets.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rollcall_core::{Item, ItemKey, NodeId, Outcome, Update};

use crate::store::{Store, StoreError, Written};

/// Node items in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    items: Mutex<HashMap<(NodeId, ItemKey), Item>>,
}

impl Store for MemoryStore {
    async fn write(&self, update: &Update) -> Result<Written, StoreError> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (update.node.clone(), update.item.clone());
        let outcome = update.apply(items.get(&key));
        if let Outcome::Applied { after } = &outcome {
            items.insert(key, after.clone());
        }
        Ok(Written { outcome, units: None })
    }

    async fn read(&self, node: &NodeId) -> Result<Option<Item>, StoreError> {
        let items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(items.get(&(node.clone(), ItemKey::Node)).cloned())
    }
}
