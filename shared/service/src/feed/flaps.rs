//! Whether a node that comes online has done so again and again.

use std::collections::BTreeMap;

use rollcall_core::{EventId, FLAPPING_S, Key, Node, Notice, Presence, Timestamp, flapping, happened};

use super::details::Detail;
use super::{Change, Feed, FeedError, Told};
use crate::queue::Queue;
use crate::store::{Order, Store};

/// How many of a node's latest events are looked at. A node that causes more than these within an hour may be told to flap
/// a second time in it.
const EVENTS: i32 = 200;

impl<S: Store, Q: Queue> Feed<S, Q> {
    /// The event that a node flaps, if it does. What was told of it before is in the log, or is told together with this
    /// record. So the same follows from the record whenever it comes.
    pub(super) async fn flaps(
        &self,
        change: &Change,
        was: Option<&Node>,
        notice: &Notice,
        before: &[(usize, Told)],
    ) -> Result<Option<Detail>, FeedError> {
        let (Notice::Online { since, .. }, Some(Presence::Offline(Some(left)))) = (notice, was.map(|was| was.presence))
        else {
            return Ok(None);
        };
        if since.seconds_since(left) >= u64::from(FLAPPING_S) {
            return Ok(None);
        }
        let node = &change.node;
        let place = |id: &str| -> Result<Key, FeedError> { Ok(Key::EventOf(node.clone(), id.parse()?)) };
        let keys = place("-")?..=place(&format!("{:0>40}.", change.sequence))?;
        let mut earlier: BTreeMap<EventId, (String, Timestamp)> = BTreeMap::new();
        for (key, item) in self.store.range(keys, Order::Descending, EVENTS).await? {
            if let (Key::EventOf(_, id), Some(event)) = (key, happened(&item)?) {
                earlier.insert(id, event);
            }
        }
        for (_, told) in before.iter().filter(|(_, told)| told.node == *node) {
            earlier.insert(told.event.id.parse()?, (told.event.kind.clone(), told.at));
        }
        let flapping = flapping(*since, earlier.values().map(|(kind, at)| (&**kind, *at)));
        Ok(flapping.map(|flapping| Detail::flaps(flapping, *since)))
    }
}
