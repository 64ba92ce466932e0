//! Why an event was refused, as the stored item shows.

use crate::budget::{self, NoRoom};
use crate::clock::{SKEW_S, connect_horizon, horizon};
use crate::event::{Connection, Event, EventKind};
use crate::id::{CredentialVersion, Timestamp};
use crate::node::{Blocked, Closed, Node};
use crate::policy::{Policy, Registration, Seconds};

/// Why an event was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The node is not registered, and registration is closed.
    #[error("no such node is registered")]
    Unregistered,
    /// The node's credentials were revoked.
    #[error("the node's credentials were revoked")]
    Revoked,
    /// The token has an older credential version than the node.
    #[error("the token's credential version is older than {}", current.0)]
    CredentialsOutdated {
        /// The lowest version that is accepted.
        current: CredentialVersion,
    },
    /// A newer connection holds the node.
    #[error("a newer connection holds the node")]
    Superseded,
    /// The connection has closed. A closed connection never opens again.
    #[error("the connection has closed")]
    Closed,
    /// A check-in with a higher sequence number is stored.
    #[error(
        "a check-in with the higher sequence number {stored} is stored already; only the results of this one are stored"
    )]
    StaleSeq {
        /// The highest sequence number that is stored.
        stored: u64,
    },
    /// The node sent more than its budget allows.
    #[error("the node sends too many messages: none is accepted for {retry_after} s")]
    SlowDown {
        /// For how long the node must send nothing, in seconds.
        retry_after: Seconds,
        /// Whether the node was told so before, and went on.
        again: bool,
    },
    /// The node has changed since the sweep read it.
    #[error("the node has changed since the sweep read it")]
    Changed,
}

impl Refusal {
    /// The refusal's name in logs, metrics and scripts. It is never renamed.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unregistered => "unregistered",
            Self::Revoked => "revoked",
            Self::CredentialsOutdated { .. } => "credentials-outdated",
            Self::Superseded => "superseded",
            Self::Closed => "closed",
            Self::StaleSeq { .. } => "stale-seq",
            Self::SlowDown { .. } => "slow-down",
            Self::Changed => "changed",
        }
    }
}

/// What follows from a refused write.
pub(crate) enum Why {
    /// The event is refused, for this reason.
    Because(Refusal),
    /// This event is to be planned instead.
    Plan(Box<Event>),
}

fn because(refusal: Refusal) -> Why {
    Why::Because(refusal)
}

fn plan_instead(event: &Event, kind: EventKind) -> Why {
    Why::Plan(Box::new(Event { kind, ..event.clone() }))
}

/// Why the write of an event was refused, as the stored item shows; `None` if the item does not explain it.
pub(crate) fn why_refused(event: &Event, stored: Option<&Node>, policy: &Policy) -> Option<Why> {
    match &event.kind {
        EventKind::Connect { connection, credentials, .. } => not_admitted(stored, *credentials, policy)
            .or_else(|| stored.and_then(|node| not_newest(node, connection, connect_horizon(event))))
            .map(because)
            .or_else(|| over_budget(event, stored?, policy)),
        EventKind::CheckIn { connection, credentials, received, seq, results, .. } => {
            not_its_own(stored, connection, *credentials, Some(*received), policy).map(because).or_else(|| {
                let node = stored?;
                let stale = |stored| {
                    let (connection, credentials) = (connection.clone(), *credentials);
                    let (received, results) = (*received, *results);
                    EventKind::Stale { connection, credentials, received, stored, results }
                };
                let stale = |seq| match policy.budget {
                    0 => because(Refusal::StaleSeq { stored: seq }),
                    _ => plan_instead(event, stale(seq)),
                };
                over_budget(event, node, policy)
                    .or_else(|| node.seq.filter(|stored| seq < stored).map(stale))
                    .or_else(|| clock_behind(event, node))
            })
        }
        EventKind::Ask { connection, credentials } => not_its_own(stored, connection, *credentials, None, policy)
            .map(because)
            .or_else(|| over_budget(event, stored?, policy)),
        EventKind::Stale { connection, credentials, received, .. } => {
            not_its_own(stored, connection, *credentials, Some(*received), policy)
                .map(because)
                .or_else(|| over_budget(event, stored?, policy))
        }
        EventKind::Disconnect { connection, .. } => not_registered(stored, policy)
            .or_else(|| stored.and_then(|node| not_newest(node, connection, horizon(event))))
            .map(because),
        EventKind::Poll { credentials, .. } => not_admitted(stored, *credentials, policy)
            .map(because)
            .or_else(|| over_budget(event, stored?, policy))
            .or_else(|| clock_behind(event, stored?)),
        // Another message of the node has blocked it already.
        EventKind::Excess { .. } => stored.map(|node| because(told_to_slow_down(event, node))),
        EventKind::Expire { .. } | EventKind::Lost { .. } | EventKind::TakenOver { .. } => {
            Some(because(Refusal::Changed))
        }
    }
}

