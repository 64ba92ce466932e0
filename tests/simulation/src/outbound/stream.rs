//! The stream of the table of nodes, and what reads it: Lambda's event source mapping.
//!
//! Records of an item are in the order of its writes, in one shard. Of each shard one batch is with the feed at a time; it
//! comes again until the feed has told of it, or what is left of it. A batch that failed as a whole is split into two
//! halves, and a record that failed too often is discarded (AWS Lambda Developer Guide, "Using AWS Lambda with Amazon
//! DynamoDB").

use std::collections::VecDeque;
use std::rc::Rc;

use rollcall_core::NodeId;
use rollcall_service::Change;

use super::{Out, shared};
use crate::draw::Who;
use crate::event::{Event, Function, Invoking, Payload, Purpose, Returned};
use crate::faults::Fault;
use crate::ground::Ground;
use crate::kernel::{MS, Micros, S};

/// How many shards there are. They are others than those of the log, so that two invocations add to one of these.
const SHARDS: usize = 2;
/// How many records are in a batch, and how often a record may fail (`infra/template.yaml`, `FeedSource`).
const BATCH: usize = 100;
const RETRIES: u32 = 100;
/// How long a batch that failed waits at first, and at most.
const PAUSE: Micros = S;
const LONGEST: u32 = 6;
/// How long Lambda waits for an instance that starts.
const PATIENCE: Micros = 120 * S;

/// The stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    shards: [Shard; SHARDS],
    written: u64,
}

/// A shard of the stream, and how far it is read.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    waiting: VecDeque<Change>,
    /// The parts of the batch that is read, in order: they are the first of those that wait.
    parts: VecDeque<Part>,
    /// Whether the first part is with the feed.
    under_way: bool,
    /// Whether it is to be read at a time that is known.
    planned: bool,
    /// How many invocations failed one after the other.
    pauses: u32,
    /// How often it was read.
    read: u64,
}

/// Records that are given to the feed together.
#[derive(Clone, Copy, Debug)]
struct Part {
    count: usize,
    /// How often the feed failed with them. A split is no such failure.
    failures: u32,
}

/// What became of the records that were with the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// The feed has told of so many of them.
    Told(usize),
    /// The feed was not invoked, which is no try.
    Refused,
}

impl Stream {
    /// A write is in the stream.
    pub(super) fn written(&mut self, ground: &mut Ground, mut change: Change) {
        self.written += 1;
        change.sequence = (100_000 + self.written).to_string();
        let shard = shard_of(&change.node);
        self.shards[shard].add(change);
        self.plan(ground, shard, 0);
    }

    /// Lambda reads a shard, and hands the next batch to the feed.
    pub(super) fn read(&mut self, ground: &mut Ground, number: usize) {
        let shard = &mut self.shards[number];
        shard.planned = false;
        let batch = shard.next(BATCH);
        if batch.is_empty() {
            return;
        }
        let (function, payload, purpose) = (Function::Feed, Payload::Records(batch), Purpose::Stream(number));
        let invoking = Invoking { function, payload, purpose, behalf: None, patience: PATIENCE };
        ground.soon(Event::Invoke(Box::new(invoking)));
    }

    /// The feed has returned.
    pub(super) fn returned(&mut self, ground: &mut Ground, number: usize, returned: &Returned) {
        let mut draw = ground.draw(Who::Stream(number), self.shards[number].read);
        let again = ground.hits(Fault::RecordsDoubled, &mut draw);
        let shard = &mut self.shards[number];
        let fed = match returned {
            Returned::Throttled => Fed::Refused,
            _ if again => Fed::Told(0),
            Returned::Told(Ok(_)) => Fed::Told(usize::MAX),
            Returned::Told(Err(place)) => Fed::Told(*place),
            _ => Fed::Told(0),
        };
        if !shard.returned(fed, RETRIES).is_empty() {
            ground.hit("record-discarded");
        }
        let shard = &mut self.shards[number];
        shard.pauses = if matches!(fed, Fed::Told(told) if told > 0) { 0 } else { shard.pauses + 1 };
        let pause = if shard.pauses > 0 { PAUSE << (shard.pauses - 1).min(LONGEST) } else { 0 };
        self.plan(ground, number, pause);
    }

