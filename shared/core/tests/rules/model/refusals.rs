//! What must be true if the sender of an event is told that it is refused.

use rollcall_core::{Connection, CredentialVersion, Event, EventKind, Node, Refusal, Registration, Reply, Settled};

use super::check::{Check, hold};
use super::world::World;

/// Whether the reason of a refusal is true of the node as it was stored. How long a node must slow down is checked with
/// its budget.
pub fn are_true(before: Option<&Node>, event: &Event, settled: &Settled, world: &World) -> Check {
    let Settled::Done { reply: Reply::Refused(refusal), .. } = settled else { return Ok(()) };
    let known =
        world.policy.registration == Registration::Open || before.is_some_and(|node| node.credentials.is_some());
    let held = before.and_then(|node| node.held.as_ref());
    let is_held = held.is_some_and(|held| Some(&held.connection) == connection(&event.kind));
    match refusal {
        Refusal::Unregistered => hold(!known, "only an unregistered node is told so"),
        Refusal::Revoked => hold(before.is_some_and(|node| node.revoked), "only a revoked node is told so"),
        Refusal::CredentialsOutdated { current } => {
            let outdated = credentials(&event.kind) < Some(*current);
            let stored = before.and_then(|node| node.credentials) == Some(*current);
            hold(outdated && stored, "only a token with an older credential version is called outdated")
        }
        Refusal::Superseded => {
            hold(held.is_some() && !is_held, "a connection is called superseded only if another one holds the node")
        }
        Refusal::Closed => {
            let closed = held.is_none_or(|held| is_held && held.closed.is_some());
            hold(known && closed, "a connection of a known node is called closed only if it does not hold it openly")
        }
        Refusal::StaleSeq { stored } => {
            let EventKind::CheckIn { seq, .. } = &event.kind else {
                return hold(false, "only check-ins are called stale");
            };
            let is_stored = before.and_then(|node| node.seq) == Some(*stored);
            hold(is_stored && seq < stored, "a check-in is called stale only if a higher number is stored")
        }
        Refusal::SlowDown { .. } => Ok(()),
        Refusal::Changed => hold(
            matches!(event.kind, EventKind::Expire { .. } | EventKind::Lost { .. }),
            "only a sweep is told that the node has changed",
        ),
    }
}

fn connection(kind: &EventKind) -> Option<&Connection> {
    match kind {
        EventKind::Connect { connection, .. }
        | EventKind::CheckIn { connection, .. }
        | EventKind::Ask { connection, .. }
        | EventKind::Disconnect { connection, .. } => Some(connection),
        _ => None,
    }
}

fn credentials(kind: &EventKind) -> Option<CredentialVersion> {
    match kind {
        EventKind::Connect { credentials, .. }
        | EventKind::CheckIn { credentials, .. }
        | EventKind::Ask { credentials, .. }
        | EventKind::Poll { credentials, .. } => Some(*credentials),
        _ => None,
    }
}
