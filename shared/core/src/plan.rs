//! Turns an event into its one guarded write.

use crate::attribute::Attribute;
use crate::budget;
use crate::clock::{SKEW_S, beyond, connect_horizon, horizon};
use crate::event::{Connection, Event, EventKind, Found};
use crate::guard::Guard;
use crate::id::{ConnectionId, CredentialVersion, Instance, Timestamp};
use crate::item::Value;
use crate::key::{Key, due_shard};
use crate::limits::{CLOSE_REASON_BYTES, clip};
use crate::policy::{Policy, Registration};
use crate::report::{ConfigState, Report, UpdateState};
use crate::update::{Change, Update};
use Attribute as A;

/// The stored close reason of a connection that the slow scan found to be lost.
const REASON_LOST: &str = "lost";

/// The one guarded write that an event asks for.
///
/// Nothing is decided here. The guard is evaluated against the stored item by whoever stores it, in one step with the
/// write. [`settle`](crate::settle()) says what follows.
pub fn plan(event: &Event, policy: &Policy) -> Update {
    let at = event.at;
    let (guard, already_applied, changes) = match &event.kind {
        EventKind::Connect { connection, credentials, instance } => {
            connect(event, connection, *credentials, *instance, policy)
        }
        EventKind::CheckIn { connection, credentials, received, seq, report, results, .. } => {
            let message = Message { connection, credentials: *credentials, results: *results };
            check_in(event, &message, *received, *seq, report, policy)
        }
        EventKind::Ask { connection, credentials } => {
            let message = Message { connection, credentials: *credentials, results: 0 };
            count(event, &message, open(), policy)
        }
        EventKind::Stale { connection, credentials, received, results, .. } => {
            let message = Message { connection, credentials: *credentials, results: *results };
            count(event, &message, open_or_closed_since(*received), policy)
        }
        EventKind::Excess { offences, blocked_until } => excess(event, *offences, *blocked_until),
        EventKind::TakenOver { connection, before } => taken_over(at, connection, *before),
        EventKind::Disconnect { connection, code, reason } => {
            disconnect(event, connection, *code, reason.as_deref(), policy)
        }
        EventKind::Poll { credentials, report, results } => poll(event, *credentials, report, *results, policy),
        EventKind::Expire { found } => expire(at, found, policy),
        EventKind::Lost { found } => lost(at, found),
    };
    let (guard, already_applied) = (Guard::All(guard), Guard::All(already_applied));
    Update { key: Key::Node(event.node.clone()), guard, already_applied, changes }
}

type Parts = (Vec<Guard>, Vec<Guard>, Vec<Change>);

/// A message of a connection.
struct Message<'a> {
    connection: &'a Connection,
    credentials: CredentialVersion,
    results: u32,
}

fn connect(
    event: &Event,
    connection: &Connection,
    credentials: CredentialVersion,
    instance: Option<Instance>,
    policy: &Policy,
) -> Parts {
    let newer = newer(connection, connect_horizon(event));
    let mut guard = vec![registered(policy), Guard::Missing(A::Revoked), current(credentials), newer];
    guard.extend(budget::within(event, policy));
    let none = || Value::from(0_u32);
    let mut changes = vec![
        Change::Copy { to: A::Previous, from: A::Connection, otherwise: connection.id.as_str().into() },
        Change::Copy { to: A::PreviousOpenedAt, from: A::OpenedAt, otherwise: none() },
        Change::Copy { to: A::PreviousClosedAt, from: A::ClosedAt, otherwise: none() },
        Change::Copy { to: A::PreviousInstance, from: A::Instance, otherwise: none() },
        Change::Set(A::Connection, connection.id.as_str().into()),
        Change::Set(A::OpenedAt, connection.opened_at.0.into()),
        Change::Set(A::ConnectionCredentials, credentials.0.into()),
        set_or_remove(A::Instance, instance.map(|instance| instance.0.into())),
        Change::SetIfMissing(A::OnlineSince, connection.opened_at.0.into()),
        Change::Set(A::CredentialVersion, credentials.0.into()),
    ];
    changes.extend(
        [A::OfflineSince, A::ClosedAt, A::CloseCode, A::CloseReason, A::Seq, A::Polls, A::Due, A::DueShard]
            .map(Change::Remove),
    );
    changes.extend(budget::spend(event, 0, policy));
    (guard, vec![is(connection), open()], changes)
}

