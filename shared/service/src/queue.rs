//! The queue of deliveries: first in, first out within a group.

use std::future::Future;

use rollcall_core::Seconds;

/// Takes messages, and hands them to the function that delivers them: in order within a group, at least once.
pub trait Queue {
    /// Puts messages on the queue, those of a group in this order. A message with an id that came within the last five
    /// minutes is not put on it again (Amazon SQS, "Using the message deduplication ID").
    ///
    /// # Errors
    /// If it is not known whether all of them are on the queue. The caller puts all of them on it again.
    fn send(&self, messages: &[Message]) -> impl Future<Output = Result<(), QueueError>>;

    /// Hands a message that was received out again after this many seconds, at most 11 hours, unless it is deleted
    /// before. Until then, the later messages of its group wait.
    ///
    /// # Errors
    /// If it is not known whether the queue will do so. It hands the message out in any case, at its own time.
    fn postpone(&self, receipt: &str, pause: Seconds) -> impl Future<Output = Result<(), QueueError>>;

    /// Puts a message on the queue of dead letters, with the reason. It stays on this queue until it is deleted.
    ///
    /// # Errors
    /// If it is not known whether it is there.
    fn bury(&self, message: &Message, reason: &str) -> impl Future<Output = Result<(), QueueError>>;
}

/// A message that the queue has handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The queue's own id of the message.
    pub id: String,
    /// What the queue is told to postpone the message.
    pub receipt: String,
    /// The group of the message.
    pub group: String,
    /// What the message says: JSON.
    pub body: String,
}

/// A message on the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is in order with: while a message of a group is not delivered, the later ones of the group wait.
    pub group: String,
    /// Its id.
    pub id: String,
    /// What it says: JSON.
    pub body: String,
}

/// The queue can't be reached, or refuses a request.
#[derive(Debug, thiserror::Error)]
#[error("the queue is unavailable")]
pub struct QueueError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
