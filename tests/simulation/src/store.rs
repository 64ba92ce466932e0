//! DynamoDB: what becomes of a request that gets there. A try of which the client hears nothing may be applied all the
//! same, also after a later try.

use std::collections::BTreeMap;

use rollcall_core::{Item, Key, NodeId, Update};
use rollcall_fleet::Seen;

use crate::call::{Answer, Failure, Request};
use crate::clocks::true_time;
use crate::draw::{Draw, Who};
use crate::event::Event;
use crate::faults::Fault;
use crate::ground::Ground;
use crate::kernel::{MS, Micros, S};
use crate::outbound::Out;
use crate::slab::Slab;
use crate::table::{Change, Table};
use crate::tries::Operation;

/// How late an index is at most, and DynamoDB's deletion of items whose time is over (Amazon DynamoDB, "Time
/// to Live").
const INDEX_LATE: Micros = 1_500 * MS;
const FORGET_LATE: Micros = 48 * 3_600 * S;

/// The store.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) table: Table,
    pub(crate) operations: Slab<Operation>,
    /// Items that a transaction under way has locked, and its operation.
    locked: BTreeMap<Key, u64>,
    /// How often the indexes were updated.
    indexed: u64,
}

impl Store {
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

    /// A try of a call of `@connections` has got there.
    pub(crate) fn arrived(&mut self, number: u64) {
        if let Some(operation) = self.operations.get(number) {
            operation.on_their_way -= 1;
        }
    }

    /// Somebody makes a write that no function makes: before the run begins.
    pub(crate) fn set_up(&mut self, ground: &mut Ground, update: &Update) {
        if let Some(change) = self.table.write(update).1 {
            self.wrote(ground, change);
        }
    }

    /// Deletes an item whose time is over.
    pub(crate) fn forget(&mut self, ground: &mut Ground, key: Key) {
        let now_s = true_time(ground.now()).0 / 1000;
        if self.table.forget(&key, now_s) {
            ground.saw(Seen::Forgotten { key });
        }
    }

    fn lock(&mut self, ground: &mut Ground, number: u64, tries: u32) {
        let Some(operation) = self.operations.get(number) else { return };
        let Request::Transact(updates) = operation.request.clone() else { return };
        if operation.committed {
            return self.answer(ground, number, tries, Answer::Transacted(true));
        }
        let taken = updates.iter().any(|update| self.locked.contains_key(&update.key));
        if taken {
            return self.tell(ground, number, tries, Answer::Transacted(false));
        }
        operation.on_their_way += 1;
        let until_commit = operation.draw.between(MS, 6 * MS);
        self.locked.extend(updates.iter().map(|update| (update.key.clone(), number)));
        ground.after(until_commit, Event::Commit(number, tries));
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
            Request::Delete(deletion) if self.locked.contains_key(&deletion.key) => Answer::Failed(Failure::Rejected),
            Request::Delete(deletion) => {
                let (is_gone, was) = self.table.delete(&deletion);
                if let Some(was) = was {
                    self.deleted(ground, deletion.key.clone(), was);
                }
                Answer::Deleted(is_gone)
            }
            Request::Read(key) => Answer::Item(self.table.get(&key).cloned()),
            Request::Range(keys, order, limit) => Answer::Items(self.table.range(keys, order, limit)),
            Request::Scan(after, limit) => {
                let (nodes, more) = self.table.scan(after.as_ref(), limit);
                Answer::Nodes(nodes, more)
            }
            Request::Ids(site, after, limit) => {
                let (ids, more) = self.table.ids(&site, after.as_ref(), limit);
                Answer::Ids(ids, more)
            }
            Request::Segment(segment, after, limit) => {
                let (nodes, more) = self.table.segment(segment, after.as_ref(), limit);
                Answer::Nodes(nodes, more)
            }
            Request::Suspects(ends, limit) => Answer::Ids(self.table.suspects(&ends, limit), None),
            Request::Batch(nodes) => Answer::Nodes(self.table.batch(&nodes, |node| Key::Node(node.clone())), None),
            Request::Beside(what, nodes) => Answer::Nodes(self.table.batch(&nodes, |node| what.key(node)), None),
            _ => Answer::Failed(Failure::Rejected),
        }
    }

    fn deleted(&mut self, ground: &mut Ground, key: Key, was: Item) {
        if let Key::Node(node) = &key {
            self.moved(ground, node);
            let record = crate::outbound::removal(node, was, true_time(ground.now()));
            ground.soon(Event::Outbound(Out::Written(Box::new(record))));
        }
        ground.saw(Seen::Forgotten { key });
    }

    /// The indexes learn of a node's write later.
    fn moved(&mut self, ground: &mut Ground, node: &NodeId) {
        self.indexed += 1;
        let late = ground.draw(Who::Index, self.indexed).below(INDEX_LATE);
        ground.after(late, Event::Indexed(node.clone()));
    }

    fn wrote(&mut self, ground: &mut Ground, change: Change) {
        if let Some(node) = change.moved() {
            self.moved(ground, node);
        }
        if let Some(at) = change.forget_at() {
            let late = ground.draw(Who::Index, at).below(FORGET_LATE);
            let left = at.saturating_sub(true_time(ground.now()).0 / 1000);
            ground.after(left.saturating_mul(S).saturating_add(S + late), Event::Forget(Box::new(change.key.clone())));
        }
        if let Some(record) = crate::outbound::record(&change, true_time(ground.now())) {
            ground.soon(Event::Outbound(Out::Written(Box::new(record))));
        }
        let Change { key, before, after } = change;
        ground.saw(Seen::Wrote { key, before, after });
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