/// A repeated sequence number is the same check-in, sent again because its answer was lost. It is stored again.
fn check_in(
    event: &Event,
    message: &Message<'_>,
    received: Timestamp,
    seq: u64,
    report: &Report,
    policy: &Policy,
) -> Parts {
    let at = event.at;
    let mut guard = speaks_for_the_node(message, open_or_closed_since(received));
    guard.push(Guard::Any(vec![Guard::Missing(A::Seq), Guard::AtMost(A::Seq, seq.into())]));
    guard.push(seen_no_later_than(event));
    guard.extend(budget::within(event, policy));
    let mut changes = budget::spend(event, message.results, policy);
    let already_applied =
        vec![is(message.connection), Guard::Equal(A::Seq, seq.into()), Guard::Equal(A::Seen, at.0.into())];
    changes.extend([Change::Set(A::Seen, at.0.into()), Change::Set(A::Seq, seq.into())]);
    changes.extend(reported(report));
    (guard, already_applied, changes)
}

/// Counts a message of the connection that holds the node.
fn count(event: &Event, message: &Message<'_>, open: Guard, policy: &Policy) -> Parts {
    let mut guard = speaks_for_the_node(message, open);
    guard.extend(budget::within(event, policy));
    // If the answer to this write is lost, the message is counted twice, which does no harm. A write needs a change,
    // also if there is no budget to count for.
    let mut changes = budget::spend(event, message.results, policy);
    if changes.is_empty() {
        changes.push(Change::Set(A::Connection, message.connection.id.as_str().into()));
    }
    (guard, vec![Guard::NEVER], changes)
}

fn speaks_for_the_node(message: &Message<'_>, open: Guard) -> Vec<Guard> {
    vec![is(message.connection), open, Guard::Missing(A::Revoked), current(message.credentials)]
}

fn excess(event: &Event, offences: Option<u64>, blocked_until: Option<Timestamp>) -> Parts {
    let guard = vec![
        Guard::same(A::Offences, offences.map(Value::from)),
        Guard::same(A::BlockedUntil, blocked_until.map(|until| until.0.into())),
    ];
    let (offences, until) = budget::blocked_anew(event, offences, blocked_until);
    let blocked = [(A::Offences, Value::from(offences)), (A::BlockedUntil, Value::from(until.0))];
    let already_applied = blocked.iter().map(|(attribute, value)| Guard::Equal(*attribute, value.clone())).collect();
    (guard, already_applied, blocked.map(|(attribute, value)| Change::Set(attribute, value)).to_vec())
}

fn taken_over(at: Timestamp, connection: &ConnectionId, before: u64) -> Parts {
    let is = Guard::Equal(A::Connection, connection.as_str().into());
    let already_applied = vec![is.clone(), Guard::Equal(A::TakenOverAt, at.0.into())];
    let changes = vec![Change::Set(A::Takeovers, (before + 1).into()), Change::Set(A::TakenOverAt, at.0.into())];
    (vec![is], already_applied, changes)
}

