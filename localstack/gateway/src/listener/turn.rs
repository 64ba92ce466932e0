//! Whose turn it is on a connection, and how many connections may wait without saying what they want.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
    },
    task::Waker,
};

use futures_util::task::AtomicWaker;

/// The client's turn: a request's head is to come.
const CLIENT: u8 = 0;
/// Ours: a request is being served.
const SERVER: u8 = 1;
/// Nobody's: the last answer is under way, and what the client still sends is thrown away.
const OVER: u8 = 2;
/// It was the client's, but too many others wait, too.
const EVICTED: u8 = 3;

/// The connections of a listener whose clients have the turn, the longest waiting first.
///
/// One too many evicts the one that waits longest: a client that means it sends its request within milliseconds.
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

/// Whose turn it is on one connection, as the socket and the server see it.
#[derive(Debug)]
pub(crate) struct Turn {
    state: AtomicU8,
    /// Requests that were answered.
    answered: AtomicU32,
    ticket: AtomicU64,
    room: Arc<Room>,
    waker: AtomicWaker,
}

/// The client's turn, from the socket's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The client's, after so many answers.
    Client(u32),
    /// Ours.
    Server,
    /// Nobody's any more.
    Over,
    /// Was the client's.
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
        // Whoever reads the socket has other clocks to watch now.
        self.waker.wake();
    }

    /// A request was answered, and no other may follow.
    pub(crate) fn over(&self) {
        self.state.store(OVER, Ordering::Release);
    }

    /// Who is to be woken when the turn changes.
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
    fn the_connection_that_waits_longest_makes_room_and_one_that_is_served_does_not_wait() {
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
