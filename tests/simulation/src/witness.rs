//! Whoever sees everything: it tells the oracle, keeps a digest, and can keep a record.

use std::fmt::{self, Write as _};

use rollcall_core::{Item, Timestamp, Value};
use rollcall_fleet::{Observation, Oracle, Seen};
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
        Self { oracle, digest: Sink(Sha256::new()), count: 0, kept: keeps.then(Vec::new) }
    }

    /// Something was seen.
    pub(crate) fn saw(&mut self, at: Timestamp, what: Seen) {
        let observation = Observation { at, what };
        self.count += 1;
        self.digest.add(&observation);
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
        let digest = data_encoding::HEXLOWER.encode(&self.digest.0.finalize());
        (digest, self.oracle, self.kept.unwrap_or_default())
    }
}

/// Hashes what is written to it.
struct Sink(Sha256);

impl Sink {
    fn add(&mut self, observation: &Observation) {
        self.0.update(observation.at.0.to_le_bytes());
        // Writing to a hash does not fail.
        let _ = match &observation.what {
            // What was there before was seen when it was written.
            Seen::Wrote { key, after, .. } => {
                self.item(after);
                write!(self, "{key:?}")
            }
            what => write!(self, "{what:?}"),
        };
    }

    fn item(&mut self, item: &Item) {
        for (attribute, value) in item {
            self.0.update(attribute.name());
            match value {
                Value::Text(text) => self.0.update(text),
                Value::Number(number) => self.0.update(number.to_le_bytes()),
            }
        }
    }
}

impl fmt::Write for Sink {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text);
        Ok(())
    }
}
