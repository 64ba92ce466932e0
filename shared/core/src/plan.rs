//! Turns an event into its one guarded write.

mod connection;
mod holder;
mod message;
mod sweep;

use crate::event::{Event, EventKind};
use crate::policy::Policy;
use crate::update::Update;

use self::connection::{Opened, connect, disconnect, taken_over};
use self::holder::{open, open_or_closed_since};
use self::message::{Message, check_in, count, excess, poll};
use self::sweep::{expire, lost};

/// The one guarded write that an event asks for.
///
/// Nothing is decided here. The condition is evaluated against the stored item by whoever stores it, in one step with
/// the write. [`settle`](crate::settle()) says what follows.
pub fn plan(event: &Event, policy: &Policy) -> Update {
    match &event.kind {
        EventKind::Connect { connection, credentials, instance } => {
            connect(event, &Opened { connection, credentials: *credentials, instance: *instance }, policy)
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
        EventKind::TakenOver { connection, before } => taken_over(event, connection, *before),
        EventKind::Disconnect { connection, code, reason } => {
            disconnect(event, connection, *code, reason.as_deref(), policy)
        }
        EventKind::Poll { credentials, report, results } => poll(event, *credentials, report, *results, policy),
        EventKind::Expire { found } => expire(event, found, policy),
        EventKind::Lost { found } => lost(event, found),
    }
}
