//! The messages of one connection, and when they are sent: check-ins, their acks, repetitions and pings. No IO and no
//! clock.

use std::{collections::VecDeque, time::Duration};

use rand::Rng;
use rollcall_wire::{CheckIn, CommandResult, ConfigReport, MESSAGE_LIMIT_BYTES, NodeMessage, RESULTS, SEQ_MAX};

use crate::{handler::Report, schedule::full_jitter, timing::Timing, updates::Attempt};

/// How many unacknowledged check-ins to remember.
const SENT_KEPT: usize = 32;

/// The next step on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send a check-in: call [`Conversation::compose`] for it.
    CheckIn,
    /// Send a ping.
    Ping,
    /// End the connection: nothing was received for too long.
    Silent,
    /// End the connection: too many check-ins in a row failed, or its sequence numbers are used up.
    Unanswered,
}

/// The content of a check-in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Saying {
    pub(crate) report: Report,
    pub(crate) update: Option<Attempt>,
    /// The results of commands, the oldest first.
    pub(crate) results: Vec<CommandResult>,
}

/// The content of an acknowledged check-in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Acked {
    /// The time from the check-in to its ack.
    pub(crate) rtt: Duration,
    pub(crate) update: Option<Attempt>,
    /// The numbers of the commands whose results it carried.
    pub(crate) results: Vec<u64>,
}

/// The fields that are sent again with every check-in until one is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    firmware: Option<String>,
    config: Option<ConfigReport>,
    update: Option<Attempt>,
}

/// A check-in that was sent and is not acknowledged.
#[derive(Debug)]
struct Sent {
    seq: u64,
    at: Duration,
    update: Option<Attempt>,
    results: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    CheckIn {
        at: Duration,
    },
    /// [`Conversation::tick`] returned [`Due::CheckIn`], and the check-in is not composed yet.
    Composing,
    Answer {
        by: Duration,
    },
}

/// The exchange of messages on one connection, from the opened handshake on.
#[derive(Debug)]
pub(crate) struct Conversation {
    next: Next,
    /// No check-in is sent before this time.
    quiet_until: Duration,
    /// The sequence number of the last check-in.
    seq: u64,
    /// The next check-in has a higher sequence number than this.
    above: u64,
    /// The highest sequence number that is known to be stored, or replaced by a stored higher one.
    acked: u64,
    /// The sequence number of the last check-in that asked for an ack.
    asked: u64,
    /// How many check-ins in a row did not ask for an ack.
    unasked_in_a_row: u32,
    /// Failures since the last ack.
    failures: u32,
    /// The last check-in that carried facts, and these facts. Until it is acknowledged, every check-in carries all
    /// facts. So each stored check-in makes up for every earlier one that was lost, in whatever order they arrive.
    stated: Option<(u64, Facts)>,
    sent: VecDeque<Sent>,
    heard_at: Duration,
    pinged_at: Duration,
}

impl Conversation {
    /// A connection opened; the first check-in is due at once.
    pub(crate) fn opened(now: Duration) -> Self {
        Self {
            next: Next::CheckIn { at: now },
            quiet_until: Duration::ZERO,
            seq: 0,
            above: 0,
            acked: 0,
            asked: 0,
            unasked_in_a_row: 0,
            failures: 0,
            stated: None,
            sent: VecDeque::new(),
            heard_at: now,
            pinged_at: now,
        }
    }

    /// When [`tick`](Self::tick) has something to do next.
    pub(crate) fn deadline(&self, timing: &Timing) -> Duration {
        let alive = self.ping_at(timing).min(self.heard_at + timing.dead_after);
        match self.next {
            Next::CheckIn { at } => at.max(self.quiet_until).min(alive),
            Next::Answer { by } => by.min(alive),
            Next::Composing => alive,
        }
    }

    /// The next step that is due, if any. The caller calls this until it returns `None`.
    pub(crate) fn tick(&mut self, timing: &Timing, rng: &mut impl Rng, now: Duration) -> Option<Due> {
        if now >= self.heard_at + timing.dead_after {
            return Some(Due::Silent);
        }
        if matches!(self.next, Next::Answer { by } if now >= by) {
            self.failed(timing, rng, now);
        }
        if self.failures >= timing.attempts.max(1) {
            return Some(Due::Unanswered);
        }
        if matches!(self.next, Next::CheckIn { at } if now >= at.max(self.quiet_until)) {
            // The server accepts no higher number. A new connection begins with 1.
            if self.seq.max(self.above) >= SEQ_MAX {
                return Some(Due::Unanswered);
            }
            self.next = Next::Composing;
            return Some(Due::CheckIn);
        }
        if now >= self.ping_at(timing) {
            self.pinged_at = now;
            return Some(Due::Ping);
        }
        None
    }

