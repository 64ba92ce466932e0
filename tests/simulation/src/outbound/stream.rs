//! The stream of the table of nodes, and what reads it: Lambda's event source mapping.
//!
//! Records of an item are in the order of its writes, in one shard. Of each shard one batch is with the feed at a time; it
//! comes again until the feed has told of it, or what is left of it. A batch that failed as a whole is split, and a record
//! that failed too often is discarded (AWS Lambda Developer Guide, "Using AWS Lambda with Amazon DynamoDB").

use std::collections::VecDeque;

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

#[derive(Debug, Default)]
struct Shard {
    waiting: VecDeque<Change>,
    /// How many of them are with the feed.
    under_way: usize,
    /// Whether it is to be read at a time that is known.
    planned: bool,
    /// How many records the next batch has at most, after one that failed as a whole; 0 for no other bound.
    split: usize,
    /// How often the first record failed by itself.
    failures: u32,
    /// How many invocations failed one after the other.
    pauses: u32,
    /// How often it was read.
    read: u64,
}

impl Stream {
    /// A write is in the stream.
    pub(super) fn written(&mut self, ground: &mut Ground, mut change: Change) {
        self.written += 1;
        change.sequence = (100_000 + self.written).to_string();
        let shard = shard_of(&change.node);
        self.shards[shard].waiting.push_back(change);
        self.plan(ground, shard, 0);
    }

    /// Lambda reads a shard, and hands the next batch to the feed.
    pub(super) fn read(&mut self, ground: &mut Ground, number: usize) {
        let shard = &mut self.shards[number];
        shard.planned = false;
        let most = if shard.split > 0 { shard.split } else { BATCH };
        let batch = shared(shard.waiting.iter().take(most).cloned());
        if batch.is_empty() || shard.under_way > 0 {
            return;
        }
        shard.under_way = batch.len();
        let (function, payload, purpose) = (Function::Feed, Payload::Records(batch), Purpose::Stream(number));
        let invoking = Invoking { function, payload, purpose, behalf: None, patience: PATIENCE };
        ground.soon(Event::Invoke(Box::new(invoking)));
    }

    /// The feed has returned.
    pub(super) fn returned(&mut self, ground: &mut Ground, number: usize, returned: &Returned) {
        let mut draw = ground.draw(Who::Stream(number), self.shards[number].read);
        let again = ground.hits(Fault::RecordsDoubled, &mut draw);
        let shard = &mut self.shards[number];
        let told = match returned {
            _ if again => 0,
            Returned::Told(Ok(_)) => shard.under_way,
            Returned::Told(Err(place)) => *place,
            _ => 0,
        };
        // An invocation that was refused is no try.
        let is_discarded = !matches!(returned, Returned::Throttled) && shard.returned(told);
        if is_discarded {
            ground.hit("record-discarded");
        }
        let shard = &mut self.shards[number];
        shard.under_way = 0;
        shard.pauses = if told > 0 { 0 } else { shard.pauses + 1 };
        let pause = if shard.pauses > 0 { PAUSE << (shard.pauses - 1).min(LONGEST) } else { 0 };
        self.plan(ground, number, pause);
    }

    /// Plans the next reading, unless there is nothing to read or it is planned.
    fn plan(&mut self, ground: &mut Ground, number: usize, pause: Micros) {
        let shard = &mut self.shards[number];
        if shard.planned || shard.under_way > 0 || shard.waiting.is_empty() {
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
    /// The feed has told of so many records of the batch. Returns whether the next one is discarded.
    fn returned(&mut self, told: usize) -> bool {
        let told = told.min(self.under_way);
        self.waiting.drain(..told);
        if told > 0 {
            (self.split, self.failures) = (0, u32::from(told < self.under_way));
        } else if self.under_way > 1 {
            self.split = self.under_way / 2;
        } else {
            self.failures += 1;
        }
        let is_discarded = self.failures > RETRIES && self.waiting.pop_front().is_some();
        if is_discarded {
            (self.split, self.failures) = (0, 0);
        }
        is_discarded
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
        let change = |nth: usize| Change {
            node: "ap-1".parse().expect("an id"),
            sequence: nth.to_string(),
            at: Timestamp(0),
            was: None,
            is: None,
        };
        Shard { waiting: (0..records).map(change).collect(), under_way: records, ..Shard::default() }
    }

    fn first(shard: &Shard) -> Option<&str> {
        shard.waiting.front().map(|change| &*change.sequence)
    }

    #[test]
    fn what_the_feed_has_not_told_of_comes_again() {
        let mut shard = shard(4);
        assert!(!shard.returned(3));
        assert_eq!((first(&shard), shard.failures), (Some("3"), 1));
        shard.under_way = 1;
        assert!(!shard.returned(1));
        assert_eq!(first(&shard), None);
    }

    #[test]
    fn a_batch_that_fails_is_split_and_a_record_that_fails_too_often_is_discarded() {
        let mut shard = shard(4);
        assert!(!shard.returned(0));
        assert_eq!((shard.split, shard.failures), (2, 0), "a split is no try");
        shard.under_way = 1;
        assert!((0..RETRIES).all(|_| !shard.returned(0)));
        assert!(shard.returned(0));
        assert_eq!((first(&shard), shard.failures), (Some("1"), 0));
    }
}