/// What follows from a message that the node's budget has no room for; `None` if it has room. The first such message
/// blocks the node, which takes another write. The following ones are refused without one.
fn over_budget(event: &Event, node: &Node, policy: &Policy) -> Option<Why> {
    let no_room = budget::no_room(event, node, policy);
    Some(match no_room {
        // Another message has begun the minute already.
        None => return event.fresh.then(|| Why::Plan(Box::new(Event { fresh: false, ..event.clone() }))),
        Some(NoRoom::MinuteOver) if event.fresh => return None,
        Some(NoRoom::MinuteOver) => Why::Plan(Box::new(Event { fresh: true, ..event.clone() })),
        Some(NoRoom::UsedUp) => {
            let Blocked { until, offences } = node.blocked;
            plan_instead(event, EventKind::Excess { offences, blocked_until: until })
        }
        Some(NoRoom::Blocked { left, told_just_now }) => {
            because(Refusal::SlowDown { retry_after: left, again: !told_just_now })
        }
    })
}

pub(crate) fn told_to_slow_down(event: &Event, node: &Node) -> Refusal {
    let until = node.blocked.until.unwrap_or(event.at);
    let left = until.0.saturating_sub(event.at.0).div_ceil(1000).max(1);
    Refusal::SlowDown { retry_after: Seconds::try_from(left).unwrap_or(Seconds::MAX), again: false }
}

/// Why a message is not from the connection that holds the node. `received` is when API Gateway got the message, if the
/// message also counts after the connection has closed.
fn not_its_own(
    stored: Option<&Node>,
    connection: &Connection,
    credentials: CredentialVersion,
    received: Option<Timestamp>,
    policy: &Policy,
) -> Option<Refusal> {
    // The node was deleted. If registration is open, it registers itself with its next connection.
    let Some(node) = stored else { return Some(not_registered(None, policy).unwrap_or(Refusal::Closed)) };
    not_accepted(node, credentials).or_else(|| not_the_holder(node, connection, received))
}

fn not_registered(stored: Option<&Node>, policy: &Policy) -> Option<Refusal> {
    let registered = policy.registration == Registration::Open || stored.is_some_and(|node| node.credentials.is_some());
    (!registered).then_some(Refusal::Unregistered)
}

fn not_admitted(stored: Option<&Node>, credentials: CredentialVersion, policy: &Policy) -> Option<Refusal> {
    not_registered(stored, policy).or_else(|| not_accepted(stored?, credentials))
}

fn not_accepted(node: &Node, credentials: CredentialVersion) -> Option<Refusal> {
    if node.revoked {
        return Some(Refusal::Revoked);
    }
    let newer = node.credentials.filter(|current| credentials < *current);
    newer.map(|current| Refusal::CredentialsOutdated { current })
}

fn not_newest(node: &Node, connection: &Connection, horizon: Timestamp) -> Option<Refusal> {
    let held = node.held.as_ref()?;
    if held.connection.id == connection.id {
        return held.closed.is_some().then_some(Refusal::Closed);
    }
    let order = |connection: &Connection| (connection.opened_at, connection.id.clone());
    let is_later = order(&held.connection) > order(connection) || connection.opened_at > horizon;
    (is_later && held.connection.opened_at <= horizon).then_some(Refusal::Superseded)
}

fn not_the_holder(node: &Node, connection: &Connection, received: Option<Timestamp>) -> Option<Refusal> {
    let Some(held) = &node.held else { return Some(Refusal::Closed) };
    if held.connection.id != connection.id {
        return Some(Refusal::Superseded);
    }
    let closed_before = |closed: &Closed| received.is_none_or(|received| closed.at.plus_seconds(SKEW_S) < received);
    held.closed.as_ref().is_some_and(closed_before).then_some(Refusal::Closed)
}

fn clock_behind(event: &Event, node: &Node) -> Option<Why> {
    let seen = node.seen.filter(|seen| event.at < *seen && *seen <= horizon(event))?;
    Some(Why::Plan(Box::new(Event { at: seen, ..event.clone() })))
}