    /// Makes the check-in that is due. If it asks for no ack, the next one follows after `interval`.
    pub(crate) fn compose(&mut self, timing: &Timing, now: Duration, interval: Duration, saying: Saying) -> CheckIn {
        let Saying { report, update, results } = saying;
        let facts = Facts { firmware: report.firmware, config: report.config, update };
        let known = self.stated.as_ref().is_some_and(|(seq, stated)| *seq <= self.acked && *stated == facts);
        let owed = self.asked > self.acked || self.failures > 0 || !results.is_empty();
        let ack = self.seq == 0 || !known || owed || self.unasked_in_a_row + 1 >= timing.ack_every;
        self.seq = self.seq.max(self.above) + 1;
        if ack {
            self.asked = self.seq;
            self.unasked_in_a_row = 0;
            self.next = Next::Answer { by: now + timing.answer_timeout };
        } else {
            self.unasked_in_a_row += 1;
            self.next = Next::CheckIn { at: now + interval };
        }
        let mut check_in = CheckIn { ack, health: report.health, ..CheckIn::idle(self.seq) };
        if !known {
            check_in.firmware.clone_from(&facts.firmware);
            check_in.config.clone_from(&facts.config);
            check_in.update = facts.update.as_ref().map(|attempt| attempt.report.clone());
            self.stated = Some((self.seq, facts.clone()));
        }
        let check_in = with_results(check_in, results);
        if self.sent.len() == SENT_KEPT {
            self.sent.pop_front();
        }
        let update = facts.update.filter(|_| !known);
        let results = check_in.results.iter().map(|result| result.command).collect();
        self.sent.push_back(Sent { seq: self.seq, at: now, update, results });
        check_in
    }

    /// Something was received from the server: a message, a pong or anything else.
    pub(crate) fn heard(&mut self, now: Duration) {
        self.heard_at = now;
    }

    /// A check-in is stored. Returns its content; `None` if it was never sent, or if it or a later one was acknowledged
    /// before.
    pub(crate) fn acked(&mut self, now: Duration, seq: u64, interval: Duration) -> Option<Acked> {
        if seq > self.seq || seq <= self.acked {
            return None;
        }
        self.acked = seq;
        self.failures = 0;
        // An ack for an earlier check-in shows that the server answers, but the ack that is awaited has not come yet.
        if seq >= self.asked && self.next != Next::Composing {
            self.next = Next::CheckIn { at: now + interval };
        }
        let mut acked = Acked::default();
        while let Some(sent) = self.sent.pop_front_if(|sent| sent.seq <= seq) {
            if sent.seq == seq {
                acked = Acked { rtt: now.saturating_sub(sent.at), update: sent.update, results: sent.results };
            }
        }
        Some(acked)
    }

    /// The sequence number that an error refers to. An error without one refers to the last check-in.
    pub(crate) fn about(&self, seq: Option<u64>) -> u64 {
        seq.unwrap_or(self.seq)
    }

    /// The server could not store a check-in: it is sent again after a back-off.
    pub(crate) fn not_stored(&mut self, timing: &Timing, rng: &mut impl Rng, now: Duration, seq: u64) {
        if self.is_open(seq) && !self.is_to_be_repeated() {
            self.failed(timing, rng, now);
        }
    }

    /// A check-in reached the server when a higher sequence number was stored on this connection already. Returns the
    /// commands whose results it carried: these results are stored.
    ///
    /// The rest of the check-in is not stored. If this node sent a later check-in, that one carries the same or newer
    /// facts. Otherwise the stored number is not from this node, and everything is sent again with a number above it.
    pub(crate) fn stale(
        &mut self,
        timing: &Timing,
        rng: &mut impl Rng,
        now: Duration,
        seq: u64,
        stored: u64,
    ) -> Vec<u64> {
        self.not_stored(timing, rng, now, seq);
        if stored < SEQ_MAX {
            self.above = self.above.max(stored);
        }
        let sent = self.sent.iter().find(|sent| sent.seq == seq && stored > seq);
        sent.map(|sent| sent.results.clone()).unwrap_or_default()
    }

    /// Sends no check-in before `until`. `refused`: the check-in that the server did not store; it is sent again after
    /// that time.
    pub(crate) fn hold(&mut self, until: Duration, refused: Option<u64>) {
        self.quiet_until = self.quiet_until.max(until);
        if refused.is_some_and(|seq| self.is_open(seq)) {
            self.asked = self.asked.max(self.seq);
            self.next = Next::CheckIn { at: until };
        } else if let Next::Answer { by } = &mut self.next {
            *by = self.quiet_until.max(*by);
        }
    }

    /// The server will never accept this check-in. It is not repeated; the next one follows after `interval`.
    pub(crate) fn rejected(&mut self, now: Duration, seq: u64, interval: Duration) {
        if self.is_open(seq) {
            self.next = Next::CheckIn { at: now + interval };
        }
    }

    /// Something changed: a check-in is due at once.
    pub(crate) fn check_in_now(&mut self, now: Duration) {
        self.next = Next::CheckIn { at: now };
    }

    /// Whether this is the last check-in and it is not acknowledged. The outcome of an earlier one no longer matters.
    fn is_open(&self, seq: u64) -> bool {
        seq == self.seq && seq > self.acked && self.next != Next::Composing
    }

    fn is_to_be_repeated(&self) -> bool {
        self.failures > 0 && matches!(self.next, Next::CheckIn { .. })
    }

    fn failed(&mut self, timing: &Timing, rng: &mut impl Rng, now: Duration) {
        let delay = full_jitter(rng, timing.backoff_base, timing.backoff_cap, self.failures);
        self.failures += 1;
        self.next = Next::CheckIn { at: now + delay };
    }

    fn ping_at(&self, timing: &Timing) -> Duration {
        self.heard_at.max(self.pinged_at) + timing.ping_after
    }
}

/// Adds as many results as fit a message. The rest follows when those are acknowledged.
fn with_results(mut check_in: CheckIn, results: Vec<CommandResult>) -> CheckIn {
    for result in results.into_iter().take(RESULTS) {
        check_in.results.push(result);
        let message = NodeMessage::CheckIn(check_in.clone());
        if serde_json::to_string(&message).is_ok_and(|text| text.len() > MESSAGE_LIMIT_BYTES) {
            check_in.results.pop();
            break;
        }
    }
    check_in
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
