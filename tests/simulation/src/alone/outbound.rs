//! The queue and a shard of the stream. Whoever holds them is the functions, and says what time it is.

use rollcall_core::Timestamp;
use rollcall_service::{Change, Message};

use crate::kernel::S;
use crate::outbound::{Fed, Fifo, Shard};

/// A queue that messages are sent to and received from. Times are in seconds.
#[derive(Default)]
pub struct Queue(Fifo);

/// A message that was handed out: its body and its receipt.
pub type Handed = (String, String);

impl Queue {
    /// Sends a message to a group. Its body is its id, too.
    pub fn send(&mut self, now: u64, group: &str, body: &str) {
        let message = Message { group: group.to_owned(), id: body.to_owned(), body: body.to_owned() };
        self.0.send(now * S, &message);
    }

    /// Receives the next messages.
    pub fn receive(&mut self, now: u64) -> Vec<Handed> {
        let handed = self.0.hand_out(now * S);
        handed.iter().map(|received| (received.body.clone(), received.receipt.clone())).collect()
    }

    /// Deletes a message. Returns `false` if its receipt has expired.
    pub fn delete(&mut self, now: u64, receipt: &str) -> bool {
        self.0.delete(now * S, receipt)
    }

    /// Makes a message visible again after so many seconds. Returns `false` if its receipt has expired.
    pub fn postpone(&mut self, now: u64, receipt: &str, by: u64) -> bool {
        self.0.postpone(now * S, receipt, by * S)
    }
}

/// A shard of a stream that a function is given the records of.
pub struct Records {
    shard: Shard,
    most: usize,
    retries: u32,
}

/// What a function does with a batch of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It processes them.
    Done,
    /// It processes those before this place, and reports the one there.
    From(usize),
    /// It fails.
    Fails,
    /// Lambda refuses the invocation.
    Throttled,
}

impl Records {
    /// A shard that is read in batches of so many records, and whose records are tried again so many times.
    pub fn new(batch: usize, retries: u32) -> Self {
        Self { shard: Shard::default(), most: batch, retries }
    }

    /// Another record, of this name.
    ///
    /// # Panics
    /// If it is no id of a node.
    pub fn write(&mut self, name: &str) {
        #[expect(clippy::expect_used, reason = "tests give ids")]
        let node = name.parse().expect("an id of a node");
        self.shard.add(Change { node, sequence: String::new(), at: Timestamp(0), was: None, is: None });
    }

    /// The records that the function is given next.
    pub fn batch(&mut self) -> Vec<String> {
        names(self.shard.next(self.most).iter())
    }

    /// The function is done with them. Returns those that are discarded.
    pub fn returned(&mut self, fate: Fate) -> Vec<String> {
        let fed = match fate {
            Fate::Done => Fed::Told(usize::MAX),
            Fate::From(place) => Fed::Told(place),
            Fate::Fails => Fed::Told(0),
            Fate::Throttled => Fed::Refused,
        };
        names(self.shard.returned(fed, self.retries).iter())
    }
}

fn names<'a>(changes: impl Iterator<Item = &'a Change>) -> Vec<String> {
    changes.map(|change| change.node.to_string()).collect()
}
