//! What follows from an event, once its write has answered.

use std::ops::RangeInclusive;

use crate::attribute::Item;
use crate::budget::{self, NoRoom};
use crate::clock::{SKEW_S, connect_horizon, horizon};
use crate::event::{Connection, Event, EventKind};
use crate::id::{ConnectionId, CredentialVersion, NodeId, Timestamp};
use crate::node::{Blocked, Closed, Malformed, Node, Presence, WantedConfig};
use crate::policy::{Policy, Registration, Seconds};
use crate::update::Outcome;

/// A takeover this soon after the replaced connection opened is no planned reconnect, in seconds.
const SOON_S: Seconds = 600;
/// Takeovers are counted as long as there is less than this time between two, in seconds.
const RECENTLY_S: Seconds = 3600;

/// What follows from an event.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Carry out the effects, best effort, then reply.
    Done {
        /// The answer to whoever caused the event.
        reply: Reply,
        /// What else is to be done first.
        effects: Vec<Effect>,
        /// What the node's presence has just become, if it changed.
        presence: Option<Presence>,
        /// The numbers of the commands whose results are to be stored before the reply: those that may be open. Nothing where
        /// results must not be stored.
        results: Option<RangeInclusive<u64>>,
    },
    /// Plan this event instead: it counts as of a later time, in a new minute, or is another event altogether.
    Again(Event),
}

/// The answer to whoever caused an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is stored, and there is nothing to say.
    Stored,
    /// It is stored, and this is how to go on.
    Ack(AckTerms),
    /// The connection holds the node, which is this.
    Known(Box<Node>),
    /// It changed nothing, and this is why.
    Refused(Refusal),
}

/// How a node is to go on after a check-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckTerms {
    /// The check-in's place in its connection; nothing for a poll.
    pub seq: Option<u64>,
    /// When to check in next, from now.
    pub next_check_in: Seconds,
    /// By when to have replaced the connection, from now.
    pub reconnect_within: Seconds,
    /// Over how long to spread a reconnect after a loss.
    pub spread: Seconds,
    /// The configuration to run, while the node has not reported on it.
    pub config: Option<WantedConfig>,
    /// The numbers of the commands that may be open.
    pub commands: Option<RangeInclusive<u64>>,
    /// The firmware version to run, until the node runs it or has given up on it.
    pub firmware: Option<String>,
}

/// Something to do besides replying. Best effort: another event repairs what is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Tell a connection why it is not, or no longer, the node's, and close it.
    Dismiss(ConnectionId, Refusal),
    /// Record another event, whose reply nobody waits for.
    Record(Box<Event>),
}

/// Why an event changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such node is registered, and registration is closed.
    #[error("no such node is registered")]
    Unregistered,
    /// The node's credentials were revoked.
    #[error("the node's credentials were revoked")]
    Revoked,
    /// The token is of an older credential version than the node's.
    #[error("the token's credential version is older than {}", current.0)]
    CredentialsOutdated {
        /// The lowest version that is accepted.
        current: CredentialVersion,
    },
    /// A newer connection holds the node.
    #[error("a newer connection holds the node")]
    Superseded,
    /// The connection has closed, and closed connections never open again.
    #[error("the connection has closed")]
    Closed,
    /// A check-in with a higher sequence number is stored.
    #[error("a check-in with the sequence number {stored} is stored already; of this one, only the results are")]
    StaleSeq {
        /// The highest one that is stored.
        stored: u64,
    },
    /// The node sent more than its budget allows.
    #[error("the node sends too much: nothing is taken for {retry_after} s")]
    SlowDown {
        /// How long it is to send nothing, in seconds.
        retry_after: Seconds,
        /// Whether it was told so before, and goes on.
        again: bool,
    },
    /// What a sweep had found has changed since.
    #[error("the node has changed since it was found")]
    Changed,
}

