//! What is left of a node that was deleted: its events.

use rollcall_core::{Item, Key, deletions_of_event, events_until};

use super::{Change, Feed, FeedError, padded};
use crate::deleting::delete_between;
use crate::outgoing::endpoints;
use crate::queue::Queue;
use crate::store::Store;

impl<S: Store, Q: Queue> Feed<S, Q> {
    /// Deletes the events of the nodes whose items these records say are gone, with their deliveries. What is on its way to
    /// an endpoint stays on its way. Events that come after the deletion stay: the first says that the node was deleted, and
    /// others are of a node that was registered anew.
    ///
    /// # Errors
    /// The place of the first record whose node may have events left, and why.
    pub(super) async fn delete_events(&self, changes: &[Change]) -> Result<(), (usize, FeedError)> {
        for (place, change) in changes.iter().enumerate().filter(|(_, change)| change.is.is_none()) {
            match self.delete_events_of(change).await {
                Err(error) if error.is_for_good() && self.keeps(change, &error).await => {}
                deleted => deleted.map_err(|error| (place, error))?,
            }
        }
        Ok(())
    }

    async fn delete_events_of(&self, change: &Change) -> Result<(), FeedError> {
        let endpoints: Vec<_> = endpoints(&self.store).await?.into_iter().map(|(name, _)| name).collect();
        // The ids of the record's own events have a number behind this, and come after it.
        let until = events_until(&change.node, &padded(&change.sequence))?;
        delete_between(&self.store, until, |place: Key, item: &Item| {
            Ok::<_, FeedError>(deletions_of_event(&place, item, &endpoints)?)
        })
        .await
    }
}
