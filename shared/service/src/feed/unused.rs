//! Documents that a node has ceased to have as its desired configuration.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use rollcall_core::{Item, Node, Timestamp, note_unused};

use super::{Change, Feed, FeedError};
use crate::queue::Queue;
use crate::store::Store;

/// How many notes are written at once.
const AT_ONCE: usize = 25;

impl<S: Store, Q: Queue> Feed<S, Q> {
    /// Notes that these documents may be unused. The sweep finds out whether they are.
    ///
    /// # Errors
    /// The place of the first record whose document may not be noted, and why.
    pub(super) async fn note_unused(&self, changes: &[Change], now: Timestamp) -> Result<(), (usize, FeedError)> {
        let mut unused = BTreeMap::new();
        for (place, change) in changes.iter().enumerate() {
            let (was, is) = (desired(change.was.as_ref()), desired(change.is.as_ref()));
            if let Some(was) = was.filter(|was| Some(was) != is.as_ref()) {
                unused.entry(was).or_insert(place);
            }
        }
        let unused: Vec<_> = unused.into_iter().collect();
        for some in unused.chunks(AT_ONCE) {
            let writes = some.iter().map(async |(sha256, place)| {
                let written = self.store.write(&note_unused(sha256, now)).await;
                written.map_err(|error| (*place, error.into()))
            });
            try_join_all(writes).await?;
        }
        Ok(())
    }
}

/// The hash of the document that is desired of a node. An item that can't be read was given up before.
fn desired(item: Option<&Item>) -> Option<String> {
    Some(Node::read(item?).ok()?.desired?.sha256)
}
