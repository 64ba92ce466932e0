//! The tries of a call through the SDK: how often, how long, and with which pauses (those of `shared/aws/src/client.rs`).

use crate::call::{Answer, Failure, Request};
use crate::draw::Draw;
use crate::event::{Called, Event};
use crate::faults::Fault;
use crate::ground::Ground;
use crate::kernel::{MS, Micros, S};
use crate::store::Store;

/// How long one try of a call may take, and a call with all of its tries.
const TRY_TIMEOUT: Micros = 2 * S;
const CALL_TIMEOUT: Micros = 5 * S;
/// How long a call of `@connections` may take, which is tried once.
const POST_TIMEOUT: Micros = S;

/// The longest pauses before a call is tried again, and how often it is tried.
const QUICK: (Micros, u32) = (100 * MS, 2);
const PATIENT: (Micros, u32) = (S, 3);

/// A call with all of its tries.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) invocation: u64,
    pub(crate) call: u64,
    pub(crate) request: Request,
    pub(crate) patient: bool,
    pub(crate) draw: Draw,
    pub(crate) began: Micros,
    /// When the last try was sent, and its number.
    pub(crate) sent: Micros,
    pub(crate) tries: u32,
    /// How many tries are on their way to the store.
    pub(crate) on_their_way: u32,
    /// Whether nobody waits for an answer any more.
    pub(crate) done: bool,
    /// Whether the transaction was made. A try with the same token then succeeds (Amazon DynamoDB,
    /// `ClientRequestToken`).
    pub(crate) committed: bool,
}

impl Operation {
    pub(crate) fn is_post(&self) -> bool {
        matches!(self.request, Request::Post(..) | Request::Close(_))
    }

    /// By when the last try must be answered.
    pub(crate) fn deadline(&self) -> Micros {
        if self.is_post() {
            return self.sent + POST_TIMEOUT;
        }
        (self.sent + TRY_TIMEOUT).min(self.began + CALL_TIMEOUT)
    }
}

impl Store {
    /// A function calls.
    pub(crate) fn called(&mut self, ground: &mut Ground, called: Called) {
        let Called { invocation, call, request, patient, draw } = called;
        if let Request::Sleep(pause) = request {
            let pause = Micros::try_from(pause.as_micros()).unwrap_or(Micros::MAX);
            return ground.after(pause, Event::Answered(invocation, call, Box::new(Answer::Slept)));
        }
        let now = ground.now();
        let operation = Operation {
            invocation,
            call,
            request,
            patient,
            draw,
            began: now,
            sent: now,
            tries: 0,
            on_their_way: 0,
            done: false,
            committed: false,
        };
        let number = self.operations.insert(operation);
        self.try_now(ground, number);
    }

    /// Sends the request once more.
    pub(crate) fn try_now(&mut self, ground: &mut Ground, number: u64) {
        let now = ground.now();
        let Some(operation) = self.operations.get(number).filter(|operation| !operation.done) else { return };
        let is_post = operation.is_post();
        operation.tries += 1;
        operation.sent = now;
        operation.on_their_way += 1;
        let mut way = operation.draw.between(MS, 4 * MS);
        if let Some(by_ms) = ground.much(Fault::StoreSlow).filter(|_| !is_post) {
            way += operation.draw.below(by_ms * MS + 1);
            ground.hit(Fault::StoreSlow.name());
        }
        let (tries, deadline) = (operation.tries, operation.deadline());
        if now + way >= deadline {
            let invocation = operation.invocation;
            ground.soon(Event::Slow(invocation));
            ground.at(deadline, Event::TimedOut(number, tries));
        }
        ground.after(way, Event::Tried(number, tries));
    }

    /// An answer to a try comes back.
    pub(crate) fn told(&mut self, ground: &mut Ground, number: u64, tries: u32, answer: Answer) {
        let Some(operation) = self.operations.get(number) else { return };
        if operation.done || operation.tries != tries {
            return;
        }
        match answer {
            Answer::Failed(failure @ (Failure::Throttled | Failure::Unavailable)) => {
                self.again(ground, number, failure);
            }
            answer => self.settle(ground, number, answer),
        }
    }

    /// A try has had no answer for too long.
    pub(crate) fn timed_out(&mut self, ground: &mut Ground, number: u64, tries: u32) {
        let waits = |operation: &mut Operation| !operation.done && operation.tries == tries;
        if self.operations.get(number).is_some_and(waits) {
            self.again(ground, number, Failure::Unavailable);
        }
    }

    /// The answer of a try begins its way back, unless it is lost.
    pub(crate) fn answer(&mut self, ground: &mut Ground, number: u64, tries: u32, answer: Answer) {
        let Some(operation) = self.operations.get(number) else { return };
        let is_post = operation.is_post();
        let mut draw = operation.draw.clone();
        let lost = !is_post && ground.hits(Fault::AnswersLost, &mut draw);
        if let Some(operation) = self.operations.get(number) {
            operation.draw = draw;
        }
        if lost {
            self.stay_silent(ground, number, tries);
        } else {
            self.tell(ground, number, tries, answer);
        }
    }

    pub(crate) fn tell(&mut self, ground: &mut Ground, number: u64, tries: u32, answer: Answer) {
        let Some(operation) = self.operations.get(number) else { return };
        let way = operation.draw.between(MS, 4 * MS);
        ground.after(way, Event::Told(number, tries, Box::new(answer)));
    }

    pub(crate) fn stay_silent(&mut self, ground: &mut Ground, number: u64, tries: u32) {
        let Some(operation) = self.operations.get(number) else { return };
        if operation.done || operation.tries != tries {
            return;
        }
        let (deadline, invocation) = (operation.deadline(), operation.invocation);
        ground.soon(Event::Slow(invocation));
        ground.at(deadline, Event::TimedOut(number, tries));
    }

    fn again(&mut self, ground: &mut Ground, number: u64, failure: Failure) {
        let now = ground.now();
        let Some(operation) = self.operations.get(number) else { return };
        let (pause, most) = if operation.patient { PATIENT } else { QUICK };
        let most = if operation.is_post() { 1 } else { most };
        let pause = operation.draw.below((pause << (operation.tries - 1)) + 1);
        if operation.tries >= most || now + pause >= operation.began + CALL_TIMEOUT {
            return self.settle(ground, number, Answer::Failed(failure));
        }
        let invocation = operation.invocation;
        ground.soon(Event::Slow(invocation));
        ground.after(pause, Event::TryAgain(number));
    }

    fn settle(&mut self, ground: &mut Ground, number: u64, answer: Answer) {
        let Some(operation) = self.operations.get(number) else { return };
        operation.done = true;
        ground.soon(Event::Answered(operation.invocation, operation.call, Box::new(answer)));
        self.tidy(number);
    }

    pub(crate) fn tidy(&mut self, number: u64) {
        let over = |operation: &mut Operation| operation.done && operation.on_their_way == 0;
        if self.operations.get(number).is_some_and(over) {
            self.operations.remove(number);
        }
    }
}
