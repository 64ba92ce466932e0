//! How many messages a node may send, and for how long it is blocked when it sends more. docs/adr/0014
//!
//! The write that stores a message also counts it, so counting costs nothing. A minute of the budget ends when its
//! budget is used up and 60 seconds have passed; the next message then takes a second write, which begins the next
//! minute. A node far below its budget rarely needs one.

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::clock::{SKEW_S, beyond, horizon};
use crate::event::Event;
use crate::guard::Guard;
use crate::item::Value;
use crate::node::{Blocked, Node};
use crate::policy::{Policy, Seconds};
use crate::timestamp::Timestamp;
use crate::update::Change;

/// How long a minute of the budget is, in seconds.
const MINUTE_S: Seconds = 60;
/// The longest time that a node is blocked for, in seconds.
const LONGEST_S: Seconds = 3600;
/// How long after the end of a node's last block its offences are forgotten, in seconds.
const FORGOTTEN_S: Seconds = 24 * 3600;
/// How long after the beginning of a block a further message is answered with another `slow-down` instead of a
/// dismissal, in seconds: it was on its way before the node could read the first answer.
const UNDER_WAY_S: Seconds = 1;

/// The clauses that the node is not blocked, and that its budget has room for a message.
///
/// An event that begins a new minute of the budget needs the last one to be used up and over. If the last minute is
/// used up but not over, the message is over the budget.
pub(crate) fn within(event: &Event, policy: &Policy) -> Vec<Clause> {
    if policy.budget == 0 {
        return vec![];
    }
    let (begun, latest) = (Value::from(minute_before(event.at).0), horizon(event));
    let budget = || Value::from(policy.budget);
    let mut clauses = vec![Clause::new(Because::Blocked, not_blocked(event))];
    if event.fresh {
        let over = Guard::Any(vec![Guard::AtMost(A::SpentSince, begun), beyond(A::SpentSince, latest)]);
        clauses.push(Clause::new(Because::MinuteBegun, Guard::AtLeast(A::Spent, budget())));
        clauses.push(Clause::new(Because::BudgetUsedUp, over));
    } else {
        let room = vec![Guard::Missing(A::Spent), Guard::Less(A::Spent, budget())];
        let under_way = vec![Guard::Greater(A::SpentSince, begun), Guard::AtMost(A::SpentSince, Value::from(latest.0))];
        let room_or_under_way = room.iter().cloned().chain([Guard::All(under_way)]).collect();
        clauses.push(Clause::new(Because::MinuteOver, Guard::Any(room_or_under_way)));
        clauses.push(Clause::new(Because::BudgetUsedUp, Guard::Any(room)));
    }
    clauses
}

/// The changes that count a message, and the results that came with it.
pub(crate) fn spend(event: &Event, results: u32, policy: &Policy) -> Vec<Change> {
    let cost = u64::from(results).saturating_add(1);
    if policy.budget == 0 {
        vec![]
    } else if event.fresh {
        vec![Change::Set(A::Spent, cost.into()), Change::Set(A::SpentSince, event.at.0.into())]
    } else {
        vec![Change::Add(A::Spent, cost), Change::SetIfMissing(A::SpentSince, event.at.0.into())]
    }
}

fn not_blocked(event: &Event) -> Guard {
    Guard::Any(vec![
        Guard::Missing(A::BlockedUntil),
        Guard::AtMost(A::BlockedUntil, event.at.0.into()),
        beyond(A::BlockedUntil, longest_block(event)),
    ])
}

/// The latest end of a block that a right clock can have stored by now.
fn longest_block(event: &Event) -> Timestamp {
    horizon(event).plus_seconds(LONGEST_S)
}

fn minute_before(at: Timestamp) -> Timestamp {
    Timestamp(at.0.saturating_sub(u64::from(MINUTE_S) * 1000))
}

