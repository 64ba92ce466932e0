//! The feed: from what was written of nodes to the events that the application is told.
//!
//! A stream says of each write that may announce something what the node's item was and is. The feed makes events of
//! that, adds them to the log, and puts a message for each endpoint that wants them on the queue. A record may come more
//! than once: its events have the same ids then, and are in the log once.

mod counts;
mod deleted;
mod details;
mod flaps;
mod log;
mod unused;

use rollcall_core::{Actor, Item, Malformed, Node, NodeId, Policy, Seconds, Timestamp, notices};
use rollcall_wire::CloudEvent;

use crate::counting::CountError;
use crate::error::chain;
use crate::event_log::LogError;
use crate::queue::{Message, Queue, QueueError};
use crate::store::{Store, StoreError};

/// Makes events of what was written.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Feed<S, Q> {
    pub store: S,
    pub queue: Q,
    pub policy: Policy,
    /// How long an event is kept, in seconds.
    pub keep_for: Seconds,
}

/// A record of the stream: a write of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Change {
    pub node: NodeId,
    /// Orders the records of a node, as text.
    pub sequence: String,
    pub at: Timestamp,
    pub was: Option<Item>,
    pub is: Option<Item>,
}

/// A record of the stream that can't be read.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Unreadable {
    pub sequence: String,
    pub error: StoreError,
}

