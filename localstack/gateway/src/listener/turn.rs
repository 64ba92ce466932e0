//! Whose turn it is on a connection, the client's or the server's, and the bound on connections that wait for a
//! request.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
    },
    task::Waker,
};

use futures_util::task::AtomicWaker;

/// It is the client's turn: the head of a request is awaited.
const CLIENT: u8 = 0;
/// It is the server's turn: a request is being served.
const SERVER: u8 = 1;
/// It is nobody's turn: the last answer is being sent, and what the client still sends is discarded.
const OVER: u8 = 2;
/// It was the client's turn, but too many other connections wait as well.
const EVICTED: u8 = 3;

/// The connections of a listener on which it is the client's turn, the longest waiting one first.
///
/// If there are too many, the one that waits longest is evicted: a normal client sends its request within milliseconds.
#[derive(Debug)]
pub(crate) struct Room {
    places: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    by_ticket: BTreeMap<u64, Weak<Turn>>,
}

/// Whose turn it is on one connection. The socket and the server share it.
#[derive(Debug)]
pub(crate) struct Turn {
    state: AtomicU8,
    /// How many requests were answered.
    answered: AtomicU32,
    ticket: AtomicU64,
    room: Arc<Room>,
    waker: AtomicWaker,
}

/// Whose turn it is on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The client's, after this many answers.
    Client(u32),
    /// The server's.
    Server,
    /// Nobody's: the last answer is being sent.
    Over,
    /// Nobody's: the connection was evicted when it was the client's turn.
    Evicted,
}

impl Room {
    pub(crate) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self { places, waiting: Mutex::default() })
    }

    fn enter(&self, turn: &Arc<Turn>) {
        let mut waiting = self.lock();
        waiting.last += 1;
        let ticket = waiting.last;
        turn.ticket.store(ticket, Ordering::Release);
        waiting.by_ticket.insert(ticket, Arc::downgrade(turn));
        let evicted = if waiting.by_ticket.len() > self.places { waiting.by_ticket.pop_first() } else { None };
        drop(waiting);
        if let Some(turn) = evicted.and_then(|(_, turn)| turn.upgrade()) {
            turn.evict();
        }
    }

    fn leave(&self, ticket: u64) {
        self.lock().by_ticket.remove(&ticket);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// A connection that was just accepted.
    pub(crate) fn new(room: &Arc<Room>) -> Arc<Self> {
        let turn = Arc::new(Self {
            state: AtomicU8::new(CLIENT),
            answered: AtomicU32::new(0),
            ticket: AtomicU64::new(0),
            room: Arc::clone(room),
            waker: AtomicWaker::new(),
        });
        room.enter(&turn);
        turn
    }

    pub(crate) fn whose(&self) -> Whose {
        match self.state.load(Ordering::Acquire) {
            CLIENT => Whose::Client(self.answered.load(Ordering::Acquire)),
            SERVER => Whose::Server,
            EVICTED => Whose::Evicted,
            _ => Whose::Over,
        }
    }

    /// A request's head is complete.
    pub(crate) fn begin(&self) {
        self.room.leave(self.ticket.load(Ordering::Acquire));
        self.state.store(SERVER, Ordering::Release);
    }

    /// A request was answered, and another may follow.
    pub(crate) fn answered(self: &Arc<Self>) {
        self.answered.fetch_add(1, Ordering::AcqRel);
        self.state.store(CLIENT, Ordering::Release);
        self.room.enter(self);
        // The reader of the socket must apply other timeouts now.
        self.waker.wake();
    }

    /// A request was answered, and no other may follow.
    pub(crate) fn over(&self) {
        self.state.store(OVER, Ordering::Release);
    }

    /// Registers the task that is woken when the turn changes.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    fn evict(&self) {
        let _ = self.state.compare_exchange(CLIENT, EVICTED, Ordering::AcqRel, Ordering::Acquire);
        self.waker.wake();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.room.leave(self.ticket.load(Ordering::Acquire));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_that_waits_longest_is_evicted_and_one_that_is_served_does_not_count() {
        let room = Room::new(2);
        let [first, second] = [Turn::new(&room), Turn::new(&room)];
        first.begin();
        let third = Turn::new(&room);
        assert_eq!(
            [&first, &second, &third].map(|turn| turn.whose()),
            [Whose::Server, Whose::Client(0), Whose::Client(0)]
        );
        first.answered();
        assert_eq!(
            [&first, &second, &third].map(|turn| turn.whose()),
            [Whose::Client(1), Whose::Evicted, Whose::Client(0)]
        );
        drop(third);
        let fourth = Turn::new(&room);
        assert_eq!((first.whose(), fourth.whose()), (Whose::Client(1), Whose::Client(0)));
    }
}