/// Until when the node is blocked at this time, because it was over its budget; `None` if it is not blocked.
pub fn blocked_until(node: &Node, now: Timestamp, policy: &Policy) -> Option<Timestamp> {
    let latest = now.plus_seconds(SKEW_S).plus_seconds(LONGEST_S);
    node.blocked.until.filter(|until| policy.budget > 0 && now < *until && *until <= latest)
}

/// For how long a block goes on from this time, in seconds: 1 to [`LONGEST_S`]. A clock that is behind the one that
/// stored the block sees more.
pub(crate) fn retry_after(blocked: Blocked, at: Timestamp) -> Seconds {
    let left = blocked.until.map_or(0, |until| until.0.saturating_sub(at.0).div_ceil(1000));
    Seconds::try_from(left).unwrap_or(Seconds::MAX).clamp(1, LONGEST_S)
}

/// Whether a block began less than [`UNDER_WAY_S`] before this time.
pub(crate) fn began_just_now(blocked: Blocked, at: Timestamp) -> bool {
    let lasts = u64::from(penalty(blocked.offences.unwrap_or(1))) * 1000;
    blocked.until.is_some_and(|until| at < Timestamp(until.0.saturating_sub(lasts)).plus_seconds(UNDER_WAY_S))
}

/// The node's number of offences including this one, and until when it is blocked for it.
pub(crate) fn blocked_anew(event: &Event, offences: Option<u64>, until: Option<Timestamp>) -> (u64, Timestamp) {
    let forgotten =
        until.is_none_or(|until| until.plus_seconds(FORGOTTEN_S) < event.at || until > longest_block(event));
    let offences = if forgotten { 1 } else { offences.unwrap_or_default().saturating_add(1) };
    (offences, event.at.plus_seconds(penalty(offences)))
}

/// How long a node is blocked, in seconds: [`MINUTE_S`] for the first offence, twice as long for each further one, and
/// [`LONGEST_S`] at most.
fn penalty(offences: u64) -> Seconds {
    let doubled = u32::try_from(offences.saturating_sub(1)).ok().and_then(|doublings| 1_u32.checked_shl(doublings));
    doubled.and_then(|factor| MINUTE_S.checked_mul(factor)).unwrap_or(LONGEST_S).min(LONGEST_S)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Registration;

    #[test]
    fn a_node_is_blocked_twice_as_long_each_time_and_for_an_hour_at_most() {
        let penalties: Vec<_> = (1..=8).map(penalty).collect();
        assert_eq!(penalties, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!((penalty(0), penalty(64), penalty(u64::MAX)), (60, 3600, 3600));
    }

    #[test]
    fn a_blocked_node_is_told_to_wait_for_a_second_to_an_hour() {
        let told = |until, at| retry_after(Blocked { until: Some(Timestamp(until)), offences: None }, Timestamp(at));
        assert_eq!([told(5_000, 5_000), told(5_000, 9_000), told(5_001, 3_000)], [1, 1, 3]);
        assert_eq!(told(3_602_000, 1_000), 3600, "another host's clock is ahead");
    }

    #[test]
    fn a_node_is_blocked_until_its_time_is_over_unless_a_wrong_clock_set_it() {
        let policy = Policy::new(Registration::Open, 6600, 300, 60, 0).expect("in range");
        let until = |until: u64| {
            let node = Node::read(&[(A::BlockedUntil, Value::Number(until))].into()).expect("readable");
            blocked_until(&node, Timestamp(100_000), &policy).map(|until| until.0)
        };
        assert_eq!([until(99_999), until(100_000), until(100_001)], [None, None, Some(100_001)]);
        assert_eq!([until(3_705_000), until(3_705_001)], [Some(3_705_000), None]);
        let node = Node::read(&[(A::BlockedUntil, Value::Number(2))].into()).expect("readable");
        assert_eq!(
            blocked_until(&node, Timestamp(1), &policy.with_budget(0)),
            None,
            "without a budget none is blocked"
        );
    }
}