impl Refusal {
    /// Its name for logs, figures and scripts: never renamed.
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

/// An outcome that the rules have no explanation for: the store or its contents are broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    /// The stored item is unreadable.
    #[error("node {node} is unreadable")]
    Malformed {
        /// Which node.
        node: NodeId,
        /// What is wrong with its item.
        source: Malformed,
    },
    /// The write was refused although its guard holds.
    #[error("the write for node {node} was refused although its guard holds")]
    Unexplained {
        /// Which node.
        node: NodeId,
    },
}

/// What follows from an event, once its write has answered.
///
/// # Errors
/// If the stored item is unreadable, or the refusal can't be explained by it.
pub fn settle(event: Event, outcome: Outcome, policy: &Policy) -> Result<Settled, SettleError> {
    match outcome {
        Outcome::Applied { after } => {
            let after = read(&event.node, &after)?;
            Ok(applied(&event, &after, policy))
        }
        Outcome::Refused { stored } => {
            let stored = stored.map(|item| read(&event.node, &item)).transpose()?;
            match why_refused(&event, stored.as_ref(), policy) {
                Some(Why::Because(refusal)) => Ok(refused(event, refusal, stored.as_ref())),
                Some(Why::Plan(instead)) => Ok(Settled::Again(*instead)),
                None => Err(SettleError::Unexplained { node: event.node }),
            }
        }
    }
}

fn read(node: &NodeId, item: &Item) -> Result<Node, SettleError> {
    Node::read(item).map_err(|source| SettleError::Malformed { node: node.clone(), source })
}

fn applied(event: &Event, after: &Node, policy: &Policy) -> Settled {
    match &event.kind {
        EventKind::Stale { stored, .. } => refused(event.clone(), Refusal::StaleSeq { stored: *stored }, Some(after)),
        EventKind::Excess { .. } => refused(event.clone(), told_to_slow_down(event, after), Some(after)),
        _ => Settled::Done {
            reply: reply(event, after, policy),
            effects: effects(event, after),
            presence: turned(event, after),
            results: after.open_commands(),
        },
    }
}

fn reply(event: &Event, after: &Node, policy: &Policy) -> Reply {
    let terms = |seq, reconnect_within| {
        Reply::Ack(AckTerms {
            seq,
            next_check_in: policy.check_in_every,
            reconnect_within,
            spread: policy.spread,
            config: after.news().cloned(),
            commands: after.open_commands(),
            firmware: after.firmware_news().map(str::to_owned),
        })
    };
    match &event.kind {
        // News gets through, whether an answer is wanted or not.
        EventKind::CheckIn { connection, seq, ack, .. } if *ack || is_news(after) => {
            let age = Seconds::try_from(event.at.seconds_since(connection.opened_at)).unwrap_or(Seconds::MAX);
            terms(Some(*seq), policy.lifetime.saturating_sub(age))
        }
        EventKind::Poll { .. } => terms(None, policy.lifetime),
        EventKind::Ask { .. } => Reply::Known(Box::new(after.clone())),
        EventKind::CheckIn { .. }
        | EventKind::Connect { .. }
        | EventKind::Stale { .. }
        | EventKind::Excess { .. }
        | EventKind::TakenOver { .. }
        | EventKind::Disconnect { .. }
        | EventKind::Expire { .. }
        | EventKind::Lost { .. } => Reply::Stored,
    }
}

/// Whether there is something that the node must be told. That it is to go on with what it has begun is not.
fn is_news(after: &Node) -> bool {
    let firmware = after.firmware_news().is_some() && !after.is_updating();
    after.news().is_some() || after.open_commands().is_some() || firmware
}