fn disconnect(
    event: &Event,
    connection: &Connection,
    code: Option<u16>,
    reason: Option<&str>,
    policy: &Policy,
) -> Parts {
    let at = event.at;
    let held_or_newer = vec![Guard::All(vec![is(connection), open()]), newer(connection, horizon(event))];
    let guard = vec![registered(policy), Guard::Any(held_or_newer)];
    let already_applied = vec![is(connection), Guard::Equal(A::ClosedAt, at.0.into())];
    let mut changes = vec![
        Change::Set(A::Connection, connection.id.as_str().into()),
        Change::Set(A::OpenedAt, connection.opened_at.0.into()),
        Change::Set(A::ClosedAt, at.0.into()),
        Change::Set(A::Due, at.plus_seconds(policy.grace).0.into()),
        Change::Set(A::DueShard, due_shard(&event.node).into()),
    ];
    let reason = reason.map(|reason| clip(reason, CLOSE_REASON_BYTES)).filter(|reason| !reason.is_empty());
    changes.push(set_or_remove(A::CloseCode, code.map(|code| u64::from(code).into())));
    changes.push(set_or_remove(A::CloseReason, reason.map(Into::into)));
    (guard, already_applied, changes)
}

fn poll(event: &Event, credentials: CredentialVersion, report: &Report, results: u32, policy: &Policy) -> Parts {
    let at = event.at;
    let mut guard =
        vec![registered(policy), Guard::Missing(A::Revoked), current(credentials), seen_no_later_than(event)];
    guard.extend(budget::within(event, policy));
    let already_applied = vec![Guard::Equal(A::Seen, at.0.into()), Guard::Exists(A::Polls)];
    let mut changes = vec![
        Change::Set(A::Seen, at.0.into()),
        Change::Set(A::Polls, 1_u32.into()),
        Change::SetIfMissing(A::OnlineSince, at.0.into()),
        Change::Set(A::CredentialVersion, credentials.0.into()),
        Change::Remove(A::OfflineSince),
        Change::Remove(A::Due),
        Change::Remove(A::DueShard),
    ];
    changes.extend(budget::spend(event, results, policy));
    changes.extend(reported(report));
    (guard, already_applied, changes)
}

/// Only a closed node has a `due`, and a poll removes it, so that the guard need not check either.
///
/// A node that polls does not go offline when its connection closes: only `due` is removed. The slow scan finds nodes
/// that have stopped polling.
fn expire(at: Timestamp, found: &Found, policy: &Policy) -> Parts {
    let over = Guard::Any(vec![
        Guard::AtMost(A::Due, at.0.into()),
        beyond(A::Due, at.plus_seconds(SKEW_S).plus_seconds(policy.grace)),
    ]);
    let guard = vec![connection_as(found), over];
    let mut already_applied = vec![connection_as(found), Guard::Missing(A::Due), polls_as(found)];
    let mut changes = vec![Change::Remove(A::Due), Change::Remove(A::DueShard)];
    if !found.polls {
        already_applied.push(Guard::Missing(A::OnlineSince));
        changes.push(Change::SetIfMissing(A::OfflineSince, at.0.into()));
        changes.push(Change::Remove(A::OnlineSince));
    }
    (guard, already_applied, changes)
}

fn lost(at: Timestamp, found: &Found) -> Parts {
    let seen = Guard::same(A::Seen, found.seen.map(|seen| seen.0.into()));
    let still_open =
        if found.open { open() } else { Guard::Any(vec![Guard::Exists(A::ClosedAt), Guard::Missing(A::Connection)]) };
    let guard = vec![connection_as(found), still_open, seen.clone(), polls_as(found)];
    let already_applied = vec![connection_as(found), seen, Guard::Missing(A::OnlineSince), Guard::Missing(A::Polls)];
    let mut changes = vec![
        Change::SetIfMissing(A::OfflineSince, at.0.into()),
        Change::Remove(A::OnlineSince),
        Change::Remove(A::Polls),
        Change::Remove(A::Due),
        Change::Remove(A::DueShard),
    ];
    if found.open {
        changes.push(Change::Set(A::ClosedAt, at.0.into()));
        changes.push(Change::Set(A::CloseReason, REASON_LOST.into()));
        changes.push(Change::Remove(A::CloseCode));
    }
    (guard, already_applied, changes)
}

fn registered(policy: &Policy) -> Guard {
    match policy.registration {
        Registration::Open => Guard::All(vec![]),
        Registration::Closed => Guard::Exists(A::CredentialVersion),
    }
}

