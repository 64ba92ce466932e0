//! The table: guarded writes, reads, and lists of nodes.

use std::future::Future;
use std::ops::RangeInclusive;

use rollcall_core::{Item, Key, NodeId, Outcome, Site, Update};

/// Stores items and evaluates guarded writes.
pub trait Store {
    /// Makes one guarded write, atomically. A guard that does not hold is an [`Outcome`], not an error. A write that an
    /// earlier try already made, whose answer was lost, is [`Outcome::Applied`].
    ///
    /// # Errors
    /// If it is not known whether the write is stored.
    fn write(&self, update: &Update) -> impl Future<Output = Result<Written, StoreError>>;

    /// Makes several guarded writes, all or none. Returns whether the guards held, and no other transaction was in the
    /// way.
    ///
    /// # Errors
    /// If it is not known whether the writes are stored.
    fn transact(&self, updates: &[Update]) -> impl Future<Output = Result<bool, StoreError>>;

    /// Reads an item with a consistent read; `None` if there is no such item.
    ///
    /// # Errors
    /// If it can't be read.
    fn read(&self, key: &Key) -> impl Future<Output = Result<Option<Item>, StoreError>>;

    /// Reads the items of a node's commands with these numbers, sorted: at most `limit` of them.
    ///
    /// # Errors
    /// If they can't be read.
    fn commands(
        &self,
        node: &NodeId,
        numbers: RangeInclusive<u64>,
        limit: i32,
    ) -> impl Future<Output = Result<Vec<(u64, Item)>, StoreError>>;

    /// A page of nodes of every site: the next `limit` of them.
    ///
    /// # Errors
    /// If they can't be read.
    fn page_of_all(&self, after: Option<PageKey>, limit: i32) -> impl Future<Output = Result<Page, StoreError>>;

    /// A page of nodes of one site. A node that has joined the site a moment ago may be missing.
    ///
    /// # Errors
    /// If they can't be read.
    fn page_of_site(
        &self,
        site: &Site,
        after: Option<PageKey>,
        limit: i32,
    ) -> impl Future<Output = Result<Page, StoreError>>;
}

/// The nodes of one page, and the key after which the next page begins.
pub type Page = (Vec<(NodeId, Item)>, Option<PageKey>);

/// The key of the item that a page ends with.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PageKey {
    /// The partition key.
    pub pk: String,
    /// The sort key.
    pub sk: String,
}

/// The key that a page ends with if it ends with this item.
impl From<&Key> for PageKey {
    fn from(key: &Key) -> Self {
        Self { pk: key.partition(), sk: key.sort() }
    }
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

impl From<rollcall_core::Malformed> for StoreError {
    fn from(malformed: rollcall_core::Malformed) -> Self {
        Self::Malformed(malformed.attribute.name().to_owned())
    }
}
