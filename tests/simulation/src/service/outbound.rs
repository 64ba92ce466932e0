//! The clients that the functions on the way to the application need besides the store.

use std::rc::Rc;

use rollcall_core::Timestamp;
use rollcall_fleet::delivery_schedule;
use rollcall_service::{Deliveries, Feed, Message, Post, Posted, Queue, QueueError, Webhooks};

use super::Client;
use crate::call::{Answer, Desk, Request};

/// How long the log keeps an event, in seconds: 30 days, as a deployment does.
const KEEP_S: u32 = 30 * 24 * 3600;

/// The deliveries. Their clock is that of the host.
pub(super) type Delivering = Deliveries<Client, Client, Client, Box<dyn Fn() -> Timestamp>>;

/// The feed of an instance.
pub(super) fn feed(desk: &Rc<Desk>, policy: rollcall_core::Policy) -> Feed<Client, Client> {
    let client = || Client(Rc::clone(desk));
    Feed { store: client(), queue: client(), policy, keep_for: KEEP_S }
}

/// The deliveries of an instance.
pub(super) fn deliveries(desk: &Rc<Desk>, seed: u64) -> Delivering {
    let client = || Client(Rc::clone(desk));
    let clock = Rc::clone(desk);
    let schedule = delivery_schedule(seed).parse().unwrap_or_default();
    Deliveries::new(client(), client(), client(), schedule, Box::new(move || clock.now()))
}

fn queued(answer: &Answer) -> Result<(), QueueError> {
    if matches!(answer, Answer::Queued) { Ok(()) } else { Err(QueueError("simulated".into())) }
}

impl Queue for Client {
    async fn send(&self, messages: &[Message]) -> Result<(), QueueError> {
        if messages.is_empty() {
            return Ok(());
        }
        queued(&self.call(Request::Send(messages.into())).await)
    }

    async fn postpone(&self, receipt: &str, pause: u32) -> Result<(), QueueError> {
        queued(&self.call(Request::Postpone(receipt.to_owned(), pause)).await)
    }

    async fn bury(&self, message: &Message, _: &str) -> Result<(), QueueError> {
        queued(&self.call(Request::Bury(Box::new(message.clone()))).await)
    }
}

impl Webhooks for Client {
    async fn post(&self, post: &Post) -> Posted {
        match self.call(Request::Webhook(Rc::new(post.clone()))).await {
            Answer::Posted(posted) => posted,
            _ => Posted::default(),
        }
    }
}
