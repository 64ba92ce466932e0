//! Adding events to the log.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use rollcall_core::{
    About, Endpoint, EndpointName, EventId, LOGGED_AT_ONCE, Logging, Node, NodeId, Selectable, Selector, Timestamp,
    log_shard,
};

use super::{Change, Feed, FeedError, Told};
use crate::error::chain;
use crate::event_log::add_to_log;
use crate::outgoing::{as_json, endpoints, outgoing};
use crate::queue::Queue;
use crate::store::{BATCH, Beside, Store};

impl<S: Store, Q: Queue> Feed<S, Q> {
    /// Adds events to the log. Each comes with the place of its record.
    ///
    /// # Errors
    /// The first place whose events may not be in the log, and why.
    pub(super) async fn log(&self, told: &[(usize, Told)], now: Timestamp) -> Result<(), (usize, FeedError)> {
        let mut shards: BTreeMap<u64, Vec<&(usize, Told)>> = BTreeMap::new();
        for event in told {
            shards.entry(log_shard(&event.1.node)).or_default().push(event);
        }
        // Each shard has a counter of its own: none waits for another.
        let logged = join_all(shards.iter().map(|(shard, events)| self.log_shard(*shard, events, now))).await;
        let failed = logged.into_iter().filter_map(Result::err).min_by_key(|(place, _)| *place);
        failed.map_or(Ok(()), Err)
    }

    /// Adds events to one shard. What is behind those that fail comes after them, and is not added either.
    async fn log_shard(&self, shard: u64, events: &[&(usize, Told)], now: Timestamp) -> Result<(), (usize, FeedError)> {
        for some in events.chunks(LOGGED_AT_ONCE) {
            let place = some.first().map_or(0, |event| event.0);
            let events = some.iter().map(|event| logging(&event.1)).collect::<Result<_, _>>();
            let events = events.map_err(|error| (place, error))?;
            let added = add_to_log(&self.store, shard, events, now, self.keep_for).await;
            added.map_err(|error| (place, error.into()))?;
        }
        Ok(())
    }

    /// Puts events on the queue, for each endpoint that wants them. An event that was sent before is sent again.
    ///
    /// # Errors
    /// The place of the first of them, if they may not all be on the queue.
    pub(super) async fn send(
        &self,
        changes: &[Change],
        told: impl Iterator<Item = &(usize, Told)>,
    ) -> Result<(), (usize, FeedError)> {
        let told: Vec<_> = told.collect();
        let Some(first) = told.first().map(|event| event.0) else { return Ok(()) };
        let endpoints = endpoints(&self.store).await.map_err(|error| (first, error.into()))?;
        let nodes = told.iter().map(|(_, told)| &told.node);
        let abouts = self.names_for(&endpoints, nodes).await.map_err(|error| (first, error))?;
        let mut messages = vec![];
        for (place, Told { event, node, .. }) in told {
            let about = abouts.get(node).cloned().unwrap_or_default();
            let is_meant =
                |select: &Selector| changes.get(*place).is_some_and(|change| self.is_meant(select, change, &about));
            // An event of the log has an id that was parsed.
            messages.extend(outgoing(&endpoints, &as_json(event), is_meant).unwrap_or_default());
        }
        if messages.is_empty() {
            return Ok(());
        }
        self.queue.send(&messages).await.map_err(|error| (first, error.into()))
    }

    /// What people call these nodes, if the selector of an endpoint asks for it.
    async fn names_for(
        &self,
        endpoints: &[(EndpointName, Endpoint)],
        nodes: impl Iterator<Item = &NodeId>,
    ) -> Result<BTreeMap<NodeId, About>, FeedError> {
        let mut abouts = BTreeMap::new();
        if !endpoints.iter().any(|(_, endpoint)| endpoint.select.as_ref().is_some_and(Selector::reads_names)) {
            return Ok(abouts);
        }
        let nodes: Vec<_> = nodes.cloned().collect::<BTreeSet<_>>().into_iter().collect();
        for some in nodes.chunks(BATCH) {
            for (node, item) in self.store.beside(Beside::About, some).await? {
                match About::read(&item) {
                    Ok(about) => drop(abouts.insert(node, about)),
                    Err(error) => tracing::warn!(%node, error = chain(&error), "what people call a node is unreadable"),
                }
            }
        }
        Ok(abouts)
    }

    /// Whether a selector means a node as it was before a change, or as it is since.
    fn is_meant(&self, select: &Selector, change: &Change, about: &About) -> bool {
        let read = [&change.was, &change.is].map(|item| Node::read(item.as_ref()?).ok());
        read.into_iter()
            .flatten()
            .any(|node| select.has(&Selectable::of(&change.node, &node, about, change.at, &self.policy)))
    }
}

fn logging(told: &Told) -> Result<Logging, FeedError> {
    let id: EventId = told.event.id.parse()?;
    // An event has only what serde can write.
    let text = serde_json::to_string(&told.event).unwrap_or_default();
    let (kind, at) = (told.event.kind.clone(), told.at);
    Ok(Logging { node: told.node.clone(), id, kind, at, text })
}
