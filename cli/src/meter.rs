//! What happened: counted from what the nodes saw and from what the functions logged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Deserialize;

/// The slowest answer that is told apart, in microseconds: a minute.
const SLOWEST_US: u64 = 60_000_000;
/// How many reasons of refusals are told apart: more than there are. A reason may quote what a stranger sent, and a cloud
/// that runs for weeks must not keep all of that.
const REASONS: usize = 64;
/// What the others are counted as.
const OTHER: &str = "other";

/// The counts of one run.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    /// Connections that were let in.
    pub(crate) connects: u64,
    /// Connections that ended.
    pub(crate) disconnects: u64,
    /// Check-ins that were stored.
    pub(crate) check_ins: u64,
    /// Acknowledgements that nodes got.
    pub(crate) acks: u64,
    /// Write units of stored check-ins.
    pub(crate) write_units: f64,
    /// Read units of stored check-ins.
    pub(crate) read_units: f64,
    /// What was refused, by function and reason.
    pub(crate) refusals: BTreeMap<String, u64>,
    /// What failed, by function.
    pub(crate) failures: BTreeMap<String, u64>,
    /// From sending a check-in to its acknowledgement, in microseconds.
    pub(crate) answer_us: Histogram<u64>,
}

/// Counts. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Meter(Arc<Mutex<Counts>>);

/// The part of a function's log line that is counted.
#[derive(Debug, Deserialize)]
struct Line {
    message: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default, rename = "WriteUnits")]
    write_units: f64,
    #[serde(default, rename = "ReadUnits")]
    read_units: f64,
}

impl Meter {
    pub(crate) fn new() -> Result<Self, hdrhistogram::CreationError> {
        let answer_us = Histogram::new_with_bounds(1, SLOWEST_US, 3)?;
        Ok(Self(Arc::new(Mutex::new(Counts {
            connects: 0,
            disconnects: 0,
            check_ins: 0,
            acks: 0,
            write_units: 0.0,
            read_units: 0.0,
            refusals: BTreeMap::new(),
            failures: BTreeMap::new(),
            answer_us,
        }))))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts so far.
    pub(crate) fn read(&self) -> Counts {
        self.counts().clone()
    }

    /// A node got its acknowledgement.
    pub(crate) fn acked(&self, after: Duration) {
        let mut counts = self.counts();
        counts.acks += 1;
        counts.answer_us.saturating_record(u64::try_from(after.as_micros()).unwrap_or(SLOWEST_US));
    }

    /// A function logged a line.
    pub(crate) fn logged(&self, line: &str) {
        let Ok(line) = serde_json::from_str::<Line>(line) else { return };
        let mut counts = self.counts();
        match (line.message.as_str(), line.outcome.as_str()) {
            ("connect", "stored") => counts.connects += 1,
            ("disconnect", "stored") => counts.disconnects += 1,
            ("check-in", "stored") => {
                counts.check_ins += 1;
                counts.write_units += line.write_units;
                counts.read_units += line.read_units;
            }
            (function, "refused") => {
                let reason = line.reason.unwrap_or_else(|| "no reason".to_owned());
                let mut refusal = format!("{function}: {reason}");
                if counts.refusals.len() >= REASONS && !counts.refusals.contains_key(&refusal) {
                    OTHER.clone_into(&mut refusal);
                }
                *counts.refusals.entry(refusal).or_default() += 1;
            }
            (function, "failed") => *counts.failures.entry(function.to_owned()).or_default() += 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_functions_log_is_counted() {
        let meter = Meter::new().expect("bounds");
        meter.logged(r#"{"level":"INFO","message":"check-in","outcome":"stored","WriteUnits":1.0}"#);
        meter.logged(r#"{"level":"INFO","message":"check-in","outcome":"refused","reason":"stale-seq"}"#);
        meter.logged(r#"{"level":"ERROR","message":"connect","outcome":"failed"}"#);
        meter.logged("a panic message");
        let counts = meter.read();
        assert_eq!((counts.check_ins, counts.write_units, counts.failures["connect"]), (1, 1.0, 1));
        assert_eq!(counts.refusals, BTreeMap::from([("check-in: stale-seq".to_owned(), 1)]));
    }

    #[test]
    fn what_strangers_make_up_is_counted_and_not_kept() {
        let meter = Meter::new().expect("bounds");
        for number in 0..1_000 {
            let refused = format!(r#"{{"message":"authorize","outcome":"refused","reason":"no key {number}"}}"#);
            meter.logged(&refused);
        }
        let refusals = meter.read().refusals;
        assert_eq!((refusals.len(), refusals.values().sum::<u64>()), (REASONS + 1, 1_000));
    }
}
