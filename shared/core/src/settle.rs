//! What follows from an event, once its write has answered.

use crate::budget::blocked_until;
use crate::event::{Event, EventKind};
use crate::explain::{Follows, follows, slow_down};
use crate::id::NodeId;
use crate::item::{Item, Malformed};
use crate::node::{Node, Presence};
use crate::policy::{Policy, Seconds};
use crate::refusal::Refusal;
use crate::settled::{AckTerms, Effect, Reply, Settled};
use crate::update::Outcome;

/// A reconnect was not planned if the connection that it replaces opened less than this ago, in seconds.
const SOON_S: Seconds = 600;
/// Takeovers are counted together if less than this time lies between two, in seconds.
const RECENTLY_S: Seconds = 3600;

/// An outcome that the rules have no explanation for: the store or its contents are broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SettleError {
    /// The stored item is unreadable.
    #[error("node {node} is unreadable")]
    Malformed {
        node: NodeId,
        /// What is wrong with the node's item.
        source: Malformed,
    },
    /// No clause of the write explains why the store refused it.
    #[error("the write for node {node} was refused for no reason that it has")]
    Unexplained { node: NodeId },
}

/// What follows from an event, once its write has answered.
///
/// # Errors
/// If the stored item is unreadable, or the refusal is not explained.
pub fn settle(event: Event, outcome: Outcome, policy: &Policy) -> Result<Settled, SettleError> {
    match outcome {
        Outcome::Applied { after } => {
            let after = read(&event.node, &after)?;
            Ok(applied(&event, &after, policy))
        }
        Outcome::Refused { stored, because } => {
            let stored = stored.map(|item| read(&event.node, &item)).transpose()?;
            match because.and_then(|because| follows(&event, because, stored.as_ref(), policy)) {
                Some(Follows::Refused(refusal)) => Ok(refused(event, refusal, stored.as_ref())),
                Some(Follows::Again(instead)) => Ok(Settled::Again(*instead)),
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
        EventKind::Excess { .. } => refused(event.clone(), slow_down(event, after, false), Some(after)),
        _ => Settled::Done {
            reply: reply(event, after, policy),
            effects: effects(event, after),
            presence: new_presence(event, after),
            results: Some(after.command_numbers()),
        },
    }
}

fn reply(event: &Event, after: &Node, policy: &Policy) -> Reply {
    // A message that is delivered twice is acknowledged twice. If the node was refused in between, it is told no news.
    let is_served = event.kind.credentials().is_none_or(|credentials| after.accepts(credentials))
        && blocked_until(after, event.at, policy).is_none();
    let served = Some(after).filter(|_| is_served);
    let terms = |seq, reconnect_within| {
        Reply::Ack(AckTerms {
            seq,
            next_check_in: policy.check_in_every,
            reconnect_within,
            spread: policy.spread,
            config: served.and_then(Node::news).cloned(),
            commands: served.and_then(Node::open_commands),
            firmware: served.and_then(Node::firmware_news).map(str::to_owned),
        })
    };
    match &event.kind {
        // News is sent, whether the node asks for an answer or not.
        EventKind::CheckIn { connection, seq, ack, .. } if *ack || served.is_some_and(is_news) => {
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

/// Whether there is something that the node must be told. A firmware update that the node is at work on is no news.
fn is_news(after: &Node) -> bool {
    let firmware = after.firmware_news().is_some() && !after.is_updating();
    after.news().is_some() || after.open_commands().is_some() || firmware
}

/// The effects of a new connection. An open connection that it replaces is dismissed. If another instance had opened
/// that one a short time ago, two devices may use one token, and the takeover is counted.
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

/// The node's presence, if it began with this event. A presence that did not change keeps the earlier instant at which
/// it began.
fn new_presence(event: &Event, after: &Node) -> Option<Presence> {
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
    // The sender of a stale check-in holds the node, so its results are stored.
    let stale = matches!(refusal, Refusal::StaleSeq { .. });
    let results = stored.filter(|_| stale).map(Node::command_numbers);
    Settled::Done { reply: Reply::Refused(refusal), effects, presence: None, results }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Attribute as A;
    use crate::event::Connection;
    use crate::id::{CredentialVersion, Instance};
    use crate::item::Value;
    use crate::plan;
    use crate::policy::Registration;
    use crate::report::{ConfigOutcome, ConfigState, Health, Report};
    use crate::timestamp::Timestamp;

    #[test]
    fn a_connection_whose_node_was_deleted_is_told_that_it_is_not_registered_unless_it_may_register_itself() {
        for (registration, refusal) in
            [(Registration::Closed, Refusal::Unregistered), (Registration::Open, Refusal::Closed)]
        {
            let policy = Policy::new(registration, 6600, 300, 60, 0).expect("in range");
            let connection = Connection { id: "A".parse().expect("an id"), opened_at: Timestamp(1_000) };
            let (received, credentials) = (Timestamp(2_000), CredentialVersion(1));
            let kinds = [
                EventKind::CheckIn {
                    connection: connection.clone(),
                    credentials,
                    received,
                    seq: 1,
                    ack: true,
                    report: Report::default(),
                    results: 0,
                },
                EventKind::Ask { connection: connection.clone(), credentials },
            ];
            for kind in kinds {
                let event = Event::new("ap-1".parse().expect("an id"), received, kind);
                let outcome = plan(&event, &policy).apply(None);
                let expected = Settled::Done {
                    reply: Reply::Refused(refusal),
                    effects: vec![Effect::Dismiss(connection.id.clone(), refusal)],
                    presence: None,
                    results: None,
                };
                assert_eq!(settle(event, outcome, &policy), Ok(expected));
            }
        }
    }

    #[test]
    fn a_message_that_is_delivered_again_after_its_node_was_refused_is_acknowledged_without_news() {
        let policy = Policy::new(Registration::Open, 6600, 300, 60, 0).expect("in range");
        let connection = Connection { id: "A".parse().expect("an id"), opened_at: Timestamp(1_000) };
        let (credentials, received) = (CredentialVersion(1), Timestamp(2_000));
        let connect = EventKind::Connect { connection: connection.clone(), credentials, instance: None };
        let check_in = EventKind::CheckIn {
            connection,
            credentials,
            received,
            seq: 1,
            ack: true,
            report: Report::default(),
            results: 0,
        };
        let event = |kind| Event::new("ap-1".parse().expect("an id"), received, kind);
        let mut item = Item::from([
            (A::DesiredVersion, 1_u64.into()),
            (A::DesiredHash, "a".into()),
            (A::DesiredFirmware, "2.0".into()),
        ]);
        for kind in [connect, check_in.clone()] {
            let Outcome::Applied { after } = plan(&event(kind), &policy).apply(Some(&item)) else {
                panic!("the node is not refused yet")
            };
            item = after;
        }
        let told = |changed: Option<(A, Value)>| {
            let item = item.clone().into_iter().chain(changed).collect();
            let again = event(check_in.clone());
            match settle(again.clone(), plan(&again, &policy).apply(Some(&item)), &policy) {
                Ok(Settled::Done { reply: Reply::Ack(terms), .. }) => {
                    (terms.config.is_some(), terms.firmware.is_some())
                }
                other => panic!("it is stored, and not acknowledged: {other:?}"),
            }
        };
        assert_eq!(told(None), (true, true));
        for refused in [
            (A::Revoked, 1_u64.into()),
            (A::CredentialVersion, 2_u64.into()),
            (A::BlockedUntil, Value::Number(received.0 + 1)),
        ] {
            assert_eq!(told(Some(refused.clone())), (false, false), "{refused:?}");
        }
    }

    #[test]
    fn what_another_device_reported_of_a_configuration_hides_it_from_nobody() {
        let policy = Policy::new(Registration::Open, 6600, 300, 60, 0).expect("in range");
        let node = "ap-1".parse::<NodeId>().expect("an id");
        let connection = |id: &str, at| Connection { id: id.parse().expect("an id"), opened_at: Timestamp(at) };
        let mut item = Item::from([(A::DesiredVersion, 1_u64.into()), (A::DesiredHash, "a".into())]);
        let mut told = |id: &str, at, instance, reports: bool| {
            let (connection, credentials) = (connection(id, at), CredentialVersion(1));
            let connect =
                EventKind::Connect { connection: connection.clone(), credentials, instance: Some(Instance(instance)) };
            let config = ConfigOutcome { version: 1, state: ConfigState::Applied, detail: None };
            let report = Report::new(None, reports.then_some(config), Health::default());
            let (received, seq, ack, results) = (Timestamp(at), 1, false, 0);
            let check_in = EventKind::CheckIn { connection, credentials, received, seq, ack, report, results };
            let mut terms = None;
            for kind in [connect, check_in] {
                let event = Event::new(node.clone(), Timestamp(at), kind);
                let outcome = plan(&event, &policy).apply(Some(&item));
                if let Outcome::Applied { after } = &outcome {
                    item = after.clone();
                }
                if let Ok(Settled::Done { reply: Reply::Ack(ack), .. }) = settle(event, outcome, &policy) {
                    terms = ack.config.map(|config| config.version);
                }
            }
            terms
        };
        assert_eq!(told("A", 1_000, 7, false), Some(1));
        assert_eq!(told("B", 2_000, 8, true), None, "the clone has applied it");
        assert_eq!(told("C", 3_000, 7, false), Some(1), "the node itself has not");
        assert_eq!(told("D", 4_000, 7, true), None);
        assert_eq!(told("E", 5_000, 7, false), None, "the same run has connected again");
    }

    #[test]
    fn a_check_in_that_asks_for_no_answer_gets_one_while_there_is_news() {
        let policy = Policy::new(Registration::Open, 6600, 300, 60, 0).expect("in range");
        let connection = Connection { id: "A".parse().expect("an id"), opened_at: Timestamp(1_000) };
        let (node, at) = ("ap-1".parse::<NodeId>().expect("an id"), Timestamp(2_000));
        let event = |kind| Event::new(node.clone(), at, kind);
        let connect =
            EventKind::Connect { connection: connection.clone(), credentials: CredentialVersion(1), instance: None };
        let Outcome::Applied { after: mut item } = plan(&event(connect), &policy).apply(None) else {
            panic!("the connect is refused")
        };
        let mut answered_config = |seq, desired: Option<u64>| {
            if let Some(version) = desired {
                item.extend([(A::DesiredVersion, version.into()), (A::DesiredHash, "a".into())]);
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
                other => panic!("the check-in is not stored: {other:?}"),
            }
        };
        assert_eq!(answered_config(1, None), None);
        assert_eq!(answered_config(1, Some(7)), Some(7));
    }
}
