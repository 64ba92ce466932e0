//! Counting nodes that have become something else.

use rollcall_core::{Item, Kinds, Node, NodeId, Timestamp, delete_counted};

use super::{Change, Feed, FeedError};
use crate::counting::{CountError, count_nodes};
use crate::error::chain;
use crate::queue::Queue;
use crate::store::{BATCH, Store};

impl<S: Store, Q: Queue> Feed<S, Q> {
    /// Counts the nodes that are something else since these records, as what they are by now.
    ///
    /// # Errors
    /// The place of the first record whose node may not be counted, and why.
    pub(super) async fn count(&self, changes: &[Change], now: Timestamp) -> Result<(), (usize, FeedError)> {
        let mut others: Vec<(usize, NodeId)> = vec![];
        for (place, change) in changes.iter().enumerate().filter(|(_, change)| self.is_another(change)) {
            match others.iter_mut().find(|(_, node)| *node == change.node) {
                Some(known) if change.is.is_none() => known.0 = place,
                Some(_) => {}
                None => others.push((place, change.node.clone())),
            }
        }
        for some in others.chunks(BATCH) {
            let (places, nodes): (Vec<_>, Vec<_>) = some.iter().cloned().unzip();
            match count_nodes(&self.store, &nodes, now, &self.policy).await {
                // The slow scan counts nodes that are there, and nobody else finds those that are gone.
                Err(error @ CountError::Contended) if !places.iter().any(|place| changes[*place].is.is_none()) => {
                    tracing::warn!(error = chain(&error), "nodes are not counted yet");
                }
                counted => counted.map_err(|error| (places[0], error.into()))?,
            }
        }
        for (place, change) in changes.iter().enumerate().filter(|(_, change)| change.is.is_none()) {
            // It stays if the node was registered anew.
            let deleted = self.store.delete(&delete_counted(&change.node)).await;
            let _ = deleted.map_err(|error| (place, error.into()))?;
        }
        Ok(())
    }

    /// Whether a record may change as what the node is counted. An item that can't be read was given up before.
    fn is_another(&self, change: &Change) -> bool {
        let kinds = |item: &Option<Item>| {
            let node = Node::read(item.as_ref()?).ok()?;
            Some(Kinds::of(&change.node, &node, change.at, &self.policy))
        };
        change.is.is_none() || kinds(&change.was) != kinds(&change.is)
    }
}
