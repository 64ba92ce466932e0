//! From an event to its one guarded write.

use crate::attribute::{Attribute, ItemKey, Value, due_shard};
use crate::event::{Connection, Event, EventKind, Found};
use crate::guard::Guard;
use crate::id::{CredentialVersion, NodeId, Timestamp};
use crate::limits::{CLOSE_REASON_BYTES, clip};
use crate::policy::{Policy, Registration};
use crate::report::{ConfigState, Report};
use crate::update::{Change, Update};
use Attribute as A;

/// What is stored as the reason of a close that a sweep concluded.
const REASON_LOST: &str = "lost";

/// The one guarded write that an event asks for.
///
/// What the guard refuses is never decided here, but by whoever evaluates it against the stored item, in one step with
/// the write. [`settle`](crate::settle()) says what follows.
pub fn plan(event: &Event, policy: &Policy) -> Update {
    let at = event.at;
    let (guard, made, changes) = match &event.kind {
        EventKind::Connect { connection, credentials } => connect(connection, *credentials, policy),
        EventKind::CheckIn { connection, seq, report, .. } => check_in(at, connection, *seq, report),
        EventKind::Disconnect { connection, code, reason } => {
            disconnect(at, &event.node, connection, *code, reason.as_deref(), policy)
        }
        EventKind::Poll { credentials, report } => poll(at, *credentials, report, policy),
        EventKind::Expire { found } => expire(at, found),
        EventKind::Lost { found } => lost(at, found),
    };
    let (guard, made) = (Guard::All(guard), Guard::All(made));
    Update { node: event.node.clone(), item: ItemKey::Node, guard, made, changes }
}

type Parts = (Vec<Guard>, Vec<Guard>, Vec<Change>);

fn connect(connection: &Connection, credentials: CredentialVersion, policy: &Policy) -> Parts {
    let guard = vec![registered(policy), Guard::Missing(A::Revoked), current(credentials), newer(connection)];
    let changes = vec![
        Change::Copy { to: A::Previous, from: A::Connection, otherwise: connection.id.as_str().into() },
        Change::Set(A::Connection, connection.id.as_str().into()),
        Change::Set(A::OpenedAt, connection.opened_at.0.into()),
        Change::SetIfMissing(A::OnlineSince, connection.opened_at.0.into()),
        Change::Set(A::CredentialVersion, credentials.0.into()),
        Change::Remove(A::OfflineSince),
        Change::Remove(A::ClosedAt),
        Change::Remove(A::CloseCode),
        Change::Remove(A::CloseReason),
        Change::Remove(A::Seq),
        Change::Remove(A::Polls),
        Change::Remove(A::Due),
        Change::Remove(A::DueShard),
    ];
    (guard, vec![is(connection), open()], changes)
}

fn check_in(at: Timestamp, connection: &Connection, seq: u64, report: &Report) -> Parts {
    let guard = vec![
        is(connection),
        open(),
        Guard::Missing(A::Revoked),
        Guard::Any(vec![Guard::Missing(A::Seq), Guard::Less(A::Seq, seq.into())]),
        seen_no_later_than(at),
    ];
    let made = vec![is(connection), Guard::Equal(A::Seq, seq.into()), Guard::Equal(A::Seen, at.0.into())];
    let mut changes = vec![Change::Set(A::Seen, at.0.into()), Change::Set(A::Seq, seq.into())];
    changes.extend(reported(report));
    (guard, made, changes)
}

fn disconnect(
    at: Timestamp,
    node: &NodeId,
    connection: &Connection,
    code: Option<u16>,
    reason: Option<&str>,
    policy: &Policy,
) -> Parts {
    let guard = vec![registered(policy), Guard::Any(vec![Guard::All(vec![is(connection), open()]), newer(connection)])];
    let made = vec![is(connection), Guard::Equal(A::ClosedAt, at.0.into())];
    let mut changes = vec![
        Change::Set(A::Connection, connection.id.as_str().into()),
        Change::Set(A::OpenedAt, connection.opened_at.0.into()),
        Change::Set(A::ClosedAt, at.0.into()),
        Change::Set(A::Due, at.plus_seconds(policy.grace).0.into()),
        Change::Set(A::DueShard, due_shard(node).into()),
    ];
    let reason = reason.map(|reason| clip(reason, CLOSE_REASON_BYTES)).filter(|reason| !reason.is_empty());
    changes.push(set_or_remove(A::CloseCode, code.map(|code| u64::from(code).into())));
    changes.push(set_or_remove(A::CloseReason, reason.map(Into::into)));
    (guard, made, changes)
}

fn poll(at: Timestamp, credentials: CredentialVersion, report: &Report, policy: &Policy) -> Parts {
    let guard = vec![registered(policy), Guard::Missing(A::Revoked), current(credentials), seen_no_later_than(at)];
    let made = vec![Guard::Equal(A::Seen, at.0.into()), Guard::Exists(A::Polls)];
    let mut changes = vec![
        Change::Set(A::Seen, at.0.into()),
        Change::Set(A::Polls, 1_u32.into()),
        Change::SetIfMissing(A::OnlineSince, at.0.into()),
        Change::Set(A::CredentialVersion, credentials.0.into()),
        Change::Remove(A::OfflineSince),
        Change::Remove(A::Due),
        Change::Remove(A::DueShard),
    ];
    changes.extend(reported(report));
    (guard, made, changes)
}

/// Only a closed node has a due, and a poll takes it away, so that the guard needn't ask about either.
///
/// A node that polls is not offline because its socket closed: only the suspicion goes, and the slow scan notices
/// polls that stay away.
fn expire(at: Timestamp, found: &Found) -> Parts {
    let guard = vec![connection_as(found), Guard::AtMost(A::Due, at.0.into())];
    let mut made = vec![connection_as(found), Guard::Missing(A::Due), polls_as(found)];
    let mut changes = vec![Change::Remove(A::Due), Change::Remove(A::DueShard)];
    if !found.polls {
        made.push(Guard::Missing(A::OnlineSince));
        changes.push(Change::SetIfMissing(A::OfflineSince, at.0.into()));
        changes.push(Change::Remove(A::OnlineSince));
    }
    (guard, made, changes)
}

fn lost(at: Timestamp, found: &Found) -> Parts {
    let seen = Guard::same(A::Seen, found.seen.map(|seen| seen.0.into()));
    let still_open =
        if found.open { open() } else { Guard::Any(vec![Guard::Exists(A::ClosedAt), Guard::Missing(A::Connection)]) };
    let guard = vec![connection_as(found), still_open, seen.clone(), polls_as(found)];
    let made = vec![connection_as(found), seen, Guard::Missing(A::OnlineSince), Guard::Missing(A::Polls)];
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
    (guard, made, changes)
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

fn newer(connection: &Connection) -> Guard {
    let opened_at = || Value::from(connection.opened_at.0);
    Guard::Any(vec![
        Guard::Missing(A::Connection),
        Guard::Less(A::OpenedAt, opened_at()),
        Guard::All(vec![
            Guard::Equal(A::OpenedAt, opened_at()),
            Guard::Less(A::Connection, connection.id.as_str().into()),
        ]),
    ])
}

fn seen_no_later_than(at: Timestamp) -> Guard {
    Guard::Any(vec![Guard::Missing(A::Seen), Guard::AtMost(A::Seen, at.0.into())])
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
    let mut changes: Vec<_> = [
        (A::Firmware, report.firmware().map(Value::from)),
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
        // Who rejects one goes on with what it ran before.
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
