//! Whoever sees everything: it tells the oracle, keeps a digest, and can keep a record.

use std::fmt::Write as _;

use rollcall_core::{Item, Timestamp, Value};
use rollcall_fleet::{Observation, Oracle, Seen};
use rollcall_machine::NodeEvent;
use sha2::{Digest as _, Sha256};

/// The witness of a run.
pub(crate) struct Witness {
    oracle: Oracle,
    digest: Sink,
    count: u64,
    kept: Option<Vec<Observation>>,
}

impl Witness {
    /// A witness that tells this oracle. `keeps`: it also keeps everything, to be told in words.
    pub(crate) fn new(oracle: Oracle, keeps: bool) -> Self {
        Self { oracle, digest: Sink::new(), count: 0, kept: keeps.then(Vec::new) }
    }

    /// Something was seen.
    pub(crate) fn saw(&mut self, at: Timestamp, what: Seen) {
        self.digest.add(at, &what);
        self.tell(at, what);
    }

    /// A message was seen, whose text this is.
    pub(crate) fn saw_text(&mut self, at: Timestamp, what: Seen, text: &str) {
        self.digest.add_text(at, &what, text);
        self.tell(at, what);
    }

    fn tell(&mut self, at: Timestamp, what: Seen) {
        let observation = Observation { at, what };
        self.count += 1;
        self.oracle.observe(&observation);
        if let Some(kept) = &mut self.kept {
            kept.push(observation);
        }
    }

    /// How much was seen.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn oracle(&mut self) -> &mut Oracle {
        &mut self.oracle
    }

    /// The digest of everything, in hexadecimal, the oracle, and what was kept.
    pub(crate) fn finish(self) -> (String, Oracle, Vec<Observation>) {
        (self.digest.finish(), self.oracle, self.kept.unwrap_or_default())
    }
}

/// Hashes what is written to it.
struct Sink {
    hash: Sha256,
    /// What is still to be hashed: hashing a little at a time is slow.
    text: String,
}

/// How much is hashed at a time, in bytes.
const BLOCK: usize = 16 * 1024;

impl Sink {
    fn new() -> Self {
        Self { hash: Sha256::new(), text: String::with_capacity(2 * BLOCK) }
    }

    fn add(&mut self, at: Timestamp, what: &Seen) {
        // Writing to a text does not fail.
        let _ = match what {
            // What was there before was seen when it was written.
            Seen::Wrote { key, after, .. } => {
                self.item(after);
                write!(self.text, "{key:?}{}", at.0)
            }
            // The ack itself is in the message that was received.
            Seen::Event { who, event: NodeEvent::Acked { ack, rtt } } => {
                write!(self.text, "a{}.{}.{}:{}+{}@{}", who.node, who.device, who.run, ack.seq, rtt.as_micros(), at.0)
            }
            Seen::Event { who, event: NodeEvent::CheckedIn { seq, asked } } => {
                write!(self.text, "c{}.{}.{}:{seq}{asked}@{}", who.node, who.device, who.run, at.0)
            }
            Seen::Posted { endpoint, id, event, taken } => {
                write!(self.text, "o{endpoint}{id}{taken}{event}@{}", at.0)
            }
            what => write!(self.text, "{what:?}{}", at.0),
        };
        self.hash();
    }

    fn add_text(&mut self, at: Timestamp, what: &Seen, text: &str) {
        let _ = match what {
            Seen::Sent { who, link, .. } => {
                write!(self.text, "s{}.{}.{}:{link:?}@{}", who.node, who.device, who.run, at.0)
            }
            Seen::Received { who, link, .. } => {
                write!(self.text, "r{}.{}.{}:{link:?}@{}", who.node, who.device, who.run, at.0)
            }
            Seen::Handled { node, connection, credentials, began, .. } => {
                write!(self.text, "h{node}{connection:?}{credentials}{}@{}", began.0, at.0)
            }
            Seen::Pushed { connection, delivered, .. } => write!(self.text, "p{connection}{delivered}@{}", at.0),
            what => write!(self.text, "{what:?}{}", at.0),
        };
        self.text.push_str(text);
        self.hash();
    }

    fn item(&mut self, item: &Item) {
        for (attribute, value) in item {
            self.text.push_str(attribute.name());
            let _ = match value {
                Value::Text(text) => write!(self.text, "={text};"),
                Value::Number(number) => write!(self.text, "={number};"),
            };
        }
    }

    fn hash(&mut self) {
        if self.text.len() >= BLOCK {
            self.hash.update(&self.text);
            self.text.clear();
        }
    }

    fn finish(mut self) -> String {
        self.hash.update(&self.text);
        data_encoding::HEXLOWER.encode(&self.hash.finalize())
    }
}
