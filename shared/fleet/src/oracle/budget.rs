//! The budget of messages: who sends too much is blocked for as long as the rules say, and nobody else is.

use rollcall_core::{Node, Timestamp};
use rollcall_wire::ServerMessage;

use super::access::serves;
use super::facts::{Facts, SKEW_MS, earlier, later};
use super::table::Change;
use super::verdicts::Verdicts;
use crate::violation::ViolationKind as Kind;

/// The block after the first offence, and the longest one, in seconds (ADR 14).
const FIRST_S: u64 = 60;
const LONGEST_S: u64 = 3_600;
/// In which time messages are counted, in milliseconds: a minute, and how long messages may be under way.
const COUNTED_MS: u64 = 300_000;
/// How often a message may be counted: it may be delivered twice, and the write that counts it made twice.
const COUNTED: u64 = 4;
/// What one message may count beyond itself: its results.
const RESULTS: u64 = 9;
/// How long messages may be under way before a node can know that it is blocked, in milliseconds.
const UNDER_WAY_MS: u64 = 1_000;
/// In a time as short as this, in milliseconds, at most one minute of a budget ends, whatever right clocks say.
const NO_MINUTE_MS: u64 = 50_000;

/// What is known of the messages of a node.
#[derive(Clone, Copy, Debug)]
struct Spending {
    /// How many messages its devices sent, in the time that goes on and in the one before.
    sent: [u64; 2],
    /// The number of the time that goes on.
    time: u64,
    /// Since when the node is blocked, in true time.
    blocked_at: Timestamp,
    /// When a connection of the node was last told that it is closed because it went on sending.
    dismissed_at: Timestamp,
    /// How many writes stored or counted a message, in the short time with this number.
    counted: (u64, u64),
}

/// The budgets of all nodes.
#[derive(Clone, Debug)]
pub(super) struct Budgets {
    nodes: Vec<Spending>,
}

impl Budgets {
    pub(super) fn new(nodes: usize) -> Self {
        let (blocked_at, dismissed_at) = (Timestamp(0), Timestamp(0));
        let new = Spending { sent: [0, 0], time: 0, blocked_at, dismissed_at, counted: (0, 0) };
        Self { nodes: vec![new; nodes] }
    }

    /// A device sent a message with so many results, or connects.
    pub(super) fn sent(&mut self, at: Timestamp, node: usize, results: usize) {
        let Some(spending) = self.nodes.get_mut(node) else { return };
        spending.turn(at);
        spending.sent[0] += 1 + results as u64;
    }

    /// A node's item was written.
    pub(super) fn wrote(&mut self, facts: &Facts, verdicts: &mut Verdicts, at: Timestamp, change: &Change) {
        let budget = u64::from(facts.settings.budget);
        if budget == 0 || facts.windows.wrong_clock(earlier(at, LONGEST_S * 1000), at) {
            return;
        }
        let (was, is) = (change.was.as_deref(), &*change.is);
        let Some(spending) = self.nodes.get_mut(change.node) else { return };
        spending.turn(at);
        if was.map(|was| was.blocked) != Some(is.blocked) && is.blocked.until.is_some() {
            let flooded = facts.windows.flooded(change.node, earlier(at, 3 * COUNTED_MS), at);
            let sent = (spending.sent[0] + spending.sent[1] + flooded) * COUNTED;
            spending.blocked_at = at;
            blocked(verdicts, at, change, (sent, budget));
        }
        if was.is_some_and(|was| was.spent == is.spent && was.spent_since == is.spent_since) || is.spent == 0 {
            return;
        }
        let until = was.and_then(|was| was.blocked.until);
        if let Some(until) = until.filter(|until| *until > later(at, SKEW_MS)) {
            let what = format!("is blocked until {}, and a message of it is counted", verdicts.when(until));
            verdicts.node(Kind::WrongBudget, at, change.node, what);
        }
        if is.spent >= budget + RESULTS {
            let what = format!("has spent {} of a budget of {budget}", is.spent);
            verdicts.node(Kind::WrongBudget, at, change.node, what);
        }
        let (time, counted) = (at.0 / NO_MINUTE_MS, &mut spending.counted);
        *counted = if counted.0 == time { (time, counted.1 + 1) } else { (time, 1) };
        if counted.1 == 2 * (budget + RESULTS) + 1 {
            let what = format!("has {} messages taken in less than a minute; its budget is {budget}", counted.1);
            verdicts.node(Kind::WrongBudget, at, change.node, what);
        }
    }