    /// Plans the next reading, unless there is nothing to read or it is planned.
    fn plan(&mut self, ground: &mut Ground, number: usize, pause: Micros) {
        let shard = &mut self.shards[number];
        if shard.planned || shard.under_way || shard.waiting.is_empty() {
            return;
        }
        shard.planned = true;
        shard.read += 1;
        let mut draw = ground.draw(Who::Stream(number), shard.read);
        let mut late = draw.between(200 * MS, 1_500 * MS);
        if let Some(by_ms) = ground.much(Fault::StreamLate) {
            ground.hit(Fault::StreamLate.name());
            late += draw.below(by_ms * MS + 1);
        }
        ground.after(pause + late, Event::Outbound(Out::Read(number)));
    }
}

impl Shard {
    /// Another record waits.
    pub(crate) fn add(&mut self, change: Change) {
        self.waiting.push_back(change);
    }

    /// The records that are given to the feed next, `most` of them; none while others are with it.
    pub(crate) fn next(&mut self, most: usize) -> Rc<[Change]> {
        if self.under_way || self.waiting.is_empty() {
            return shared([]);
        }
        self.under_way = true;
        let whole = Part { count: self.waiting.len().min(most), failures: 0 };
        if self.parts.is_empty() {
            self.parts.push_back(whole);
        }
        let count = self.parts.front().map_or(0, |part| part.count);
        shared(self.waiting.iter().take(count).cloned())
    }

    /// The feed has returned. Gives the records that failed more often than `retries` times, and are discarded.
    pub(crate) fn returned(&mut self, fed: Fed, retries: u32) -> Vec<Change> {
        self.under_way = false;
        let Some(mut part) = self.parts.pop_front() else { return vec![] };
        match fed {
            Fed::Refused => {}
            Fed::Told(told) if told >= part.count => {
                self.waiting.drain(..part.count);
                return vec![];
            }
            Fed::Told(0) if part.count > 1 => {
                let first = part.count / 2;
                self.parts.push_front(Part { count: part.count - first, ..part });
                part.count = first;
            }
            Fed::Told(0) => part.failures += 1,
            Fed::Told(told) => {
                self.waiting.drain(..told);
                part = Part { count: part.count - told, failures: 1 };
            }
        }
        if part.failures > retries {
            return self.waiting.drain(..part.count).collect();
        }
        self.parts.push_front(part);
        vec![]
    }
}

fn shard_of(node: &NodeId) -> usize {
    node.as_str().bytes().map(usize::from).sum::<usize>() % SHARDS
}

#[cfg(test)]
mod tests {
    use rollcall_core::Timestamp;

    use super::*;

    fn shard(records: usize) -> Shard {
        let mut shard = Shard::default();
        for nth in 0..records {
            let (node, sequence) = ("ap-1".parse().expect("an id"), nth.to_string());
            shard.add(Change { node, sequence, at: Timestamp(0), was: None, is: None });
        }
        shard
    }

    fn next(shard: &mut Shard) -> Vec<String> {
        shard.next(BATCH).iter().map(|change| change.sequence.clone()).collect()
    }

    #[test]
    fn what_the_feed_has_not_told_of_comes_again_and_nothing_else_before_it() {
        let mut shard = shard(4);
        assert_eq!(next(&mut shard), ["0", "1", "2", "3"]);
        assert!(shard.next(BATCH).is_empty(), "a batch is with the feed");
        assert_eq!(shard.returned(Fed::Told(2), RETRIES), []);
        let change = shard.waiting.front().cloned().expect("a record");
        shard.add(change);
        assert_eq!(next(&mut shard), ["2", "3"]);
        assert_eq!(shard.returned(Fed::Told(2), RETRIES), []);
        assert_eq!(next(&mut shard), ["2"]);
    }

    #[test]
    fn a_batch_that_fails_is_split_into_halves_and_a_record_that_fails_too_often_is_discarded() {
        let mut shard = shard(4);
        next(&mut shard);
        assert_eq!(shard.returned(Fed::Told(0), 2), []);
        assert_eq!(next(&mut shard), ["0", "1"]);
        assert_eq!(shard.returned(Fed::Told(0), 2), []);
        for _ in 0..2 {
            assert_eq!(next(&mut shard), ["0"], "a split is no try");
            assert_eq!(shard.returned(Fed::Told(0), 2), []);
        }
        assert_eq!(next(&mut shard), ["0"]);
        assert_eq!(shard.returned(Fed::Refused, 2), [], "neither is an invocation that was refused");
        assert_eq!(next(&mut shard), ["0"]);
        assert_eq!(shard.returned(Fed::Told(0), 2).first().map(|change| &*change.sequence), Some("0"));
        for rest in [&["1"][..], &["2", "3"]] {
            assert_eq!(next(&mut shard), rest);
            assert_eq!(shard.returned(Fed::Told(2), 2), []);
        }
    }
}
