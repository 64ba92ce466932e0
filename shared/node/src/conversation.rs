//! What is said on one connection, and when: check-ins, their acks, repetitions, pings. No IO and no clock.

use std::{collections::VecDeque, time::Duration};

use rand::Rng;
use rollcall_wire::{CheckIn, CommandResult, ConfigReport, MESSAGE_LIMIT_BYTES, NodeMessage, RESULTS, SEQ_MAX};

use crate::{Report, Timing, schedule::full_jitter, updates::Attempt};

/// How many unacknowledged check-ins to remember.
const SENT_KEPT: usize = 32;

/// What a connection wants at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// A check-in. [`Conversation::compose`] is expected.
    CheckIn,
    /// A ping.
    Ping,
    /// Its end: nothing was received for too long.
    Silent,
    /// Its end: too many check-ins were not acknowledged.
    Unanswered,
}

/// What there is to say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Saying {
    pub(crate) report: Report,
    pub(crate) update: Option<Attempt>,
    /// What became of commands, the oldest first.
    pub(crate) results: Vec<CommandResult>,
}

/// What an acknowledged check-in said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Acked {
    /// The time since it was sent.
    pub(crate) rtt: Duration,
    pub(crate) update: Option<Attempt>,
    /// The commands that it said the results of.
    pub(crate) results: Vec<u64>,
}

/// What has to be acknowledged at least once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    firmware: Option<String>,
    config: Option<ConfigReport>,
    update: Option<Attempt>,
}

/// A check-in that is not acknowledged.
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
    /// The check-in was announced and is being composed.
    Composing,
    Answer {
        by: Duration,
    },
}

/// The conversation on one connection, from its opening on.
#[derive(Debug)]
pub(crate) struct Conversation {
    next: Next,
    /// Nothing is said before.
    quiet_until: Duration,
    /// The last check-in that was said.
    seq: u64,
    /// The next one is to have a higher number than this.
    above: u64,
    /// The highest sequence number that is known to be stored, or superseded by a stored one.
    acked: u64,
    /// The last check-in that asked for an ack.
    asked: u64,
    unasked_in_a_row: u32,
    /// Failures since the last ack.
    failures: u32,
    /// The last check-in that stated facts. Until it is acknowledged, every check-in states them again: so each one that
    /// is stored makes up for all before it, in whatever order they arrive.
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

    /// What is due, if anything. Ask again until nothing is.
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
            self.next = Next::Composing;
            return Some(Due::CheckIn);
        }
        if now >= self.ping_at(timing) {
            self.pinged_at = now;
            return Some(Due::Ping);
        }
        None
    }

    /// The check-in that was due; the next one is `interval` from now if no ack is asked for.
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

    /// Something was received, whatever it was.
    pub(crate) fn heard(&mut self, now: Duration) {
        self.heard_at = now;
    }

    /// A check-in is stored; what it said. `None` if it was never sent, or settled before.
    pub(crate) fn acked(&mut self, now: Duration, seq: u64, interval: Duration) -> Option<Acked> {
        if seq > self.seq || seq <= self.acked {
            return None;
        }
        self.acked = seq;
        self.failures = 0;
        // An ack for an earlier one shows that the server lives, but the answer that is awaited is still to come.
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

    /// The sequence number that an error is about: the last one, if it does not say.
    pub(crate) fn about(&self, seq: Option<u64>) -> u64 {
        seq.unwrap_or(self.seq)
    }

    /// The server could not store a check-in: say it again after a while.
    pub(crate) fn not_stored(&mut self, timing: &Timing, rng: &mut impl Rng, now: Duration, seq: u64) {
        if self.is_open(seq) && !self.is_to_be_repeated() {
            self.failed(timing, rng, now);
        }
    }

    /// A check-in came when a higher number was stored on this connection already. The commands that it said the results
    /// of: those are stored.
    ///
    /// The rest of it is not. If a later check-in was said, it says the same or newer; otherwise the number that is
    /// stored is not this node's, and all is said again above it.
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

    /// Says nothing until then; and what this check-in said, if it was one, is said again after that.
    pub(crate) fn hold(&mut self, until: Duration, refused: Option<u64>) {
        self.quiet_until = self.quiet_until.max(until);
        if refused.is_some_and(|seq| self.is_open(seq)) {
            self.asked = self.asked.max(self.seq);
            self.next = Next::CheckIn { at: until };
        } else if let Next::Answer { by } = &mut self.next {
            *by = self.quiet_until.max(*by);
        }
    }

    /// The server will never accept this check-in: say what is the case then at the usual time.
    pub(crate) fn rejected(&mut self, now: Duration, seq: u64, interval: Duration) {
        if self.is_open(seq) {
            self.next = Next::CheckIn { at: now + interval };
        }
    }

    /// Something changed: check in at once.
    pub(crate) fn check_in_now(&mut self, now: Duration) {
        self.next = Next::CheckIn { at: now };
    }

    /// Whether the last check-in is this one, and unsettled: what becomes of earlier ones no longer matters.
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

/// With as many of these results as a message holds; the rest is said when those are acknowledged.
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