    /// A connection of the node is told that it is closed because it went on sending.
    pub(super) fn dismissed(&mut self, at: Timestamp, node: usize) {
        if let Some(spending) = self.nodes.get_mut(node) {
            spending.dismissed_at = at;
        }
    }

    /// A function answers a message that it began to handle at `began`. Only a node that is blocked is slowed down; it is
    /// served nothing, and its connection is closed if it goes on.
    pub(super) fn answered(
        &self,
        facts: &Facts,
        verdicts: &mut Verdicts,
        at: Timestamp,
        (node, began, is_socket): (usize, Timestamp, bool),
        (stored, answer): (Option<&Node>, &ServerMessage),
    ) {
        let until = stored.and_then(|stored| stored.blocked.until);
        let Some(spending) = self.nodes.get(node) else { return };
        if facts.settings.budget == 0 || facts.windows.wrong_clock(earlier(at, LONGEST_S * 1000), at) {
            return;
        }
        let is_blocked = until.is_some_and(|until| until > later(at, SKEW_MS));
        if is_blocked && later(spending.blocked_at, SKEW_MS) < began && serves(answer) {
            let what = format!("is blocked since {}, and is answered {answer:?}", verdicts.when(spending.blocked_at));
            verdicts.node(Kind::WrongBudget, at, node, what);
        }
        let ServerMessage::SlowDown { retry_after_s, .. } = answer else { return };
        let went_on = later(spending.blocked_at, UNDER_WAY_MS + SKEW_MS) < began && is_socket;
        if went_on && spending.dismissed_at < began && !facts.windows.troubled(earlier(began, 1_000), at) {
            let what = format!(
                "is blocked since {}, goes on sending at {}, and is not dismissed",
                verdicts.when(spending.blocked_at),
                verdicts.when(began)
            );
            verdicts.node(Kind::WrongBudget, at, node, what);
        }
        if until.is_none_or(|until| later(until, SKEW_MS) < began) || u64::from(*retry_after_s) > LONGEST_S {
            let what = format!("is told to slow down for {retry_after_s} s, and is blocked until {until:?}");
            verdicts.node(Kind::WrongBudget, at, node, what);
        }
    }
}

impl Spending {
    /// Begins a new time, if the last one is over.
    fn turn(&mut self, at: Timestamp) {
        let time = at.0 / COUNTED_MS;
        self.sent = match time.saturating_sub(self.time) {
            0 => self.sent,
            1 => [0, self.sent[0]],
            _ => [0, 0],
        };
        self.time = time;
    }
}

/// A node was blocked: for how long, and whether it has sent so much.
fn blocked(verdicts: &mut Verdicts, at: Timestamp, change: &Change, (sent, budget): (u64, u64)) {
    let before = change.was.as_deref().and_then(|was| was.blocked.offences).unwrap_or_default();
    let is = change.is.blocked;
    let offences = is.offences.unwrap_or_default();
    let doublings = u32::try_from(offences.saturating_sub(1)).unwrap_or(u32::MAX);
    let penalty_s = FIRST_S.checked_shl(doublings).filter(|_| doublings < 32).unwrap_or(LONGEST_S).min(LONGEST_S);
    let until = is.until.unwrap_or(at);
    let latest = later(at, penalty_s * 1000 + SKEW_MS);
    let earliest = earlier(later(at, penalty_s * 1000), 60_000 + SKEW_MS);
    if (offences != 1 && offences != before + 1) || until > latest || until < earliest {
        let what = format!(
            "is blocked until {} for its offence {offences}, after {before}; that is not the block for this offence",
            verdicts.when(until)
        );
        verdicts.node(Kind::WrongBudget, at, change.node, what);
    }
    if sent < budget {
        let what = format!("is blocked, and its messages count {sent} at most of a budget of {budget}");
        verdicts.node(Kind::WrongBudget, at, change.node, what);
    }
}
