//! How a node is at a moment, and why: what is shown of its presence.

use std::fmt;

use crate::node::{Node, Presence};
use crate::policy::Policy;
use crate::sweep::{REASON_GONE, REASON_LOST, lost_since, presence_at};
use crate::timestamp::Timestamp;

/// A node that is online and has missed so many check-ins is silent.
pub(crate) const CHECK_INS_MISSED: u32 = 2;

/// A node's presence at a moment, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownPresence {
    /// How it is.
    pub state: PresenceState,
    /// Since when; `None` if it was never online, or is revoked.
    pub since: Option<Timestamp>,
    /// Why.
    pub reason: PresenceReason,
}

/// How a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresenceState {
    /// It checks in, or its grace period runs.
    Online,
    /// It has missed two check-ins, and does not count as offline yet.
    Silent,
    /// It is gone.
    Offline,
}

/// Why a node is online, silent or offline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresenceReason {
    /// It has an open connection.
    Connected,
    /// It polls.
    Polling,
    /// Its connection was closed with this code, if API Gateway named one. A node that is online has its grace period.
    Closed(Option<u64>),
    /// Check-ins are missing.
    CheckInsMissed,
    /// It was silent for so long that its `$disconnect` must have been lost.
    Lost,
    /// It was connected, and API Gateway did not know its connection any more.
    Gone,
    /// It polled, and polls are missing.
    PollsMissed,
    /// Nothing that it sends is accepted.
    Revoked,
    /// It was never heard of.
    NeverSeen,
}

/// As it is shown: a word, and for a close its code.
impl fmt::Display for PresenceReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed(Some(code)) => return write!(f, "closed {code}"),
            Self::Connected => "connected",
            Self::Polling => "polling",
            Self::Closed(None) => "closed",
            Self::CheckInsMissed => "check-ins-missed",
            Self::Lost => "lost",
            Self::Gone => "gone",
            Self::PollsMissed => "polls-missed",
            Self::Revoked => "revoked",
            Self::NeverSeen => "never-seen",
        })
    }
}

/// A node's presence at this moment, whether a sweep has come by or not.
pub fn shown_presence(node: &Node, now: Timestamp, policy: &Policy) -> ShownPresence {
    // It is offline, whether its connection is open or not.
    if node.revoked {
        return ShownPresence { state: PresenceState::Offline, since: None, reason: PresenceReason::Revoked };
    }
    match presence_at(node, now, policy) {
        Presence::Offline(since) => {
            ShownPresence { state: PresenceState::Offline, since, reason: why_offline(node, now, policy) }
        }
        Presence::Online(since) => match silent_since(node, now, policy) {
            Some(silent) => {
                let reason = PresenceReason::CheckInsMissed;
                ShownPresence { state: PresenceState::Silent, since: Some(silent), reason }
            }
            None => ShownPresence { state: PresenceState::Online, since: Some(since), reason: why_online(node) },
        },
    }
}

/// Since when a node that counts as online is silent; `None` if it is not.
fn silent_since(node: &Node, now: Timestamp, policy: &Policy) -> Option<Timestamp> {
    let patience = policy.check_in_every.saturating_mul(CHECK_INS_MISSED);
    node.last_heard().map(|heard| heard.plus_seconds(patience)).filter(|silent| *silent < now)
}

fn why_online(node: &Node) -> PresenceReason {
    match node.held.as_ref().map(|held| held.closed.as_ref()) {
        Some(None) => PresenceReason::Connected,
        _ if node.polls => PresenceReason::Polling,
        Some(Some(closed)) => PresenceReason::Closed(closed.code),
        None => PresenceReason::NeverSeen,
    }
}

