//! What became of all runs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rollcall_fleet::Coverage;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::campaign::{Done, node_days};
use super::failure::Failure;

/// What became of all runs.
#[derive(Default)]
pub(crate) struct Summary {
    seeds: u64,
    node_days: f64,
    /// How long all threads have worked on runs.
    thread_time: Duration,
    pub(crate) took: Duration,
    events: u64,
    observations: u64,
    coverage: Coverage,
    digests: Sha256,
    pub(crate) failures: Vec<Failure>,
}

impl Summary {
    /// Adds a run.
    pub(crate) fn add(&mut self, done: &Done) {
        self.seeds += 1;
        self.node_days += node_days(&done.plan);
        self.thread_time += done.took;
        self.events += done.outcome.counts.events;
        self.observations += done.outcome.counts.observations;
        self.coverage.merge(&done.outcome.coverage);
        self.digests.update(&done.outcome.digest);
    }

    /// The hash of the digests of all runs, in hexadecimal.
    fn digest(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.digests.clone().finalize())
    }

    /// How many node-days one core simulates in a second.
    fn speed(&self) -> f64 {
        self.node_days / self.thread_time.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    fn faults(&self) -> Vec<(String, u64)> {
        let name = |(name, count): (String, u64)| Some((name.strip_prefix("fault ")?.to_owned(), count));
        self.coverage.iter().filter_map(name).collect()
    }

    /// The summary for programs.
    pub(crate) fn json(&self) -> String {
        let seen: serde_json::Map<_, _> = self.coverage.iter().map(|(name, count)| (name, count.into())).collect();
        json!({
            "seeds": self.seeds,
            "node_days": self.node_days,
            "seconds": self.took.as_secs_f64(),
            "node_days_a_second": self.speed(),
            "events": self.events,
            "observations": self.observations,
            "violations": self.failures.iter().map(Failure::json).collect::<Vec<_>>(),
            "seen": seen,
            "missing": self.coverage.missing(),
            "digest": self.digest(),
        })
        .to_string()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failures {
            writeln!(f, "\n{failure}")?;
        }
        let (years, seconds) = (self.node_days / 365.0, self.took.as_secs_f64());
        writeln!(f, "\nseeds         {}", self.seeds)?;
        writeln!(f, "node-days     {:.1} ({years:.1} node-years) in {seconds:.1} s", self.node_days)?;
        writeln!(f, "speed         {:.1} node-days a second on one core", self.speed())?;
        writeln!(f, "observations  {} of {} events", self.observations, self.events)?;
        let faults: Vec<_> = self.faults().iter().map(|(name, count)| format!("{name} {count}")).collect();
        writeln!(f, "faults        {}", if faults.is_empty() { "none".to_owned() } else { faults.join(", ") })?;
        let missing = self.coverage.missing();
        if !missing.is_empty() {
            writeln!(f, "never seen    {}", missing.join(", "))?;
        }
        let mut kinds = BTreeMap::<_, usize>::new();
        for violation in self.failures.iter().flat_map(|failure| &failure.violations) {
            *kinds.entry(violation.kind.name()).or_default() += 1;
        }
        let violations: usize = kinds.values().sum();
        write!(f, "violations    {violations}, of {} seeds", self.failures.len())?;
        kinds.iter().try_for_each(|(kind, count)| write!(f, ", {kind} {count}"))?;
        writeln!(f)?;
        write!(f, "digest {}", self.digest())
    }
}
