//! The way to the application: the stream of the table of nodes, the queue of deliveries, and the endpoints.
//!
//! ```text
//! a marked write -> Stream -> the real feed -> Fifo -> the real deliveries -> Endpoints
//! ```

mod endpoints;
mod fifo;
mod stream;

use std::rc::Rc;

use rollcall_core::{Attribute, Item, Key, NodeId, Timestamp};
use rollcall_service::Change;

use crate::call::{Answer, Request};
use crate::event::{Called, Event, Returned};
use crate::ground::Ground;
use crate::kernel::MS;
use crate::table;
use stream::Stream;

pub(crate) use endpoints::endpoints;
pub(crate) use fifo::Fifo;
pub(crate) use stream::{Fed, Shard};

/// Something that happens on the way to the application.
#[derive(Debug)]
pub(crate) enum Out {
    /// A write of a node's item is in the stream.
    Written(Box<Change>),
    /// Lambda reads a shard of the stream.
    Read(usize),
    /// Lambda looks into the queue.
    Received,
    /// A call of a function gets to the queue or to an endpoint.
    Arrived(Box<Called>),
}

/// The way to the application.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    stream: Stream,
    queue: Fifo,
}

/// What the stream says of the deletion of a node's item.
pub(crate) fn removal(node: &NodeId, was: Item, now: Timestamp) -> Change {
    Change { node: node.clone(), sequence: String::new(), at: told_at(now), was: Some(was), is: None }
}

/// It is told in seconds.
fn told_at(now: Timestamp) -> Timestamp {
    Timestamp(now.0 / 1000 * 1000)
}

/// What the stream says of a write; `None` if the filter of its events lets no such write through
/// (`infra/template.yaml`, `FeedSource`).
pub(crate) fn record(change: &table::Change, now: Timestamp) -> Option<Change> {
    let Key::Node(node) = &change.key else { return None };
    change.after.contains_key(&Attribute::Announces).then(|| Change {
        node: node.clone(),
        sequence: String::new(),
        at: told_at(now),
        was: change.before.clone(),
        is: Some(change.after.clone()),
    })
}

impl Outbound {
    pub(crate) fn happens(&mut self, ground: &mut Ground, out: Out) {
        match out {
            Out::Written(change) => self.stream.written(ground, *change),
            Out::Read(shard) => self.stream.read(ground, shard),
            Out::Received => self.queue.receive(ground),
            Out::Arrived(called) => self.arrived(ground, *called),
        }
    }

    /// Whether a call is one of the queue or of an endpoint.
    pub(crate) fn is_for(request: &Request) -> bool {
        matches!(request, Request::Send(_) | Request::Postpone(..) | Request::Bury(_) | Request::Webhook(_))
    }

    /// A function calls.
    pub(crate) fn called(ground: &mut Ground, mut called: Called) {
        let way = called.draw.between(2 * MS, 12 * MS);
        ground.after(way, Event::Outbound(Out::Arrived(Box::new(called))));
    }

    fn arrived(&mut self, ground: &mut Ground, called: Called) {
        let Called { invocation, call, request, mut draw, .. } = called;
        let (answer, after) = match request {
            Request::Webhook(post) => {
                let (posted, after) = endpoints::post(ground, &mut draw, &post);
                // The time that the function may take is watched.
                ground.soon(Event::Slow(invocation));
                (Answer::Posted(posted), after)
            }
            request => (self.queue.called(ground, &mut draw, request), draw.between(2 * MS, 12 * MS)),
        };
        ground.after(after, Event::Answered(invocation, call, Box::new(answer)));
    }

    /// The feed has returned.
    pub(crate) fn fed(&mut self, ground: &mut Ground, shard: usize, returned: &Returned) {
        self.stream.returned(ground, shard, returned);
    }

    /// The deliveries have returned.
    pub(crate) fn delivered(&mut self, ground: &mut Ground, batch: u64, returned: &Returned) {
        self.queue.returned(ground, batch, returned);
    }
}

/// A batch, as functions are given it.
fn shared<T: Clone>(items: impl IntoIterator<Item = T>) -> Rc<[T]> {
    items.into_iter().collect()
}
