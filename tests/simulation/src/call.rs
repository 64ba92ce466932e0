//! The calls of functions to other services, as futures that are ready once the world has answered.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rollcall_core::{ConnectionId, Deletion, Item, Key, NodeId, Outcome, Site, Timestamp, Update};
use rollcall_service::{Beside, Message, Order, Post, Posted, Segment};

/// What a function asks of another service.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Write(Rc<Update>),
    /// Several guarded writes, all or none.
    Transact(Rc<Vec<Update>>),
    Delete(Rc<Deletion>),
    Read(Key),
    /// The items of one partition from one key to another, in this order, and at most so many.
    Range(RangeInclusive<Key>, Order, usize),
    /// The nodes among the next so many items.
    Scan(Option<Key>, usize),
    /// The ids of the next so many nodes of a site, by the index.
    Ids(Site, Option<Key>, usize),
    /// The nodes of one segment behind a key: the next so many.
    Segment(Segment, Option<Key>, usize),
    /// The suspected nodes whose grace period ends between these instants, by the index: of each shard so many.
    Suspects(RangeInclusive<Timestamp>, usize),
    /// The items of these nodes.
    Batch(Vec<NodeId>),
    /// What people call these nodes.
    Beside(Beside, Vec<NodeId>),
    /// A frame for a connection.
    Post(ConnectionId, Rc<str>),
    Close(ConnectionId),
    /// Messages for the queue.
    Send(Rc<[Message]>),
    /// The message with this receipt is to be handed out again after so many seconds.
    Postpone(String, u32),
    /// A message for the queue of dead letters.
    Bury(Box<Message>),
    /// An event for an endpoint.
    Webhook(Rc<Post>),
    Sleep(Duration),
}

/// The answer to a [`Request`].
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Written(Outcome),
    Transacted(bool),
    /// Whether the item is gone.
    Deleted(bool),
    Item(Option<Item>),
    Items(Vec<(Key, Item)>),
    /// Nodes, and the key of the last item that was looked at, if there are more.
    Nodes(Vec<(NodeId, Item)>, Option<Key>),
    /// Ids, and the last one as a key, if there are more.
    Ids(Vec<NodeId>, Option<Key>),
    /// Whether the connection is there.
    Reached(bool),
    /// The queue has done it.
    Queued,
    /// An endpoint has answered, or not.
    Posted(Posted),
    Slept,
    Failed(Failure),
}

/// Why a request has no other answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Throttled,
    Unavailable,
    Rejected,
}

/// Where the calls of an instance's invocation wait for their answers.
#[derive(Debug, Default)]
pub(crate) struct Desk(RefCell<Calls>);

#[derive(Debug, Default)]
struct Calls {
    count: u64,
    /// The time by the clock of the host, when the invocation went on last.
    now: Timestamp,
    made: Vec<(u64, Request)>,
    open: BTreeMap<u64, Open>,
}

/// A call that its future has not let go of.
#[derive(Debug)]
enum Open {
    Waits(Waker),
    Answered(Answer),
}

impl Desk {
    /// Makes a call once the future is polled.
    pub(crate) fn call(self: &Rc<Self>, request: Request) -> Calling {
        Calling { desk: Rc::clone(self), number: None, request: Some(request) }
    }

    /// The invocation goes on at this time by the clock of its host.
    pub(crate) fn tick(&self, now: Timestamp) {
        self.0.borrow_mut().now = now;
    }

    /// The time by the clock of the host.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.borrow().now
    }

    /// The calls that were made since this was asked last.
    pub(crate) fn made(&self) -> Vec<(u64, Request)> {
        std::mem::take(&mut self.0.borrow_mut().made)
    }

    /// Answers a call. Returns whether anybody still waits for it.
    pub(crate) fn answer(&self, number: u64, answer: Answer) -> bool {
        let waker = match self.0.borrow_mut().open.get_mut(&number) {
            Some(open @ Open::Waits(_)) => std::mem::replace(open, Open::Answered(answer)),
            _ => return false,
        };
        if let Open::Waits(waker) = waker {
            waker.wake();
        }
        true
    }
}

/// A call that is under way.
#[derive(Debug)]
pub(crate) struct Calling {
    desk: Rc<Desk>,
    number: Option<u64>,
    request: Option<Request>,
}

impl Future for Calling {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let this = &mut *self;
        let mut calls = this.desk.0.borrow_mut();
        if let Some(request) = this.request.take() {
            calls.count += 1;
            let number = calls.count;
            calls.made.push((number, request));
            calls.open.insert(number, Open::Waits(context.waker().clone()));
            this.number = Some(number);
            return Poll::Pending;
        }
        let Some(number) = this.number else { return Poll::Pending };
        match calls.open.remove(&number) {
            Some(Open::Answered(answer)) => Poll::Ready(answer),
            Some(Open::Waits(_)) => {
                calls.open.insert(number, Open::Waits(context.waker().clone()));
                Poll::Pending
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.desk.0.borrow_mut().open.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_made_when_it_is_polled_and_is_ready_when_it_is_answered() {
        let desk = Rc::new(Desk::default());
        let mut calling = Box::pin(desk.call(Request::Sleep(Duration::ZERO)));
        assert!(desk.made().is_empty());
        let mut context = Context::from_waker(Waker::noop());
        assert!(calling.as_mut().poll(&mut context).is_pending());
        let made = desk.made();
        assert!(matches!(made[..], [(1, Request::Sleep(_))]), "{made:?}");
        assert!(calling.as_mut().poll(&mut context).is_pending());
        assert!(desk.answer(1, Answer::Slept) && !desk.answer(1, Answer::Slept), "one answer counts");
        assert!(matches!(calling.as_mut().poll(&mut context), Poll::Ready(Answer::Slept)));
    }

    #[test]
    fn nobody_waits_for_a_call_whose_future_is_gone() {
        let desk = Rc::new(Desk::default());
        let mut calling = Box::pin(desk.call(Request::Sleep(Duration::ZERO)));
        assert!(calling.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(calling);
        assert!(!desk.answer(1, Answer::Slept));
    }
}
