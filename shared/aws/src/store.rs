//! The store of node items.

use std::future::Future;

use rollcall_core::{Item, NodeId, Outcome, Update};

/// Stores node items and evaluates guarded writes.
pub trait Store: Send + Sync {
    /// Makes one guarded write, atomically. A guard that does not hold is an [`Outcome`], not an error. A write that an
    /// earlier try already made, whose answer was lost, is [`Outcome::Applied`].
    ///
    /// # Errors
    /// If it is not known whether the write is stored.
    fn write(&self, update: &Update) -> impl Future<Output = Result<Written, StoreError>> + Send;

    /// Reads a node's item with a consistent read; `None` if there is none.
    ///
    /// # Errors
    /// If it can't be read.
    fn read(&self, node: &NodeId) -> impl Future<Output = Result<Option<Item>, StoreError>> + Send;
}

/// The result of a guarded write, and what it cost.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Written {
    pub outcome: Outcome,
    /// What the write cost, if the store reports it. DynamoDB does not report it for a refused write.
    pub units: Option<Units>,
}

/// Consumed capacity, indexes included (Amazon DynamoDB, `ConsumedCapacity`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Units {
    /// Write units (WCU).
    pub write: f64,
    /// Read units (RCU).
    pub read: f64,
}

impl Units {
    /// The read units for metrics; `None` if there were none, since a zero is not worth its bytes.
    pub fn some_read(self) -> Option<f64> {
        (self.read > 0.0).then_some(self.read)
    }
}

/// A read that failed, or a write of which it is not known whether it is stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The table gets more requests than it can handle at the moment.
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
