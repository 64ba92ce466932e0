//! The writes of what a sweep concluded.

use super::holder::open;
use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::clock::{SKEW_S, beyond};
use crate::event::{Event, Found};
use crate::guard::Guard;
use crate::policy::Policy;
use crate::sweep::REASON_LOST;
use crate::update::{Change, Update};

/// Only a closed node has a `due`, and a poll removes it, so that the condition need not say either.
///
/// A node that polls does not go offline when its connection closes: only `due` is removed. The slow scan finds nodes
/// that have stopped polling.
pub(super) fn expire(event: &Event, found: &Found, policy: &Policy) -> Update {
    let at = event.at;
    let over = Guard::Any(vec![
        Guard::AtMost(A::Due, at.0.into()),
        beyond(A::Due, at.plus_seconds(SKEW_S).plus_seconds(policy.grace)),
    ]);
    let clauses = vec![Clause::new(Because::HolderChanged, held_as(found)), Clause::new(Because::NotDue, over)];
    let mut already_applied = vec![held_as(found), Guard::Missing(A::Due), polls_as(found)];
    let mut changes = vec![Change::Remove(A::Due), Change::Remove(A::DueShard)];
    if !found.polls {
        already_applied.push(Guard::Missing(A::OnlineSince));
        changes.push(Change::SetIfMissing(A::OfflineSince, at.0.into()));
        changes.push(Change::Remove(A::OnlineSince));
    }
    Update::of_node(&event.node, clauses, Guard::All(already_applied), changes)
}

pub(super) fn lost(event: &Event, found: &Found) -> Update {
    let at = event.at;
    let seen = Guard::same(A::Seen, found.seen.map(|seen| seen.0.into()));
    let open_as =
        if found.open { open() } else { Guard::Any(vec![Guard::Exists(A::ClosedAt), Guard::Missing(A::Connection)]) };
    let clauses = vec![
        Clause::new(Because::HolderChanged, held_as(found)),
        Clause::new(Because::OpenChanged, open_as),
        Clause::new(Because::SeenChanged, seen.clone()),
        Clause::new(Because::PollsChanged, polls_as(found)),
    ];
    let already_applied = vec![held_as(found), seen, Guard::Missing(A::OnlineSince), Guard::Missing(A::Polls)];
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
    Update::of_node(&event.node, clauses, Guard::All(already_applied), changes)
}

fn held_as(found: &Found) -> Guard {
    Guard::same(A::Connection, found.connection.as_ref().map(|id| id.as_str().into()))
}

fn polls_as(found: &Found) -> Guard {
    if found.polls { Guard::Exists(A::Polls) } else { Guard::Missing(A::Polls) }
}
