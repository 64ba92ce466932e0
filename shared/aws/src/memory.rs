//! A store in memory, for tests: it interprets the same updates that DynamoDB gets.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rollcall_core::{Item, NodeId, Outcome, Update};

use crate::store::{Store, StoreError, Written};

/// Node items in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    items: Mutex<HashMap<NodeId, Item>>,
}

impl Store for MemoryStore {
    async fn write(&self, update: &Update) -> Result<Written, StoreError> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = update.apply(items.get(&update.node));
        if let Outcome::Applied { after } = &outcome {
            items.insert(update.node.clone(), after.clone());
        }
        Ok(Written { outcome, units: None })
    }

    async fn read(&self, node: &NodeId) -> Result<Option<Item>, StoreError> {
        Ok(self.items.lock().unwrap_or_else(PoisonError::into_inner).get(node).cloned())
    }
}
