//! DynamoDB as functions see it, through the SDK: tries, timeouts and pauses (those of `shared/aws/src/client.rs`), and
//! whatever may happen to a request on its way and to its answer on the way back.
//!
//! A try of which the client hears nothing may be applied all the same, also after a later try.

use std::collections::BTreeMap;

use rollcall_core::Key;
use rollcall_fleet::Seen;

use crate::call::{Answer, Failure, Request};
use crate::clocks::true_time;
use crate::draw::{Draw, Who};
use crate::event::{Called, Event};
use crate::faults::Fault;
use crate::ground::Ground;
use crate::kernel::{MS, Micros, S};
use crate::slab::Slab;
use crate::table::{Change, Table};

/// How long one try of a call may take, and a call with all of its tries.
const TRY_TIMEOUT: Micros = 2 * S;
const CALL_TIMEOUT: Micros = 5 * S;
/// How long a call of `@connections` may take, which is tried once.
const POST_TIMEOUT: Micros = S;

/// The longest pauses before a call is tried again, and how often it is tried.
const QUICK: (Micros, u32) = (100 * MS, 2);
const PATIENT: (Micros, u32) = (S, 3);

/// How late the index of sites is at most, and DynamoDB's deletion of items whose time is over (Amazon DynamoDB, "Time
/// to Live").
const INDEX_LATE: Micros = 1_500 * MS;
const FORGET_LATE: Micros = 48 * 3_600 * S;

/// The store.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) table: Table,
    operations: Slab<Operation>,
    /// Items that a transaction under way has locked, and its operation.
    locked: BTreeMap<Key, u64>,
    /// How often the index was updated.
    indexed: u64,
}

/// A call with all of its tries.
#[derive(Debug)]
struct Operation {
    invocation: u64,
    call: u64,
    request: Request,
    patient: bool,
    draw: Draw,
    began: Micros,
    /// When the last try was sent, and its number.
    sent: Micros,
    tries: u32,
    /// How many tries are on their way to the store.
    on_their_way: u32,
    /// Whether nobody waits for an answer any more.
    done: bool,
    /// Whether the transaction was made. A try with the same token then succeeds (Amazon DynamoDB,
    /// `ClientRequestToken`).
    committed: bool,
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

    /// The request of a try that gets to `@connections`; `None` if it is one for the store.
    pub(crate) fn posted(&mut self, number: u64) -> Option<Request> {
        let operation = self.operations.get(number).filter(|operation| operation.is_post())?;
        Some(operation.request.clone())
    }

    /// A try gets to the store.
    pub(crate) fn tried(&mut self, ground: &mut Ground, number: u64, tries: u32) {
        let Some(operation) = self.operations.get(number) else { return };
        operation.on_their_way -= 1;
        let (request, mut draw) = (operation.request.clone(), operation.draw.clone());
        let fate = fate(ground, &mut draw);
        operation.draw = draw;
        match fate {
            Fate::Silence => self.stay_silent(ground, number, tries),
            Fate::Refused(failure) => self.tell(ground, number, tries, Answer::Failed(failure)),
            Fate::Served if matches!(request, Request::Transact(_)) => self.lock(ground, number, tries),
            Fate::Served => {
                let answer = self.serve(ground, request);
                self.answer(ground, number, tries, answer);
            }
        }
        self.tidy(number);
    }

