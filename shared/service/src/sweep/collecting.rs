//! Deleting documents that no node uses: what the slow scan finds besides.

use futures_util::future::try_join_all;
use rollcall_core::{
    History, Item, JUDGED_AT_ONCE, Key, Malformed, NOTES_AT_ONCE, Node, NodeId, NotedUnused, Retired, Runs, SweepState,
    Timestamp, delete_document, delete_note, is_behind, note_unused, noted, retire, runs,
};

use super::{Sweeps, Swept};
use crate::error::chain;
use crate::store::{Order, Store, StoreError};

/// How many documents or histories are handled at once.
const AT_ONCE: usize = 16;
/// Before every SHA-256 in hexadecimal, and behind it.
const FIRST: &str = "0";
const LAST: &str = "g";

/// Why nobody can say which documents are in use.
#[derive(Debug, thiserror::Error)]
enum Unsure {
    #[error("a node or its history is unreadable")]
    Unreadable(#[from] Malformed),
    #[error("a node runs a version of which its history has no document")]
    Forgotten,
}

impl<S: Store> Sweeps<S> {
    /// Retires documents that have been unused for long enough, and chooses those that the scan judges, which begins now.
    pub(super) async fn choose(&self, state: &mut SweepState, now: Timestamp) -> Result<(), StoreError> {
        let (mut judged, mut retiring) = (vec![], vec![]);
        for (key, item) in self.notes(now).await? {
            let Key::Unused(sha256) = key else { continue };
            match noted(&sha256, &item, self.keep_for, now) {
                Ok(NotedUnused::Waits) => {}
                Ok(NotedUnused::Judge(retired)) => judged.push(retired),
                Ok(NotedUnused::Retire(since)) => retiring.push((sha256, since)),
                Err(error) => {
                    tracing::warn!(sha256, error = chain(&error), "what is noted of a document is unreadable");
                }
            }
        }
        retiring.truncate(JUDGED_AT_ONCE);
        for some in retiring.chunks(AT_ONCE) {
            try_join_all(some.iter().map(|(sha256, since)| self.retire(sha256, *since, now))).await?;
        }
        judged.truncate(JUDGED_AT_ONCE);
        state.judge(judged);
        Ok(())
    }

    /// A refusal says that the document is gone, or was noted again.
    async fn retire(&self, sha256: &str, since: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        for write in retire(sha256, since, now) {
            let _ = self.store.write(&write).await?;
        }
        Ok(())
    }

    /// Some of the notes. Every scan begins with another one, so that none waits for ever behind those that are in use.
    async fn notes(&self, now: Timestamp) -> Result<Vec<(Key, Item)>, StoreError> {
        // Fibonacci hashing spreads instants over all hashes.
        let begin = format!("{:016x}", now.0.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let [first, begin, last] = [FIRST, &begin, LAST].map(|sha256| Key::Unused(sha256.to_owned()));
        let mut notes = self.store.range(begin.clone()..=last, Order::Ascending, NOTES_AT_ONCE).await?;
        let left = NOTES_AT_ONCE - i32::try_from(notes.len()).unwrap_or(NOTES_AT_ONCE);
        if left > 0 {
            notes.extend(self.store.range(first..=begin, Order::Ascending, left).await?);
        }
        Ok(notes)
    }

    /// Takes the documents that these nodes use from those that are judged.
    pub(super) async fn note_uses(&self, nodes: &[(NodeId, Item)], state: &mut SweepState) -> Result<(), StoreError> {
        if state.unused().is_empty() {
            return Ok(());
        }
        if let Err(unsure) = self.find_uses(nodes, state).await? {
            tracing::warn!(error = chain(&unsure), "the scan deletes no document");
            state.judge(vec![]);
        }
        Ok(())
    }

    async fn find_uses(
        &self,
        nodes: &[(NodeId, Item)],
        state: &mut SweepState,
    ) -> Result<Result<(), Unsure>, StoreError> {
        let mut behind = vec![];
        for (id, item) in nodes {
            let node = match Node::read(item) {
                Ok(node) => node,
                Err(error) => return Ok(Err(error.into())),
            };
            if let Some(retired) = node.desired.as_ref().and_then(|desired| state.in_use(&desired.sha256)) {
                // It is noted again when it ceases to be desired.
                let _ = self.store.delete(&delete_note(&retired)).await?;
            }
            if is_behind(&node) {
                behind.push((id, node));
            }
        }
        for some in behind.chunks(AT_ONCE) {
            let reads = some.iter().map(|(id, _)| async { self.store.read(&Key::History((*id).clone())).await });
            for ((_, node), item) in some.iter().zip(try_join_all(reads).await?) {
                let history = match item.as_ref().map(History::read).transpose() {
                    Ok(history) => history.unwrap_or_default(),
                    Err(error) => return Ok(Err(error.into())),
                };
                match runs(node, &history) {
                    Runs::Document(sha256) => drop(state.in_use(sha256)),
                    Runs::Unknown => return Ok(Err(Unsure::Forgotten)),
                    Runs::Nothing => {}
                }
            }
        }
        Ok(Ok(()))
    }

    /// Deletes the documents that the scan has not found in use, once it is over.
    pub(super) async fn collect(
        &self,
        state: &mut SweepState,
        swept: &mut Swept,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for some in state.take_unused().chunks(AT_ONCE) {
            let deleted = try_join_all(some.iter().map(|retired| self.delete_unused(retired, now))).await?;
            swept.collected += deleted.into_iter().map(u64::from).sum::<u64>();
        }
        Ok(())
    }

    /// Deletes a document, if it is still retired. Returns whether it is gone.
    async fn delete_unused(&self, retired: &Retired, now: Timestamp) -> Result<bool, StoreError> {
        let is_gone = self.store.delete(&delete_document(retired)).await?;
        if is_gone {
            let _ = self.store.delete(&delete_note(retired)).await?;
        } else {
            // It was stored again, and may have been made desired or not.
            let _ = self.store.write(&note_unused(&retired.sha256, now)).await?;
        }
        Ok(is_gone)
    }
}

#[cfg(test)]
#[path = "collecting_tests.rs"]
mod tests;