fn why_offline(node: &Node, now: Timestamp, policy: &Policy) -> PresenceReason {
    let Some(heard) = node.last_heard() else { return PresenceReason::NeverSeen };
    let is_lost = lost_since(node, now, policy).is_some();
    match node.held.as_ref().map(|held| held.closed.as_ref()) {
        Some(None) => PresenceReason::Lost,
        // A node that polled after its connection was closed has missed polls.
        Some(Some(closed)) if heard <= closed.at && !node.polls => match closed.reason.as_deref() {
            _ if is_lost => PresenceReason::Lost,
            Some(REASON_LOST) if closed.code.is_none() => PresenceReason::Lost,
            Some(REASON_GONE) if closed.code.is_none() => PresenceReason::Gone,
            _ => PresenceReason::Closed(closed.code),
        },
        _ => PresenceReason::PollsMissed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Attribute as A;
    use crate::item::{Item, Value};
    use crate::policy::Registration;

    /// Lives of 100 s, a check-in every 10 s, a grace period of 8 s.
    fn shown(attributes: &[(A, Value)], now: u64) -> (PresenceState, Option<u64>, String) {
        let policy = Policy::new(Registration::Open, 100, 10, 8, 0).expect("in range");
        let item: Item = attributes.iter().cloned().collect();
        let shown = shown_presence(&Node::read(&item).expect("well-formed"), Timestamp(now), &policy);
        (shown.state, shown.since.map(|at| at.0), shown.reason.to_string())
    }

    fn n(number: u64) -> Value {
        Value::Number(number)
    }

    fn open() -> Vec<(A, Value)> {
        vec![(A::Connection, "A".into()), (A::OpenedAt, n(1_000)), (A::OnlineSince, n(1_000))]
    }

    fn with(attributes: &[(A, Value)], more: &[(A, Value)]) -> Vec<(A, Value)> {
        [attributes, more].concat()
    }

    #[test]
    fn a_node_that_misses_two_check_ins_is_silent_and_one_that_is_not_heard_for_a_life_is_lost() {
        let node = with(&open(), &[(A::Seen, n(5_000))]);
        let expected = [
            (25_000, (PresenceState::Online, Some(1_000), "connected")),
            (25_001, (PresenceState::Silent, Some(25_000), "check-ins-missed")),
            (113_000, (PresenceState::Silent, Some(25_000), "check-ins-missed")),
            (113_001, (PresenceState::Offline, Some(113_000), "lost")),
        ];
        for (now, (state, since, reason)) in expected {
            assert_eq!(shown(&node, now), (state, since, reason.to_owned()), "{now}");
        }
    }

    #[test]
    fn a_node_whose_connection_was_closed_has_its_grace_period_and_then_says_with_which_code() {
        let closed = |code: Option<u64>| {
            let node = with(&open(), &[(A::ClosedAt, n(3_000)), (A::Due, n(11_000)), (A::DueShard, n(0))]);
            with(&node, &code.map(|code| (A::CloseCode, n(code))).into_iter().collect::<Vec<_>>())
        };
        assert_eq!(shown(&closed(Some(1001)), 10_999), (PresenceState::Online, Some(1_000), "closed 1001".to_owned()));
        assert_eq!(
            shown(&closed(Some(1001)), 11_000),
            (PresenceState::Offline, Some(11_000), "closed 1001".to_owned())
        );
        assert_eq!(shown(&closed(None), 11_000).2, "closed");
    }

    #[test]
    fn what_a_sweep_has_stored_keeps_its_reason() {
        let offline = |reason: &str| {
            let node = [(A::Connection, "A".into()), (A::OpenedAt, n(1_000)), (A::ClosedAt, n(9_000))];
            with(&node, &[(A::CloseReason, reason.into()), (A::OfflineSince, n(9_000))])
        };
        for (stored, reason) in [("lost", "lost"), ("gone", "gone"), ("Going away", "closed")] {
            assert_eq!(shown(&offline(stored), 10_000), (PresenceState::Offline, Some(9_000), reason.to_owned()));
        }
        // A client may close with any reason, and then there is a code.
        let told = with(&offline("lost"), &[(A::CloseCode, n(1000))]);
        assert_eq!(shown(&told, 10_000).2, "closed 1000");
    }

    #[test]
    fn a_node_that_polls_is_silent_after_two_polls_and_offline_after_three() {
        let polls = [(A::Polls, n(1)), (A::Seen, n(5_000)), (A::OnlineSince, n(5_000))];
        assert_eq!(shown(&polls, 25_000), (PresenceState::Online, Some(5_000), "polling".to_owned()));
        assert_eq!(shown(&polls, 25_001), (PresenceState::Silent, Some(25_000), "check-ins-missed".to_owned()));
        assert_eq!(shown(&polls, 35_001), (PresenceState::Offline, Some(35_000), "polls-missed".to_owned()));
    }

    #[test]
    fn a_node_that_was_never_heard_of_or_is_revoked_is_offline_and_says_so() {
        assert_eq!(shown(&[], 10_000), (PresenceState::Offline, None, "never-seen".to_owned()));
        let revoked = with(&open(), &[(A::Revoked, n(1))]);
        assert_eq!(shown(&revoked, 2_000), (PresenceState::Offline, None, "revoked".to_owned()));
    }
}