    /// A transaction whose items are locked is made.
    pub(crate) fn commit(&mut self, ground: &mut Ground, number: u64, tries: u32) {
        self.locked.retain(|_, by| *by != number);
        let Some(operation) = self.operations.get(number) else { return };
        operation.on_their_way -= 1;
        let Request::Transact(updates) = operation.request.clone() else { return };
        let changes = self.table.write_all(&updates);
        let made = changes.is_some();
        for change in changes.into_iter().flatten() {
            self.wrote(ground, change);
        }
        if let Some(operation) = self.operations.get(number) {
            operation.committed = made;
        }
        self.answer(ground, number, tries, Answer::Transacted(made));
        self.tidy(number);
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
        let waits = |operation: &&mut Operation| !operation.done && operation.tries == tries;
        if self.operations.get(number).as_ref().is_some_and(waits) {
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

    /// A try of a call of `@connections` has got there.
    pub(crate) fn arrived(&mut self, number: u64) {
        if let Some(operation) = self.operations.get(number) {
            operation.on_their_way -= 1;
        }
    }

    /// Deletes an item whose time is over.
    pub(crate) fn forget(&mut self, ground: &mut Ground, key: Key) {
        let now_s = true_time(ground.now()).0 / 1000;
        if self.table.forget(&key, now_s) {
            ground.saw(Seen::Forgotten { key });
        }
    }

    fn tell(&mut self, ground: &mut Ground, number: u64, tries: u32, answer: Answer) {
        let Some(operation) = self.operations.get(number) else { return };
        let way = operation.draw.between(MS, 4 * MS);
        ground.after(way, Event::Told(number, tries, Box::new(answer)));
    }

    fn stay_silent(&mut self, ground: &mut Ground, number: u64, tries: u32) {
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

    fn tidy(&mut self, number: u64) {
        let over = |operation: &&mut Operation| operation.done && operation.on_their_way == 0;
        if self.operations.get(number).as_ref().is_some_and(over) {
            self.operations.remove(number);
        }
    }

    fn lock(&mut self, ground: &mut Ground, number: u64, tries: u32) {
        let Some(operation) = self.operations.get(number) else { return };
        let Request::Transact(updates) = operation.request.clone() else { return };
        if operation.committed {
            return self.answer(ground, number, tries, Answer::Transacted(true));
        }
        if updates.iter().any(|update| self.locked.contains_key(&update.key)) {
            return self.tell(ground, number, tries, Answer::Transacted(false));
        }
        operation.on_their_way += 1;
        let takes = operation.draw.between(MS, 6 * MS);
        self.locked.extend(updates.iter().map(|update| (update.key.clone(), number)));
        ground.after(takes, Event::Commit(number, tries));
    }

    fn serve(&mut self, ground: &mut Ground, request: Request) -> Answer {
        match request {
            // A transaction that is under way refuses other writes of its items (`TransactionConflictException`).
            Request::Write(update) if self.locked.contains_key(&update.key) => Answer::Failed(Failure::Rejected),
            Request::Write(update) => {
                let (outcome, change) = self.table.write(&update);
                if let Some(change) = change {
                    self.wrote(ground, change);
                }
                Answer::Written(outcome)
            }
            Request::Read(key) => Answer::Item(self.table.get(&key).cloned()),
            Request::Commands(node, numbers, limit) => Answer::Commands(self.table.commands(&node, numbers, limit)),
            Request::Scan(after, limit) => {
                let (nodes, more) = self.table.scan(after.as_ref(), limit);
                Answer::Nodes(nodes, more)
            }
            Request::Ids(site, after, limit) => {
                let (ids, more) = self.table.ids(&site, after.as_ref(), limit);
                Answer::Ids(ids, more)
            }
            Request::Batch(nodes) => Answer::Nodes(self.table.batch(&nodes), None),
            Request::Transact(_) | Request::Post(..) | Request::Close(_) | Request::Sleep(_) => {
                Answer::Failed(Failure::Rejected)
            }
        }
    }

    fn wrote(&mut self, ground: &mut Ground, change: Change) {
        if let Some(node) = change.moved() {
            self.indexed += 1;
            let late = ground.draw(Who::Index, self.indexed).below(INDEX_LATE);
            ground.after(late, Event::Indexed(node.clone()));
        }
        if let Some(at) = change.forget_at() {
            let late = ground.draw(Who::Index, at).below(FORGET_LATE);
            let left = at.saturating_sub(true_time(ground.now()).0 / 1000);
            ground.after(left.saturating_mul(S).saturating_add(S + late), Event::Forget(Box::new(change.key.clone())));
        }
        let Change { key, before, after } = change;
        ground.saw(Seen::Wrote { key, before, after });
    }
}

impl Operation {
    fn is_post(&self) -> bool {
        matches!(self.request, Request::Post(..) | Request::Close(_))
    }

    /// By when the last try must be answered.
    fn deadline(&self) -> Micros {
        if self.is_post() {
            return self.sent + POST_TIMEOUT;
        }
        (self.sent + TRY_TIMEOUT).min(self.began + CALL_TIMEOUT)
    }
}

/// What becomes of a request that gets to the store.
enum Fate {
    Served,
    Refused(Failure),
    Silence,
}

fn fate(ground: &mut Ground, draw: &mut Draw) -> Fate {
    if ground.much(Fault::StoreDown).is_some() {
        ground.hit(Fault::StoreDown.name());
        // Nobody listens, or nobody answers.
        return if draw.percent(50) { Fate::Refused(Failure::Unavailable) } else { Fate::Silence };
    }
    if ground.hits(Fault::Throttled, draw) { Fate::Refused(Failure::Throttled) } else { Fate::Served }
}
