//! What follows from an event, once its write has answered.

use std::ops::RangeInclusive;

use crate::attribute::Item;
use crate::event::{Connection, Event, EventKind};
use crate::id::{ConnectionId, CredentialVersion, NodeId, Timestamp};
use crate::node::{Malformed, Node, Presence, WantedConfig};
use crate::policy::{Policy, Registration, Seconds};
use crate::update::Outcome;

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
    },
    /// The clock had stepped back behind what is stored: plan this event instead, which counts as of the stored time.
    Again(Event),
}

/// The answer to whoever caused an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is stored, and there is nothing to say.
    Stored,
    /// It is stored, and this is how to go on.
    Ack(AckTerms),
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
    /// Close a connection that the node has replaced.
    Close(ConnectionId),
    /// Tell a connection that it is not the node's, and close it.
    Dismiss(ConnectionId, Refusal),
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
    /// The sequence number repeats or goes back.
    #[error("the sequence number is not above {stored}")]
    StaleSeq {
        /// The last one that is stored.
        stored: u64,
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
            let effects = replaced(&event, &after).into_iter().map(Effect::Close).collect();
            let presence = turned(&event, &after);
            Ok(Settled::Done { reply: reply(&event, &after, policy), effects, presence })
        }
        Outcome::Refused { stored } => {
            let stored = stored.map(|item| read(&event.node, &item)).transpose()?;
            match why_refused(&event, stored.as_ref(), policy) {
                Some(Why::Because(refusal)) => Ok(refused(event, refusal)),
                Some(Why::ClockBehind(seen)) => Ok(Settled::Again(Event { at: seen, ..event })),
                None => Err(SettleError::Unexplained { node: event.node }),
            }
        }
    }
}

fn read(node: &NodeId, item: &Item) -> Result<Node, SettleError> {
    Node::read(item).map_err(|source| SettleError::Malformed { node: node.clone(), source })
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
        EventKind::CheckIn { .. }
        | EventKind::Connect { .. }
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

fn replaced(event: &Event, after: &Node) -> Option<ConnectionId> {
    match &event.kind {
        EventKind::Connect { .. } => after.open().and_then(|held| held.previous.clone()),
        _ => None,
    }
}

/// A presence that began with this event. It was not so before: what already is keeps the instant that it began at.
fn turned(event: &Event, after: &Node) -> Option<Presence> {
    let now = match &event.kind {
        EventKind::Connect { connection, .. } => connection.opened_at,
        EventKind::Poll { .. } | EventKind::Expire { .. } | EventKind::Lost { .. } => event.at,
        EventKind::CheckIn { .. } | EventKind::Disconnect { .. } => return None,
    };
    let (Presence::Online(since) | Presence::Offline(Some(since))) = after.presence else { return None };
    (since == now).then_some(after.presence)
}

fn refused(event: Event, refusal: Refusal) -> Settled {
    let effects = match event.kind {
        EventKind::CheckIn { connection, .. } if !matches!(refusal, Refusal::StaleSeq { .. }) => {
            vec![Effect::Dismiss(connection.id, refusal)]
        }
        _ => vec![],
    };
    Settled::Done { reply: Reply::Refused(refusal), effects, presence: None }
}

enum Why {
    Because(Refusal),
    ClockBehind(Timestamp),
}

fn why_refused(event: &Event, stored: Option<&Node>, policy: &Policy) -> Option<Why> {
    match &event.kind {
        EventKind::Connect { connection, credentials } => not_admitted(stored, *credentials, policy)
            .or_else(|| stored.and_then(|node| not_newest(node, connection)))
            .map(Why::Because),
        EventKind::CheckIn { connection, seq, .. } => match stored {
            None => Some(Why::Because(Refusal::Closed)),
            Some(node) if node.revoked => Some(Why::Because(Refusal::Revoked)),
            Some(node) => not_the_holder(node, connection)
                .or_else(|| node.seq.filter(|stored| seq <= stored).map(|stored| Refusal::StaleSeq { stored }))
                .map(Why::Because)
                .or_else(|| clock_behind(event.at, node)),
        },
        EventKind::Disconnect { connection, .. } => not_registered(stored, policy)
            .or_else(|| stored.and_then(|node| not_newest(node, connection)))
            .map(Why::Because),
        EventKind::Poll { credentials, .. } => {
            not_admitted(stored, *credentials, policy).map(Why::Because).or_else(|| clock_behind(event.at, stored?))
        }
        EventKind::Expire { .. } | EventKind::Lost { .. } => Some(Why::Because(Refusal::Changed)),
    }
}

fn not_registered(stored: Option<&Node>, policy: &Policy) -> Option<Refusal> {
    let registered = policy.registration == Registration::Open || stored.is_some_and(|node| node.credentials.is_some());
    (!registered).then_some(Refusal::Unregistered)
}

fn not_admitted(stored: Option<&Node>, credentials: CredentialVersion, policy: &Policy) -> Option<Refusal> {
    not_registered(stored, policy).or_else(|| {
        let node = stored?;
        if node.revoked {
            return Some(Refusal::Revoked);
        }
        node.credentials
            .filter(|current| credentials < *current)
            .map(|current| Refusal::CredentialsOutdated { current })
    })
}

fn not_newest(node: &Node, connection: &Connection) -> Option<Refusal> {
    let held = node.held.as_ref()?;
    if held.connection.id == connection.id {
        return held.closed.is_some().then_some(Refusal::Closed);
    }
    let order = |connection: &Connection| (connection.opened_at, connection.id.clone());
    (order(&held.connection) > order(connection)).then_some(Refusal::Superseded)
}

fn not_the_holder(node: &Node, connection: &Connection) -> Option<Refusal> {
    match &node.held {
        None => Some(Refusal::Closed),
        Some(held) if held.connection.id != connection.id => Some(Refusal::Superseded),
        Some(held) => held.closed.is_some().then_some(Refusal::Closed),
    }
}

fn clock_behind(at: Timestamp, node: &Node) -> Option<Why> {
    node.seen.filter(|seen| at < *seen).map(Why::ClockBehind)
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
        let event = |kind| Event { node: "ap-1".parse().expect("an id"), at: Timestamp(2_000), kind };
        let connect = EventKind::Connect { connection: connection.clone(), credentials: CredentialVersion(1) };
        let Outcome::Applied { after: mut item } = plan(&event(connect), &policy).apply(None) else {
            panic!("it is let in")
        };
        let mut quiet = |seq, wanted: Option<u64>| {
            if let Some(version) = wanted {
                item.extend([(A::WantedVersion, version.into()), (A::WantedHash, "a".into())]);
            }
            let connection = connection.clone();
            let check_in = event(EventKind::CheckIn { connection, seq, ack: false, report: Report::default() });
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