/// A connection that replaces an open one has it dismissed. If another instance had opened that a short time ago, two devices
/// may be using one token.
fn effects(event: &Event, after: &Node) -> Vec<Effect> {
    let EventKind::Connect { connection, instance, .. } = &event.kind else { return vec![] };
    let Some(previous) = after.open().and_then(|held| held.previous.as_ref()).filter(|previous| previous.was_open)
    else {
        return vec![];
    };
    let mut effects = vec![Effect::Dismiss(previous.id.clone(), Refusal::Superseded)];
    let is_same = instance.is_some() && *instance == previous.instance;
    if !is_same && connection.opened_at.seconds_since(previous.opened_at) < u64::from(SOON_S) {
        let recent = after.takeovers.filter(|last| event.at.seconds_since(last.last) < u64::from(RECENTLY_S));
        let before = recent.map_or(0, |last| last.count);
        let kind = EventKind::TakenOver { connection: connection.id.clone(), before };
        effects.push(Effect::Record(Box::new(Event { kind, ..event.clone() })));
    }
    effects
}

/// A presence that began with this event. It was not so before: what already is keeps the instant that it began at.
fn turned(event: &Event, after: &Node) -> Option<Presence> {
    let now = match &event.kind {
        EventKind::Connect { connection, .. } => connection.opened_at,
        EventKind::Poll { .. } | EventKind::Expire { .. } | EventKind::Lost { .. } => event.at,
        EventKind::CheckIn { .. }
        | EventKind::Ask { .. }
        | EventKind::Stale { .. }
        | EventKind::Excess { .. }
        | EventKind::TakenOver { .. }
        | EventKind::Disconnect { .. } => return None,
    };
    let (Presence::Online(since) | Presence::Offline(Some(since))) = after.presence else { return None };
    (since == now).then_some(after.presence)
}

fn refused(event: Event, refusal: Refusal, stored: Option<&Node>) -> Settled {
    let dismissed = match (event.kind, refusal) {
        (_, Refusal::StaleSeq { .. } | Refusal::SlowDown { again: false, .. }) => None,
        (
            EventKind::CheckIn { connection, .. }
            | EventKind::Ask { connection, .. }
            | EventKind::Stale { connection, .. },
            _,
        ) => Some(connection.id),
        _ => None,
    };
    let effects = dismissed.map(|connection| Effect::Dismiss(connection, refusal)).into_iter().collect();
    // Whoever is refused for this alone holds the node, and its results are worth keeping.
    let stale = matches!(refusal, Refusal::StaleSeq { .. });
    let results = stored.filter(|_| stale).and_then(Node::open_commands);
    Settled::Done { reply: Reply::Refused(refusal), effects, presence: None, results }
}

enum Why {
    Because(Refusal),
    Plan(Box<Event>),
}

fn because(refusal: Refusal) -> Why {
    Why::Because(refusal)
}

fn plan_instead(event: &Event, kind: EventKind) -> Why {
    Why::Plan(Box::new(Event { kind, ..event.clone() }))
}

fn why_refused(event: &Event, stored: Option<&Node>, policy: &Policy) -> Option<Why> {
    match &event.kind {
        EventKind::Connect { connection, credentials, .. } => not_admitted(stored, *credentials, policy)
            .or_else(|| stored.and_then(|node| not_newest(node, connection, connect_horizon(event))))
            .map(because)
            .or_else(|| over_budget(event, stored?, None, policy)),
        EventKind::CheckIn { connection, credentials, received, seq, results, .. } => {
            not_its_own(stored, connection, *credentials, Some(*received)).map(because).or_else(|| {
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
                over_budget(event, node, Some(&connection.id), policy)
                    .or_else(|| node.seq.filter(|stored| seq < stored).map(stale))
                    .or_else(|| clock_behind(event, node))
            })
        }
        EventKind::Ask { connection, credentials } => not_its_own(stored, connection, *credentials, None)
            .map(because)
            .or_else(|| over_budget(event, stored?, Some(&connection.id), policy)),
        EventKind::Stale { connection, credentials, received, .. } => {
            not_its_own(stored, connection, *credentials, Some(*received))
                .map(because)
                .or_else(|| over_budget(event, stored?, Some(&connection.id), policy))
        }
        EventKind::Disconnect { connection, .. } => not_registered(stored, policy)
            .or_else(|| stored.and_then(|node| not_newest(node, connection, horizon(event))))
            .map(because),
        EventKind::Poll { credentials, .. } => not_admitted(stored, *credentials, policy)
            .map(because)
            .or_else(|| over_budget(event, stored?, None, policy))
            .or_else(|| clock_behind(event, stored?)),
        // Another message of the node was faster to block it.
        EventKind::Excess { .. } => stored.map(|node| because(told_to_slow_down(event, node))),
        EventKind::Expire { .. } | EventKind::Lost { .. } | EventKind::TakenOver { .. } => {
            Some(because(Refusal::Changed))
        }
    }
}