/// Why a record could not be handled.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The store failed.
    #[error("the events can't be stored")]
    Store(#[from] StoreError),
    /// The queue failed.
    #[error("the events are in the log, and not all are on their way to endpoints")]
    Queue(#[from] QueueError),
    /// An image of the item is unreadable. Trying again does not help.
    #[error("the node's item is unreadable")]
    Unreadable(#[from] Malformed),
    /// The log failed.
    #[error("the events can't be added to the log")]
    Log(#[from] LogError),
    /// Nodes could not be counted.
    #[error("nodes can't be counted")]
    Count(#[from] CountError),
    /// An event has an id that no rule makes.
    #[error("the record's sequence number is none")]
    Sequence(#[from] rollcall_core::InvalidId),
}

impl FeedError {
    /// Whether trying again does not help.
    fn is_for_good(&self) -> bool {
        match self {
            Self::Unreadable(_) | Self::Sequence(_) | Self::Store(StoreError::Malformed(_)) => true,
            Self::Store(_) | Self::Queue(_) | Self::Log(_) | Self::Count(_) => false,
        }
    }
}

/// An event, and the node that it is about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) node: NodeId,
    pub(crate) at: Timestamp,
    pub(crate) event: CloudEvent,
}

/// A record's sequence number as text that sorts as the records do.
fn padded(sequence: &str) -> String {
    format!("{sequence:0>40}")
}

impl<S: Store, Q: Queue> Feed<S, Q> {
    /// Gives up a record that can't be read. Trying again does not help, and would hold up the records behind it.
    ///
    /// # Errors
    /// If it is not known whether the record is kept for a person to see. It is to come again.
    pub async fn discard(&self, unreadable: &Unreadable) -> Result<(), QueueError> {
        self.give_up(&unreadable.sequence, None, &unreadable.error).await
    }

    /// Handles records, in their order. If one can't be handled, gives its place in the list: it and those behind it are
    /// to come again.
    pub async fn run(&self, changes: &[Change], now: Timestamp) -> Result<usize, usize> {
        let mut told = vec![];
        let mut failed = None;
        for (place, change) in changes.iter().enumerate() {
            match self.events(change, &told).await {
                Ok(events) => told.extend(events.into_iter().map(|event| (place, event))),
                Err(error) if error.is_for_good() && self.keeps(change, &error).await => {}
                Err(error) => {
                    // What comes before it is told.
                    tracing::error!(node = %change.node, outcome = "failed", error = chain(&error), Failures = 1, "feed");
                    failed = Some(place);
                    break;
                }
            }
        }
        let count = told.len();
        let logged = self.log(&told, now).await;
        let until = logged.as_ref().map_or_else(|(place, _)| *place, |()| changes.len());
        let sent = self.send(changes, told.iter().filter(|(place, _)| *place < until)).await;
        // The events of earlier records are in the log only now.
        let handled = &changes[..failed.map_or(until, |failed| failed.min(until))];
        let deleted = self.delete_events(handled).await;
        let unused = self.note_unused(handled, now).await;
        let counted = self.count(handled, now).await;
        let first = [sent.err(), deleted.err(), unused.err(), counted.err(), logged.err()]
            .into_iter()
            .flatten()
            .min_by_key(|(place, _)| *place);
        if let Some((place, error)) = first {
            tracing::error!(outcome = "failed", error = chain(&error), Failures = 1, "feed");
            return Err(failed.map_or(place, |failed| failed.min(place)));
        }
        let (records, events) = (changes.len(), Some(count).filter(|count| *count > 0));
        tracing::info!(outcome = "told", records, Events = events, "feed");
        failed.map_or(Ok(count), Err)
    }

    /// The events of one record, which comes after what was told before it.
    async fn events(&self, change: &Change, before: &[(usize, Told)]) -> Result<Vec<Told>, FeedError> {
        let read = |item: &Option<Item>| item.as_ref().map(Node::read).transpose();
        let (was, is) = (read(&change.was)?, read(&change.is)?);
        let notices = notices(was.as_ref(), is.as_ref(), change.at, &self.policy);
        if notices.is_empty() {
            return Ok(vec![]);
        }
        let actor = self.actor(change.is.as_ref()).await?;
        // Who is told of a site is also told that a node of it has left or was revoked.
        let site = [&is, &was].into_iter().flatten().find_map(|node| node.site.clone());
        let mut all = vec![];
        for notice in &notices {
            all.extend(details::of(&self.store, change, notice).await?);
            all.extend(self.flaps(change, was.as_ref(), notice, before).await?);
        }
        let events = all.into_iter().enumerate().map(|(number, detail)| {
            let id = format!("{}.{number}", padded(&change.sequence));
            let at = detail.at;
            let event = detail.event(&change.node, id, site.clone(), actor.clone());
            Told { node: change.node.clone(), at, event }
        });
        Ok(events.collect())
    }

    /// Gives up a record with an item that can't be read; says whether that is done.
    async fn keeps(&self, change: &Change, error: &FeedError) -> bool {
        self.give_up(&change.sequence, Some(&change.node), error).await.is_ok()
    }

    /// Puts a record that can't be handled where a person sees it, with the reason.
    async fn give_up(
        &self,
        sequence: &str,
        node: Option<&NodeId>,
        error: &(dyn std::error::Error + 'static),
    ) -> Result<(), QueueError> {
        let (reason, body) =
            (chain(error), serde_json::json!({"sequence": sequence, "node": node.map(NodeId::as_str)}));
        let message = Message { group: "feed".to_owned(), id: sequence.to_owned(), body: body.to_string() };
        self.queue.bury(&message, &reason).await?;
        tracing::error!(node = node.map(NodeId::as_str), sequence, outcome = "discarded", error = reason, "feed");
        Ok(())
    }

    /// Who made the write.
    async fn actor(&self, is: Option<&Item>) -> Result<Option<String>, FeedError> {
        let stored = match is.and_then(|is| is.get(&rollcall_core::Attribute::Announces)) {
            Some(rollcall_core::Value::Text(actor)) if !actor.is_empty() => actor.clone(),
            _ => return Ok(None),
        };
        let Some(key) = Actor::kept_at(&stored) else { return Ok(Some(stored)) };
        let item = self.store.read(&key).await?;
        let actor = item.as_ref().map(Actor::read).transpose()?.flatten();
        Ok(Some(actor.map_or(stored, |actor| actor.name().to_owned())))
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
