//! Counting nodes that are counted as something else than they are: what the slow scan finds besides.

use futures_util::future::try_join_all;
use rollcall_core::{CountedBy, Item, Key, NodeId, Timestamp, count, delete_count};

use super::{Sweeps, Swept};
use crate::counting::{count_nodes, miscounted};
use crate::error::chain;
use crate::store::{BATCH, Order, Store, StoreError};

/// How many counts of each property a scan looks at.
const COUNTS: i32 = 1_000;

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

    /// Deletes counts of no node: nodes report versions that nobody runs any more.
    pub(super) async fn delete_empty_counts(&self) -> Result<(), StoreError> {
        for by in CountedBy::ALL {
            let stored = self.store.range(Key::counts(by), Order::Ascending, COUNTS).await?;
            let empty = stored.into_iter().filter(|(_, item)| count(item) == Ok(0));
            let deletions: Vec<_> = empty.map(|(key, item)| delete_count(key, &item)).collect();
            for some in deletions.chunks(BATCH) {
                try_join_all(some.iter().map(|deletion| self.store.delete(deletion))).await?;
            }
        }
        Ok(())
    }
}
