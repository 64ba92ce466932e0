//! The table: guarded writes, reads, and lists of nodes.

use std::future::Future;
use std::ops::RangeInclusive;

use rollcall_core::{Deletion, Item, Key, NodeId, Outcome, Site, Timestamp, Update};

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

    /// Deletes an item, atomically, if the condition holds for it. Returns whether it is gone, by this request or an earlier
    /// one.
    ///
    /// # Errors
    /// If it is not known whether it is gone.
    fn delete(&self, deletion: &Deletion) -> impl Future<Output = Result<bool, StoreError>>;

    /// Reads an item with a consistent read; `None` if there is no such item.
    ///
    /// # Errors
    /// If it can't be read.
    fn read(&self, key: &Key) -> impl Future<Output = Result<Option<Item>, StoreError>>;

    /// Reads the items of one partition of the table of records from one key to another, both included, with consistent
    /// reads: at most `limit` of them, in the order of their sort keys or in the reverse order.
    ///
    /// # Errors
    /// If they can't be read.
    fn range(
        &self,
        keys: RangeInclusive<Key>,
        order: Order,
        limit: i32,
    ) -> impl Future<Output = Result<Vec<(Key, Item)>, StoreError>>;

    /// A page of nodes of every site: the next `limit` of them.
    ///
    /// # Errors
    /// If they can't be read.
    fn page_of_all(&self, after: Option<PageKey>, limit: i32) -> impl Future<Output = Result<Page, StoreError>>;

    /// A page of nodes of one site, in the order of their ids. A node that has joined the site a moment ago may be missing.
    ///
    /// # Errors
    /// If they can't be read.
    fn page_of_site(
        &self,
        site: &Site,
        after: Option<PageKey>,
        limit: i32,
    ) -> impl Future<Output = Result<Page, StoreError>>;

    /// A page of nodes of one segment of the table. All segments together have every node once.
    ///
    /// # Errors
    /// If they can't be read.
    fn page_of_segment(
        &self,
        segment: Segment,
        after: Option<PageKey>,
        limit: i32,
    ) -> impl Future<Output = Result<Page, StoreError>>;

    /// The suspected nodes whose grace period ends between these two instants: of each shard of the index at most
    /// `limit`, those first whose grace period ends first. A node that is suspected no more may still be among them for a
    /// moment, and one that has become suspected a moment ago may be missing.
    ///
    /// # Errors
    /// If they can't be read.
    fn suspects(
        &self,
        ends: RangeInclusive<Timestamp>,
        limit: i32,
    ) -> impl Future<Output = Result<Vec<NodeId>, StoreError>>;

    /// Reads the items of these nodes, of at most [`BATCH`] of them, with consistent reads and in no particular order.
    /// Nodes without an item are left out.
    ///
    /// # Errors
    /// If they can't be read.
    fn nodes(&self, nodes: &[NodeId]) -> impl Future<Output = Result<Vec<(NodeId, Item)>, StoreError>>;

    /// Reads what is kept beside these nodes, of at most [`BATCH`] of them, with consistent reads and in no particular
    /// order. Nodes without such an item are left out.
    ///
    /// # Errors
    /// If they can't be read.
    fn beside(&self, what: Beside, nodes: &[NodeId]) -> impl Future<Output = Result<Vec<(NodeId, Item)>, StoreError>>;
}

/// An item that is kept beside a node's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// What people call the node.
    About,
    /// What is kept of a node that polls a legacy endpoint.
    Legacy,
    /// As what the node is counted.
    Counted,
}

impl Beside {
    /// The item's key.
    pub fn key(self, node: &NodeId) -> Key {
        match self {
            Self::About => Key::About(node.clone()),
            Self::Legacy => Key::Legacy(node.clone()),
            Self::Counted => Key::Counted(node.clone()),
        }
    }
}

impl<S: Store> Store for &S {
    async fn write(&self, update: &Update) -> Result<Written, StoreError> {
        (**self).write(update).await
    }

    async fn transact(&self, updates: &[Update]) -> Result<bool, StoreError> {
        (**self).transact(updates).await
    }

    async fn delete(&self, deletion: &Deletion) -> Result<bool, StoreError> {
        (**self).delete(deletion).await
    }

    async fn read(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        (**self).read(key).await
    }

    async fn range(&self, keys: RangeInclusive<Key>, order: Order, limit: i32) -> Result<Vec<(Key, Item)>, StoreError> {
        (**self).range(keys, order, limit).await
    }

    async fn page_of_all(&self, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        (**self).page_of_all(after, limit).await
    }

    async fn page_of_site(&self, site: &Site, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        (**self).page_of_site(site, after, limit).await
    }

    async fn page_of_segment(&self, segment: Segment, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        (**self).page_of_segment(segment, after, limit).await
    }

    async fn suspects(&self, ends: RangeInclusive<Timestamp>, limit: i32) -> Result<Vec<NodeId>, StoreError> {
        (**self).suspects(ends, limit).await
    }

    async fn nodes(&self, nodes: &[NodeId]) -> Result<Vec<(NodeId, Item)>, StoreError> {
        (**self).nodes(nodes).await
    }

    async fn beside(&self, what: Beside, nodes: &[NodeId]) -> Result<Vec<(NodeId, Item)>, StoreError> {
        (**self).beside(what, nodes).await
    }
}

/// The order in which items are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Order {
    Ascending,
    Descending,
}

/// How many items one request reads at most (Amazon DynamoDB quotas, `BatchGetItem`).
pub const BATCH: usize = 100;

/// A part of the table of nodes: segment `index`, counted from 0, of `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Segment {
    pub index: u64,
    pub of: u64,
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