/// What a message comes to that the node's budget has no room for. Whoever is told to slow down for the first time is blocked,
/// which takes another write; whoever goes on is refused without one.
fn over_budget(event: &Event, node: &Node, connection: Option<&ConnectionId>, policy: &Policy) -> Option<Why> {
    let no_room = budget::no_room(event, node, policy);
    Some(match no_room {
        // Another message was faster to begin the minute.
        None => return event.fresh.then(|| Why::Plan(Box::new(Event { fresh: false, ..event.clone() }))),
        Some(NoRoom::MinuteOver) if event.fresh => return None,
        Some(NoRoom::MinuteOver) => Why::Plan(Box::new(Event { fresh: true, ..event.clone() })),
        Some(NoRoom::UsedUp) => {
            let Blocked { until, offences } = node.blocked;
            let connection = connection.cloned();
            plan_instead(event, EventKind::Excess { connection, offences, blocked_until: until })
        }
        Some(NoRoom::Blocked { left, told_just_now }) => {
            because(Refusal::SlowDown { retry_after: left, again: !told_just_now })
        }
    })
}

fn told_to_slow_down(event: &Event, node: &Node) -> Refusal {
    let until = node.blocked.until.unwrap_or(event.at);
    let left = until.0.saturating_sub(event.at.0).div_ceil(1000).max(1);
    Refusal::SlowDown { retry_after: Seconds::try_from(left).unwrap_or(Seconds::MAX), again: false }
}

/// Why a message's connection may not speak for the node: `received`, if it counts also after the connection closed.
fn not_its_own(
    stored: Option<&Node>,
    connection: &Connection,
    credentials: CredentialVersion,
    received: Option<Timestamp>,
) -> Option<Refusal> {
    let Some(node) = stored else { return Some(Refusal::Closed) };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Attribute as A;
    use crate::plan;
    use crate::report::Report;

    #[test]
    fn who_wants_no_answer_gets_one_while_there_is_news() {
        let policy = Policy::new(Registration::Open, 6600, 300, 60, 0).expect("in range");
        let connection = Connection { id: "A".parse().expect("an id"), opened_at: Timestamp(1_000) };
        let (node, at) = ("ap-1".parse::<NodeId>().expect("an id"), Timestamp(2_000));
        let event = |kind| Event::new(node.clone(), at, kind);
        let connect =
            EventKind::Connect { connection: connection.clone(), credentials: CredentialVersion(1), instance: None };
        let Outcome::Applied { after: mut item } = plan(&event(connect), &policy).apply(None) else {
            panic!("it is let in")
        };
        let mut quiet = |seq, wanted: Option<u64>| {
            if let Some(version) = wanted {
                item.extend([(A::WantedVersion, version.into()), (A::WantedHash, "a".into())]);
            }
            let connection = connection.clone();
            let check_in = event(EventKind::CheckIn {
                connection,
                credentials: CredentialVersion(1),
                received: at,
                seq,
                ack: false,
                report: Report::default(),
                results: 0,
            });
            match settle(check_in.clone(), plan(&check_in, &policy).apply(Some(&item)), &policy) {
                Ok(Settled::Done { reply: Reply::Ack(terms), .. }) => terms.config.map(|config| config.version),
                Ok(Settled::Done { reply: Reply::Stored, .. }) => None,
                other => panic!("it is not accepted: {other:?}"),
            }
        };
        assert_eq!(quiet(1, None), None);
        assert_eq!(quiet(1, Some(7)), Some(7));
    }
}
