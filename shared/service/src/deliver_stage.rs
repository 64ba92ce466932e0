//! A world for the tests of deliveries: a clock, a store, a queue, and receivers.

use std::cell::Cell;

use futures_util::FutureExt as _;
use rollcall_core::{EndpointSpec, EventTypes, add_endpoint};
use rollcall_wire::Json;
use rollcall_wire::console::SignatureScheme;

use crate::deliver::*;
use crate::memory::MemoryStore;
use crate::memory_queue::MemoryQueue;
use crate::outgoing::message;
use crate::webhook::{Post, secret};

pub(super) const BEGIN: Timestamp = Timestamp(1_800_000_000_000);

/// What a receiver answers: the status; and after how many polls, so that others can overtake it.
pub(super) type Receiver = Box<dyn Fn(&Post) -> Posted>;

/// A world with a clock, a store, a queue, and receivers.
pub(super) struct World {
    pub(super) now: Cell<Timestamp>,
    pub(super) store: MemoryStore,
    pub(super) queue: MemoryQueue,
    pub(super) receiver: RefCell<Receiver>,
    pub(super) posts: RefCell<Vec<(String, String)>>,
}

impl Webhooks for &World {
    async fn post(&self, post: &Post) -> Posted {
        self.posts.borrow_mut().push((post.url.clone(), post.headers[1].1.clone()));
        (self.receiver.borrow())(post)
    }
}

impl World {
    pub(super) fn new(names: &[&str]) -> Self {
        let world = Self {
            now: Cell::new(BEGIN),
            store: MemoryStore::default(),
            queue: MemoryQueue::default(),
            receiver: RefCell::new(Box::new(|_| status(200))),
            posts: RefCell::default(),
        };
        world.queue.set_time(BEGIN);
        for name in names {
            let spec = EndpointSpec {
                url: format!("https://{name}.test/"),
                types: EventTypes::default(),
                site: None,
                select: None,
            };
            let update =
                add_endpoint(&name.parse().expect("a name"), &spec, &secret(SignatureScheme::V1, &[7; 32]), BEGIN);
            let _ = world.store.apply(&update);
        }
        world
    }

    pub(super) fn answering(self, receiver: impl Fn(&Post) -> Posted + 'static) -> Self {
        *self.receiver.borrow_mut() = Box::new(receiver);
        self
    }

    pub(super) fn send(&self, endpoint: &str, node: &str, id: &str) {
        self.send_as(endpoint, node, id, None);
    }

    pub(super) fn send_as(&self, endpoint: &str, node: &str, id: &str, replay: Option<u64>) {
        let text =
            format!(r#"{{"specversion":"1.0","id":"{id}","type":"node.online","subject":"{node}","data":1.50}}"#);
        let event = Json::parse(&text).expect("JSON");
        let (head, _) = EventHead::read(&event).expect("an event");
        let message = message(&endpoint.parse().expect("a name"), &head, &event, replay);
        self.queue.send(&[message]).now_or_never().expect("now").expect("sent");
    }

    /// Hands out one batch, and delivers it.
    pub(super) fn deliver(&self) -> usize {
        let clock = || self.now.get();
        let deliveries = Deliveries::new(&self.store, &self.queue, self, Schedule::default(), clock);
        let batch = self.queue.receive(10);
        let failed = deliveries.run(&batch).now_or_never().expect("nothing waits");
        self.queue.returned(&batch, &failed);
        batch.len()
    }

    pub(super) fn wait(&self, seconds: Seconds) {
        self.now.set(self.now.get().plus_seconds(seconds));
        self.queue.set_time(self.now.get());
    }

    /// Delivers until the queue is empty, an hour at a time at most.
    pub(super) fn deliver_all(&self) {
        for _ in 0..20_000 {
            if self.queue.waiting().is_empty() {
                return;
            }
            if self.deliver() == 0 {
                self.wait(60);
            }
        }
        panic!("it is never over");
    }

    pub(super) fn posted(&self) -> Vec<String> {
        self.posts.take().into_iter().map(|(_, id)| id).collect()
    }

    pub(super) fn record(&self, endpoint: &str, id: &str) -> Option<DeliveryRecord> {
        let key = Key::Delivery(endpoint.parse().expect("a name"), id.parse().expect("an id"));
        self.store.get(&key).map(|item| DeliveryRecord::read(&item).expect("readable"))
    }

    pub(super) fn endpoint(&self, name: &str) -> Endpoint {
        let item = self.store.get(&Key::Endpoint(name.parse().expect("a name"))).expect("an item");
        Endpoint::read(&item).expect("readable").expect("an endpoint")
    }
}

pub(super) fn status(status: u16) -> Posted {
    Posted { answer: Answer { status: Some(status), ..Answer::default() }, retry_after: None }
}

pub(super) fn id(post: &Post) -> &str {
    &post.headers[1].1
}
