//! The open connections, and how other tasks can send to them and close them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    assumed::{self, End},
    event::Identity,
};

/// The part of an open connection that other tasks use.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) identity: Identity,
    /// Text frames on their way to the client.
    pub(crate) outgoing: mpsc::Sender<Utf8Bytes>,
    /// Milliseconds since 1970 of the last data frame in either direction.
    pub(crate) last_active: AtomicU64,
    /// How many messages are under way.
    in_flight: AtomicUsize,
    /// How many messages may be under way.
    places: usize,
    close: AtomicU8,
    /// The connection's own task, which waits for a request to close and for a free place.
    owner: AtomicWaker,
}

/// What another task has asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked {
    /// Close the connection, with a closing handshake.
    ToClose(End),
    /// End it as if the network had failed.
    ToCut,
}

const OPEN: u8 = 0;
const DELETED: u8 = 1;
const GATEWAY_STOPS: u8 = 2;
const CUT: u8 = 3;

impl Entry {
    /// A connection that may have `places` messages under way.
    pub(crate) fn new(identity: Identity, outgoing: mpsc::Sender<Utf8Bytes>, places: usize) -> Self {
        Self {
            last_active: AtomicU64::new(identity.connected_at),
            identity,
            outgoing,
            in_flight: AtomicUsize::new(0),
            places: places.max(1),
            close: AtomicU8::new(OPEN),
            owner: AtomicWaker::new(),
        }
    }

    /// Whether another message may be under way. If the owner has called [`Self::poll_close`] before, it is woken when
    /// a place is free.
    pub(crate) fn has_place(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) < self.places
    }

    /// Takes a place for a message. Only the owner takes places, and only if there is one.
    pub(crate) fn take_place(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight(Arc::clone(self))
    }

    fn close(&self, why: u8) {
        let _ = self.close.compare_exchange(OPEN, why, Ordering::AcqRel, Ordering::Acquire);
        self.owner.wake();
    }

    /// Ready once another task has asked to close the connection.
    pub(crate) fn poll_close(&self, cx: &mut Context<'_>) -> Poll<Asked> {
        self.owner.register(cx.waker());
        match self.close.load(Ordering::Acquire) {
            OPEN => Poll::Pending,
            DELETED => Poll::Ready(Asked::ToClose(assumed::DELETED)),
            CUT => Poll::Ready(Asked::ToCut),
            _ => Poll::Ready(Asked::ToClose(assumed::GOING_AWAY)),
        }
    }
}

/// A message that is under way. Its place becomes free when this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Entry>);

impl InFlight {
    pub(crate) fn entry(&self) -> &Entry {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // The owner only waits for a place if none was free.
        if self.0.in_flight.fetch_sub(1, Ordering::AcqRel) >= self.0.places {
            self.0.owner.wake();
        }
    }
}

/// Open connections by id.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    entries: HashMap<String, Arc<Entry>>,
    stopped: bool,
}

impl Registry {
    pub(crate) fn insert(&self, entry: &Arc<Entry>) {
        let mut open = self.lock();
        open.entries.insert(entry.identity.connection_id.clone(), Arc::clone(entry));
        if open.stopped {
            entry.close(GATEWAY_STOPS);
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Entry>> {
        self.lock().entries.get(id).cloned()
    }

    pub(crate) fn remove(&self, id: &str) -> Option<Arc<Entry>> {
        self.lock().entries.remove(id)
    }

    /// Closes a connection and removes it, for an `@connections` DELETE. Returns false if it is not open.
    pub(crate) fn delete(&self, id: &str) -> bool {
        let entry = self.remove(id);
        entry.inspect(|entry| entry.close(DELETED)).is_some()
    }

    /// Cuts all connections, as if the network had failed.
    pub(crate) fn cut(&self) {
        for entry in self.lock().entries.values() {
            entry.close(CUT);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Closes all connections, and every one that is inserted later.
    pub(crate) fn stop(&self) {
        let mut open = self.lock();
        open.stopped = true;
        for entry in open.entries.values() {
            entry.close(GATEWAY_STOPS);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
