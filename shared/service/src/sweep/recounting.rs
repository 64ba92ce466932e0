//! Counting nodes that are counted as something else than they are: what the slow scan finds besides.

use futures_util::future::try_join_all;
use rollcall_core::{CountedBy, Item, Key, NodeId, Timestamp, count, delete_count};

use super::{Sweeps, Swept};
use crate::counting::{count_nodes, miscounted};
use crate::error::chain;
use crate::store::{BATCH, Order, Store, StoreError};

/// How many counts of a property are read at once, and how often a scan reads at most.
const COUNTS: i32 = 1_000;
const PAGES: usize = 20;

impl<S: Store> Sweeps<S> {
    /// Counts those nodes of a page that are counted as something else: they have become silent, or nobody counted them.
    pub(super) async fn recount(
        &self,
        nodes: &[(NodeId, Item)],
        swept: &mut Swept,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for some in nodes.chunks(BATCH) {
            let wrong = miscounted(&self.store, some, now, &self.policy).await?;
            if wrong.is_empty() {
                continue;
            }
            let number = u64::try_from(wrong.len()).unwrap_or(u64::MAX);
            match count_nodes(&self.store, &wrong, now, &self.policy).await {
                Ok(()) => swept.recounted += number,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "nodes can't be counted");
                    swept.failed += number;
                }
            }
        }
        Ok(())
    }

    /// Deletes counts of no node: nodes report versions that nobody runs any more. What can't be deleted is left to the next
    /// scan.
    pub(super) async fn delete_empty_counts(&self) {
        for by in CountedBy::ALL {
            if let Err(error) = self.delete_empty(by).await {
                tracing::warn!(error = chain(&error), "counts of no node can't be deleted");
            }
        }
    }

    async fn delete_empty(&self, by: CountedBy) -> Result<(), StoreError> {
        let (mut from, last) = Key::counts(by).into_inner();
        for _ in 0..PAGES {
            let stored = self.store.range(from.clone()..=last.clone(), Order::Ascending, COUNTS).await?;
            let next = stored.last().filter(|_| i32::try_from(stored.len()).is_ok_and(|read| read >= COUNTS));
            let next = next.map(|(key, _)| key.clone());
            let empty = stored.into_iter().filter(|(_, item)| count(item) == Ok(0));
            let deletions: Vec<_> = empty.map(|(key, item)| delete_count(key, &item)).collect();
            for some in deletions.chunks(BATCH) {
                try_join_all(some.iter().map(|deletion| self.store.delete(deletion))).await?;
            }
            let Some(next) = next else { break };
            from = next;
        }
        Ok(())
    }
}
