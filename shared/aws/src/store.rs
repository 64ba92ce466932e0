//! Where node items are kept.

use std::future::Future;

use rollcall_core::{Item, NodeId, Outcome, Update};

/// Keeps node items and evaluates guarded writes.
pub trait Store: Send + Sync {
    /// Makes one guarded write, atomically. A guard that does not hold is an [`Outcome`], not an error; a write that was
    /// already made by an earlier try, whose answer was lost, is [`Outcome::Applied`].
    ///
    /// # Errors
    /// If it can't be known to be stored.
    fn write(&self, update: &Update) -> impl Future<Output = Result<Written, StoreError>> + Send;

    /// Reads a node's item, with everything that was written before; nothing if there is none.
    ///
    /// # Errors
    /// If it can't be read.
    fn read(&self, node: &NodeId) -> impl Future<Output = Result<Option<Item>, StoreError>> + Send;
}

/// What a guarded write came to, and what it cost.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// What it came to.
    pub outcome: Outcome,
    /// What it cost, where the engine said so. DynamoDB does not say it of a refused write.
    pub units: Option<Units>,
}

/// Consumed capacity, indexes included (Amazon DynamoDB, `ConsumedCapacity`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Units {
    /// Write units.
    pub write: f64,
    /// Read units.
    pub read: f64,
}

impl Units {
    /// What was read, if anything was, for metrics: zeros are not worth their bytes.
    pub fn some_read(self) -> Option<f64> {
        (self.read > 0.0).then_some(self.read)
    }
}

/// A write that can't be known to be stored, or a read that failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The table gets more than it can take at the moment.
    #[error("the table is throttled")]
    Throttled(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The table can't be reached, or fails.
    #[error("the table is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The table rejects the request: it does not exist, access is denied, or the request is wrong.
    #[error("the table rejects the request")]
    Rejected(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored attribute is of a type that is never written.
    #[error("the stored attribute {0:?} is of an unexpected type")]
    Malformed(String),
}
