//! What the service stands on: a table whose next request may fail, connections that may be gone, a clock that waits for
//! nothing, and a signer.

use std::cell::Cell;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::Duration;

use rollcall_core::{ConnectionId, Deletion, Item, Key, NodeId, Site, Timestamp, Update};
use rollcall_service::{
    Beside, Clock, ConnectionError, Connections, Delivery, MemoryStore, Order, Page, PageKey, Segment, SignError,
    Signer, Store, StoreError, Written,
};

use super::answers;

/// How a request to the table fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// `throttled`: nothing was done.
    Throttled,
    /// `rejected`: nothing was done, and nothing ever will be.
    Rejected,
    /// `lost`: it was done, and nobody knows.
    Lost,
}

impl Fault {
    pub(super) fn named(word: &str) -> Option<Self> {
        match word {
            "throttled" => Some(Self::Throttled),
            "rejected" => Some(Self::Rejected),
            "lost" => Some(Self::Lost),
            _ => None,
        }
    }

    fn error(self) -> StoreError {
        match self {
            Self::Throttled => StoreError::Throttled("a fault".into()),
            Self::Rejected => StoreError::Rejected("a fault".into()),
            Self::Lost => StoreError::Unavailable("a fault".into()),
        }
    }
}

/// A store in memory whose next request may fail. Its clones are the same store.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(Rc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    items: MemoryStore,
    next: Cell<Option<Fault>>,
    failed: Cell<bool>,
}

impl Table {
    pub(super) fn fail_next(&self, fault: Option<Fault>) {
        self.0.next.set(fault);
    }

    /// An event begins.
    pub(super) fn begin(&self) {
        self.0.failed.set(false);
    }

    /// Whether a request has failed since the event began.
    pub(super) fn failed(&self) -> bool {
        self.0.failed.get()
    }

    pub(super) fn item(&self, key: &Key) -> Option<Item> {
        self.0.items.get(key)
    }

    async fn ask<T>(&self, request: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let Some(fault) = self.0.next.take() else { return request.await };
        self.0.failed.set(true);
        if fault == Fault::Lost {
            drop(request.await);
        }
        Err(fault.error())
    }
}

impl Store for Table {
    async fn write(&self, update: &Update) -> Result<Written, StoreError> {
        self.ask(self.0.items.write(update)).await
    }

    async fn transact(&self, updates: &[Update]) -> Result<bool, StoreError> {
        self.ask(self.0.items.transact(updates)).await
    }

    async fn delete(&self, deletion: &Deletion) -> Result<bool, StoreError> {
        self.ask(self.0.items.delete(deletion)).await
    }

    async fn read(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.ask(self.0.items.read(key)).await
    }

    async fn range(&self, keys: RangeInclusive<Key>, order: Order, limit: i32) -> Result<Vec<(Key, Item)>, StoreError> {
        self.ask(self.0.items.range(keys, order, limit)).await
    }

    async fn page_of_all(&self, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        self.ask(self.0.items.page_of_all(after, limit)).await
    }

    async fn page_of_site(&self, site: &Site, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        self.ask(self.0.items.page_of_site(site, after, limit)).await
    }

    async fn page_of_segment(&self, segment: Segment, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        self.ask(self.0.items.page_of_segment(segment, after, limit)).await
    }

    async fn suspects(&self, ends: RangeInclusive<Timestamp>, limit: i32) -> Result<Vec<NodeId>, StoreError> {
        self.ask(self.0.items.suspects(ends, limit)).await
    }

    async fn nodes(&self, nodes: &[NodeId]) -> Result<Vec<(NodeId, Item)>, StoreError> {
        self.ask(self.0.items.nodes(nodes)).await
    }

    async fn beside(&self, what: Beside, nodes: &[NodeId]) -> Result<Vec<(NodeId, Item)>, StoreError> {
        self.ask(self.0.items.beside(what, nodes)).await
    }
}

/// Connections of which some are gone (`gone` is in their id) and some can't be reached (`far`).
#[derive(Clone, Debug, Default)]
pub(super) struct Sockets(Rc<Cell<bool>>);

impl Sockets {
    /// An event begins.
    pub(super) fn begin(&self) {
        self.0.set(false);
    }

    /// Whether a connection could not be reached since the event began.
    pub(super) fn failed(&self) -> bool {
        self.0.get()
    }

    fn reach(&self, connection: &ConnectionId) -> Result<Delivery, ConnectionError> {
        if connection.as_str().contains("far") {
            self.0.set(true);
            return Err(ConnectionError("too far".into()));
        }
        Ok(if connection.as_str().contains("gone") { Delivery::Gone } else { Delivery::Delivered })
    }
}

impl Connections for Sockets {
    async fn post(&self, connection: &ConnectionId, frame: String) -> Result<Delivery, ConnectionError> {
        answers::frame(&frame);
        self.reach(connection)
    }

    async fn close(&self, connection: &ConnectionId) -> Result<Delivery, ConnectionError> {
        self.reach(connection)
    }
}

/// A clock on which every pause is over at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoPauses;

impl Clock for NoPauses {
    async fn sleep(&self, _: Duration) {}
}

/// URLs without a signature.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unsigned;

impl Signer for Unsigned {
    async fn url(&self, object_key: &str, _: Timestamp) -> Result<String, SignError> {
        Ok(format!("https://images.example.org/{object_key}"))
    }
}
