//! What a run came to, in figures.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rollcall_fleet::{Coverage, Seen};

/// The slowest ack that is told apart, in microseconds: two minutes.
const SLOWEST_US: u64 = 120_000_000;

/// What was counted so far.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    pub(crate) connects: u64,
    pub(crate) refused: u64,
    pub(crate) messages: u64,
    pub(crate) acks: u64,
    pub(crate) polls: u64,
    pub(crate) requests: u64,
    answer_us: Option<Histogram<u64>>,
    returning: Returning,
}

impl Default for Counts {
    fn default() -> Self {
        let answer_us = Histogram::new_with_bounds(1, SLOWEST_US, 3).ok();
        Self {
            connects: 0,
            refused: 0,
            messages: 0,
            acks: 0,
            polls: 0,
            requests: 0,
            answer_us,
            returning: Returning::default(),
        }
    }
}

impl Counts {
    pub(crate) fn count(&mut self, seen: &Seen) {
        match seen {
            Seen::LinkOpened { who, .. } => {
                self.connects += 1;
                self.returning.opened(who.node);
            }
            Seen::LinkEnded { who, .. } => self.returning.ended(who.node),
            Seen::ConnectRefused { .. } => self.refused += 1,
            Seen::Sent { .. } => self.messages += 1,
            Seen::PollAnswered { .. } => self.polls += 1,
            Seen::Answered { .. } => self.requests += 1,
            _ => {}
        }
    }

    /// All sockets are cut.
    pub(crate) fn cut_all(&mut self) {
        self.returning.cut();
    }

    pub(crate) fn acked(&mut self, after: Duration) {
        self.acks += 1;
        if let Some(answers) = &mut self.answer_us {
            answers.saturating_record(u64::try_from(after.as_micros()).unwrap_or(SLOWEST_US));
        }
    }
}

/// The nodes that were connected when all sockets were cut, and when the last of them was back.
#[derive(Clone, Debug, Default)]
struct Returning {
    connected: BTreeSet<usize>,
    cut: Option<Cut>,
}

#[derive(Clone, Debug)]
struct Cut {
    at: Instant,
    nodes: usize,
    missing: BTreeSet<usize>,
    returned_after: Option<Duration>,
}

impl Returning {
    fn opened(&mut self, node: usize) {
        self.connected.insert(node);
        if let Some(cut) = &mut self.cut
            && cut.missing.remove(&node)
            && cut.missing.is_empty()
        {
            cut.returned_after = Some(cut.at.elapsed());
        }
    }

    fn ended(&mut self, node: usize) {
        self.connected.remove(&node);
    }

    fn cut(&mut self) {
        let missing = std::mem::take(&mut self.connected);
        self.cut = Some(Cut { at: Instant::now(), nodes: missing.len(), missing, returned_after: None });
    }
}

/// The nodes that were connected when all sockets were cut for the last time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Return {
    /// How many they were.
    pub nodes: usize,
    /// When each of them had connected again, in seconds after the cut; `None` if some have not.
    pub after_s: Option<f64>,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Figures {
    pub connects: u64,
    pub refused_handshakes: u64,
    pub messages: u64,
    pub acks: u64,
    pub polls: u64,
    pub requests: u64,
    /// From sending a check-in to its ack, in milliseconds; `None` if there was no ack.
    pub answer_ms: Option<Percentiles>,
    /// The return of the nodes after all sockets were cut; `None` if they were not.
    pub returned: Option<Return>,
    /// Everything that was seen at least once, by name, and how often.
    pub seen: BTreeMap<String, u64>,
}

/// Percentiles, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Percentiles {
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub most: f64,
}

impl Figures {
    pub(crate) fn new(counts: &Counts, coverage: &Coverage) -> Self {
        let answers = counts.answer_us.as_ref().filter(|answers| !answers.is_empty());
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let ms = |us: u64| us as f64 / 1000.0;
        Self {
            connects: counts.connects,
            refused_handshakes: counts.refused,
            messages: counts.messages,
            acks: counts.acks,
            polls: counts.polls,
            requests: counts.requests,
            answer_ms: answers.map(|answers| Percentiles {
                p50: ms(answers.value_at_quantile(0.50)),
                p95: ms(answers.value_at_quantile(0.95)),
                p99: ms(answers.value_at_quantile(0.99)),
                most: ms(answers.max()),
            }),
            returned: counts
                .returning
                .cut
                .as_ref()
                .map(|cut| Return { nodes: cut.nodes, after_s: cut.returned_after.map(|after| after.as_secs_f64()) }),
            seen: coverage.iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_return_after_a_cut_is_over_when_the_last_of_the_cut_nodes_is_back() {
        let mut returning = Returning::default();
        for node in 0..3 {
            returning.opened(node);
        }
        returning.ended(2);
        returning.cut();
        let after = |returning: &Returning| returning.cut.as_ref().map(|cut| (cut.nodes, cut.returned_after.is_some()));
        for node in [2, 0, 0] {
            returning.opened(node);
            assert_eq!(after(&returning), Some((2, false)));
        }
        returning.opened(1);
        assert_eq!(after(&returning), Some((2, true)));
    }
}
