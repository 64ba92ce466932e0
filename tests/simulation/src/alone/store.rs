//! The store with the tries of its client. Every call is over before it returns: its time is virtual.

use std::cell::{Cell, RefCell};
use std::ops::RangeInclusive;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use rollcall_core::{Deletion, Item, Key, NodeId, Site, Timestamp, Update};
use rollcall_service::{Beside, Order, Page, PageKey, Segment, Store as Stores, StoreError, Written};

use super::ground;
use crate::call::Desk;
use crate::draw::{Draw, Who};
use crate::event::{Called, Event};
use crate::faults::Fault;
use crate::ground::Ground;
use crate::kernel::{Micros, S};
use crate::service::Client;
use crate::store::Store as Simulated;

/// How long an index is late at most, and more.
const A_WHILE: Micros = 10 * S;

/// A store without a fleet.
pub struct Store {
    client: Client,
    world: RefCell<World>,
    calls: Cell<u64>,
}

struct World {
    ground: Ground,
    store: Simulated,
    /// How many tries of the last call have got to the store.
    tries: u32,
}

impl Store {
    /// A store whose answers are lost so many times in a hundred.
    pub fn new(seed: u64, lost: u64) -> Self {
        let mut ground = ground(seed);
        if lost > 0 {
            ground.faults.begin(Fault::AnswersLost, Micros::MAX, lost);
        }
        let world = World { ground, store: Simulated::default(), tries: 0 };
        Self { client: Client(Rc::new(Desk::default())), world: RefCell::new(world), calls: Cell::new(0) }
    }

    /// How many tries of the last call have got to the store.
    pub fn tries(&self) -> u32 {
        self.world.borrow().tries
    }

    /// Lets the indexes learn of all writes.
    fn catch_up(&self) {
        let world = &mut *self.world.borrow_mut();
        let end = world.ground.now() + A_WHILE;
        while let Some(event) = world.ground.kernel.next(end) {
            world.happens(event, &self.client.0);
        }
    }

    /// Has a call made and answered.
    fn over<T>(&self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        self.world.borrow_mut().tries = 0;
        loop {
            if let Poll::Ready(answer) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return answer;
            }
            let world = &mut *self.world.borrow_mut();
            for (number, request) in self.client.0.made() {
                self.calls.set(self.calls.get() + 1);
                let draw = Draw::of(world.ground.seed, Who::Application(0), self.calls.get());
                let called = Called { invocation: 0, call: number, request, patient: true, draw };
                world.store.called(&mut world.ground, called);
            }
            while let Some(event) = world.ground.kernel.next(Micros::MAX) {
                if world.happens(event, &self.client.0) {
                    break;
                }
            }
        }
    }
}

impl World {
    /// Returns whether a call is answered.
    fn happens(&mut self, event: Event, desk: &Desk) -> bool {
        let Self { ground, store, tries } = self;
        match event {
            Event::Tried(operation, nth) => {
                *tries += 1;
                store.tried(ground, operation, nth);
            }
            Event::Told(operation, nth, answer) => store.told(ground, operation, nth, *answer),
            Event::TimedOut(operation, nth) => store.timed_out(ground, operation, nth),
            Event::TryAgain(operation) => store.try_now(ground, operation),
            Event::Commit(operation, nth) => store.commit(ground, operation, nth),
            Event::Indexed(node) => store.table.index(&node),
            Event::Answered(_, call, answer) => return desk.answer(call, *answer),
            _ => {}
        }
        false
    }
}

impl Stores for Store {
    async fn write(&self, update: &Update) -> Result<Written, StoreError> {
        self.over(self.client.write(update))
    }

    async fn transact(&self, updates: &[Update]) -> Result<bool, StoreError> {
        self.over(self.client.transact(updates))
    }

    async fn delete(&self, deletion: &Deletion) -> Result<bool, StoreError> {
        self.over(self.client.delete(deletion))
    }

    async fn read(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.over(self.client.read(key))
    }

    async fn range(&self, keys: RangeInclusive<Key>, order: Order, limit: i32) -> Result<Vec<(Key, Item)>, StoreError> {
        self.over(self.client.range(keys, order, limit))
    }

    async fn page_of_all(&self, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        self.over(self.client.page_of_all(after, limit))
    }

    /// The index has caught up.
    async fn page_of_site(&self, site: &Site, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        self.catch_up();
        self.over(self.client.page_of_site(site, after, limit))
    }

    async fn page_of_segment(&self, segment: Segment, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        self.over(self.client.page_of_segment(segment, after, limit))
    }

    /// The index has caught up.
    async fn suspects(&self, ends: RangeInclusive<Timestamp>, limit: i32) -> Result<Vec<NodeId>, StoreError> {
        self.catch_up();
        self.over(self.client.suspects(ends, limit))
    }

    async fn nodes(&self, nodes: &[NodeId]) -> Result<Vec<(NodeId, Item)>, StoreError> {
        self.over(self.client.nodes(nodes))
    }

    async fn beside(&self, what: Beside, nodes: &[NodeId]) -> Result<Vec<(NodeId, Item)>, StoreError> {
        self.over(self.client.beside(what, nodes))
    }
}
