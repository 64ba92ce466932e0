//! The writes of a connection's beginning and end.

use super::holder::{is, newer, open};
use crate::admission::{admitted, known};
use crate::attribute::Attribute as A;
use crate::budget;
use crate::clause::{Because, Clause};
use crate::clock::{connect_horizon, horizon};
use crate::event::{Connection, Event};
use crate::guard::Guard;
use crate::id::{ConnectionId, CredentialVersion, Instance};
use crate::item::Value;
use crate::key::due_shard;
use crate::limits::{CLOSE_REASON_BYTES, clip};
use crate::policy::Policy;
use crate::update::{Change, Update};

/// A connection that a node opens.
pub(super) struct Opened<'a> {
    pub(super) connection: &'a Connection,
    pub(super) credentials: CredentialVersion,
    pub(super) instance: Option<Instance>,
}

pub(super) fn connect(event: &Event, opened: &Opened<'_>, policy: &Policy) -> Update {
    let Opened { connection, credentials, instance } = opened;
    let id = Value::from(connection.id.as_str());
    let mut clauses = admitted(*credentials, policy);
    clauses.push(Clause::new(Because::Closed, Guard::Differs(A::Connection, id.clone())));
    clauses.push(Clause::new(Because::Superseded, newer(connection, connect_horizon(event))));
    clauses.extend(budget::within(event, policy));
    let none = || Value::from(0_u32);
    let mut changes = vec![
        Change::Copy { to: A::Previous, from: A::Connection, otherwise: id.clone() },
        Change::Copy { to: A::PreviousOpenedAt, from: A::OpenedAt, otherwise: none() },
        Change::Copy { to: A::PreviousClosedAt, from: A::ClosedAt, otherwise: none() },
        Change::Copy { to: A::PreviousInstance, from: A::Instance, otherwise: none() },
        Change::Set(A::Connection, id),
        Change::Set(A::OpenedAt, connection.opened_at.0.into()),
        Change::Set(A::ConnectionCredentials, credentials.0.into()),
        Change::set_or_remove(A::Instance, instance.map(|instance| instance.0.into())),
        Change::SetIfMissing(A::OnlineSince, connection.opened_at.0.into()),
        Change::Set(A::CredentialVersion, credentials.0.into()),
        token_end(event),
    ];
    changes.extend(
        [A::OfflineSince, A::ClosedAt, A::CloseCode, A::CloseReason, A::Seq, A::Polls, A::Due, A::DueShard]
            .map(Change::Remove),
    );
    changes.extend(budget::spend(event, 0, policy));
    Update::of_node(&event.node, clauses, Guard::All(vec![is(&connection.id), open()]), changes)
}

/// The end of the token that the node came with now.
pub(super) fn token_end(event: &Event) -> Change {
    Change::set_or_remove(A::TokenEnds, event.token_ends.map(|ends| (ends.0 / 1000).into()))
}

pub(super) fn disconnect(
    event: &Event,
    connection: &Connection,
    code: Option<u16>,
    reason: Option<&str>,
    policy: &Policy,
) -> Update {
    let (at, id) = (event.at, Value::from(connection.id.as_str()));
    let holds_or_newer = Guard::Any(vec![is(&connection.id), newer(connection, horizon(event))]);
    let mut clauses = known(policy);
    clauses.push(Clause::new(Because::Closed, Guard::Any(vec![Guard::Differs(A::Connection, id.clone()), open()])));
    clauses.push(Clause::new(Because::Superseded, holds_or_newer));
    let already_applied = Guard::All(vec![is(&connection.id), Guard::Equal(A::ClosedAt, at.0.into())]);
    let mut changes = vec![
        Change::Set(A::Connection, id),
        Change::Set(A::OpenedAt, connection.opened_at.0.into()),
        Change::Set(A::ClosedAt, at.0.into()),
        Change::Set(A::Due, at.plus_seconds(policy.grace).0.into()),
        Change::Set(A::DueShard, due_shard(&event.node).into()),
    ];
    let reason = reason.map(|reason| clip(reason, CLOSE_REASON_BYTES)).filter(|reason| !reason.is_empty());
    changes.push(Change::set_or_remove(A::CloseCode, code.map(|code| u64::from(code).into())));
    changes.push(Change::set_or_remove(A::CloseReason, reason.map(Into::into)));
    Update::of_node(&event.node, clauses, already_applied, changes)
}

pub(super) fn taken_over(event: &Event, connection: &ConnectionId, before: u64) -> Update {
    let at = Value::from(event.at.0);
    let clauses = vec![Clause::new(Because::HolderChanged, is(connection))];
    let already_applied = Guard::All(vec![is(connection), Guard::Equal(A::TakenOverAt, at.clone())]);
    let changes = vec![Change::Set(A::Takeovers, (before + 1).into()), Change::Set(A::TakenOverAt, at)];
    Update::of_node(&event.node, clauses, already_applied, changes)
}
