//! The writes of a node's messages.

use super::connection::token_end;
use super::holder::{is, open_or_closed_since};
use crate::admission::admitted;
use crate::attribute::Attribute as A;
use crate::budget;
use crate::clause::{Because, Clause};
use crate::clock::{beyond, horizon};
use crate::event::{Connection, Event};
use crate::guard::Guard;
use crate::id::CredentialVersion;
use crate::item::Value;
use crate::policy::Policy;
use crate::report::{ConfigState, Report, UpdateState};
use crate::timestamp::Timestamp;
use crate::update::{Change, Update};

/// A message of a connection.
pub(super) struct Message<'a> {
    pub(super) connection: &'a Connection,
    pub(super) credentials: CredentialVersion,
    /// How many results of commands came with it.
    pub(super) results: u32,
}

/// A repeated sequence number is the same check-in, sent again because its answer was lost. It is stored again.
pub(super) fn check_in(
    event: &Event,
    message: &Message<'_>,
    received: Timestamp,
    seq: u64,
    report: &Report,
    policy: &Policy,
) -> Update {
    let at = event.at;
    let mut clauses = speaks_for_the_node(message, open_or_closed_since(received), policy);
    clauses.extend(budget::within(event, policy));
    let not_stale = Guard::Any(vec![Guard::Missing(A::Seq), Guard::AtMost(A::Seq, seq.into())]);
    clauses.push(Clause::new(Because::StaleSeq, not_stale));
    clauses.push(seen_no_later_than(event));
    let already_applied =
        vec![is(&message.connection.id), Guard::Equal(A::Seq, seq.into()), Guard::Equal(A::Seen, at.0.into())];
    let mut changes = budget::spend(event, message.results, policy);
    changes.extend([Change::Set(A::Seen, at.0.into()), Change::Set(A::Seq, seq.into())]);
    changes.extend(reported(report));
    Update::of_node(&event.node, clauses, Guard::All(already_applied), changes)
}

/// Counts a message of the connection that holds the node, if that connection is `open`.
pub(super) fn count(event: &Event, message: &Message<'_>, open: Guard, policy: &Policy) -> Update {
    let mut clauses = speaks_for_the_node(message, open, policy);
    clauses.extend(budget::within(event, policy));
    // A write needs a change, also if there is no budget to count for.
    let mut changes = budget::spend(event, message.results, policy);
    if changes.is_empty() {
        changes.push(Change::Set(A::Connection, message.connection.id.as_str().into()));
    }
    // If the answer to this write is lost, the message is counted twice, which does no harm.
    Update::of_node(&event.node, clauses, Guard::NEVER, changes)
}

pub(super) fn excess(event: &Event, offences: Option<u64>, blocked_until: Option<Timestamp>) -> Update {
    let offences_as = Guard::same(A::Offences, offences.map(Value::from));
    let blocked_as = Guard::same(A::BlockedUntil, blocked_until.map(|until| until.0.into()));
    let clauses =
        vec![Clause::new(Because::OffencesChanged, offences_as), Clause::new(Because::BlockChanged, blocked_as)];
    let (offences, until) = budget::blocked_anew(event, offences, blocked_until);
    let blocked = [(A::Offences, Value::from(offences)), (A::BlockedUntil, Value::from(until.0))];
    let already_applied = blocked.iter().map(|(attribute, value)| Guard::Equal(*attribute, value.clone())).collect();
    let changes = blocked.map(|(attribute, value)| Change::Set(attribute, value)).to_vec();
    Update::of_node(&event.node, clauses, Guard::All(already_applied), changes)
}

pub(super) fn poll(
    event: &Event,
    credentials: CredentialVersion,
    report: &Report,
    results: u32,
    policy: &Policy,
) -> Update {
    let at = event.at;
    let mut clauses = admitted(credentials, policy);
    clauses.extend(budget::within(event, policy));
    clauses.push(seen_no_later_than(event));
    let reported = reported(report);
    // A late poll is planned again at the time of the one that is stored, so this time alone does not show which of them
    // made the changes. If both report the same, everything that either of them says is stored.
    let mut already_applied = vec![Guard::Equal(A::Seen, at.0.into()), Guard::Exists(A::Polls)];
    already_applied.extend(reported.iter().filter_map(Change::shown));
    let mut changes = vec![
        Change::Set(A::Seen, at.0.into()),
        Change::Set(A::Polls, 1_u32.into()),
        Change::SetIfMissing(A::OnlineSince, at.0.into()),
        Change::Set(A::CredentialVersion, credentials.0.into()),
        token_end(event),
        Change::Remove(A::OfflineSince),
        Change::Remove(A::Due),
        Change::Remove(A::DueShard),
    ];
    changes.extend(budget::spend(event, results, policy));
    changes.extend(reported);
    Update::of_node(&event.node, clauses, Guard::All(already_applied), changes)
}

/// A node that was deleted has neither credentials nor a connection. If registration is open, it registers itself with
/// its next connection.
fn speaks_for_the_node(message: &Message<'_>, open: Guard, policy: &Policy) -> Vec<Clause> {
    let mut clauses = admitted(message.credentials, policy);
    clauses.extend([
        Clause::new(Because::NeverConnected, Guard::Exists(A::Connection)),
        Clause::new(Because::Superseded, is(&message.connection.id)),
        Clause::new(Because::Closed, open),
    ]);
    clauses
}

fn seen_no_later_than(event: &Event) -> Clause {
    let at = Value::from(event.at.0);
    let guard = Guard::Any(vec![Guard::Missing(A::Seen), Guard::AtMost(A::Seen, at), beyond(A::Seen, horizon(event))]);
    Clause::new(Because::SeenLater, guard)
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
        changes.push(Change::set_or_remove(A::ConfigDetail, config.detail.as_deref().map(Value::from)));
        changes.push(Change::Copy { to: A::ConfigInstance, from: A::Instance, otherwise: 0_u32.into() });
        // A node that rejects a configuration keeps running the one before.
        if config.state != ConfigState::Rejected {
            changes.push(Change::Set(A::AppliedVersion, config.version.into()));
        }
    }
    if let Some(update) = report.update() {
        changes.push(Change::Set(A::UpdateVersion, update.version.as_str().into()));
        changes.push(Change::Set(A::UpdateState, update.state.as_str().into()));
        changes.push(Change::set_or_remove(A::UpdateDetail, update.detail.as_deref().map(Value::from)));
    }
    changes
}