fn current(credentials: CredentialVersion) -> Guard {
    Guard::Any(vec![Guard::Missing(A::CredentialVersion), Guard::AtMost(A::CredentialVersion, credentials.0.into())])
}

fn is(connection: &Connection) -> Guard {
    Guard::Equal(A::Connection, connection.id.as_str().into())
}

fn open() -> Guard {
    Guard::Missing(A::ClosedAt)
}

/// The connection is open, or closed after API Gateway got this message. The `$disconnect` may be handled before the
/// message.
fn open_or_closed_since(received: Timestamp) -> Guard {
    let received = Timestamp(received.0.saturating_sub(u64::from(SKEW_S) * 1000));
    Guard::Any(vec![open(), Guard::AtLeast(A::ClosedAt, received.0.into())])
}

/// The connection opened after the stored one, or the stored one opened in the future, by a wrong clock. A connection
/// that itself opened in the future only replaces one that did so, too.
fn newer(connection: &Connection, horizon: Timestamp) -> Guard {
    let opened_at = || Value::from(connection.opened_at.0);
    let id = || Value::from(connection.id.as_str());
    let mut newer = vec![
        Guard::Missing(A::Connection),
        Guard::All(vec![beyond(A::OpenedAt, horizon), Guard::Differs(A::Connection, id())]),
    ];
    if connection.opened_at <= horizon {
        newer.push(Guard::Less(A::OpenedAt, opened_at()));
        newer.push(Guard::All(vec![Guard::Equal(A::OpenedAt, opened_at()), Guard::Less(A::Connection, id())]));
    }
    Guard::Any(newer)
}

fn seen_no_later_than(event: &Event) -> Guard {
    let at = Value::from(event.at.0);
    Guard::Any(vec![Guard::Missing(A::Seen), Guard::AtMost(A::Seen, at), beyond(A::Seen, horizon(event))])
}

fn connection_as(found: &Found) -> Guard {
    Guard::same(A::Connection, found.connection.as_ref().map(|id| id.as_str().into()))
}

fn polls_as(found: &Found) -> Guard {
    if found.polls { Guard::Exists(A::Polls) } else { Guard::Missing(A::Polls) }
}

fn set_or_remove(attribute: Attribute, value: Option<Value>) -> Change {
    value.map_or(Change::Remove(attribute), |value| Change::Set(attribute, value))
}

fn reported(report: &Report) -> Vec<Change> {
    let health = report.health();
    // A node that reports that it runs a version, and says nothing else of what it runs, runs that version.
    let applied = report.update().filter(|update| update.state == UpdateState::Applied);
    let firmware = report.firmware().or_else(|| applied.map(|update| update.version.as_str()));
    let mut changes: Vec<_> = [
        (A::Firmware, firmware.map(Value::from)),
        (A::Uptime, health.uptime_s.map(Value::from)),
        (A::Load, health.load_percent.map(Value::from)),
        (A::MemoryFree, health.memory_free_kib.map(Value::from)),
        (A::Clients, health.clients.map(Value::from)),
    ]
    .into_iter()
    .filter_map(|(attribute, value)| value.map(|value| Change::Set(attribute, value)))
    .collect();
    if let Some(config) = report.config() {
        changes.push(Change::Set(A::ConfigVersion, config.version.into()));
        changes.push(Change::Set(A::ConfigState, config.state.as_str().into()));
        changes.push(set_or_remove(A::ConfigDetail, config.detail.as_deref().map(Value::from)));
        // A node that rejects a configuration keeps running the one before.
        if config.state != ConfigState::Rejected {
            changes.push(Change::Set(A::AppliedVersion, config.version.into()));
        }
    }
    if let Some(update) = report.update() {
        changes.push(Change::Set(A::UpdateVersion, update.version.as_str().into()));
        changes.push(Change::Set(A::UpdateState, update.state.as_str().into()));
        changes.push(set_or_remove(A::UpdateDetail, update.detail.as_deref().map(Value::from)));
    }
    changes
}
