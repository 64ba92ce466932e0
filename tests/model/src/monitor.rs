//! Watches each step: what a write changes, and what its sender is told. What it knows of the past, the rules do not.

use rollcall_core::{Attribute, EventKind, Item, Node, Refusal, Reply, Value};

use crate::fault::Fault;
use crate::process::{Deed, Landed, Planned, What};
use crate::socket::Socket;
use crate::state::State;
use crate::stored::Stored;
use crate::task::{Name, Task};
use crate::world::World;

/// Watches a write that changes the item. `what` is what was written for the task.
pub(crate) fn watch(state: &mut State, task: Task, what: &What, after: &Stored) -> Landed {
    let before = state.stored.clone();
    watch_holder(state, task, &before.node, &after.node);
    watch_report(state, task, &before.item, &after.item);
    watch_versions(state, &before.node, &after.node);
    state.faults.unless(after.node.seen >= before.node.seen, Fault::SeenWentBack);
    state.faults.unless(!(state.past.is_revoked && is_from_the_node(what)), Fault::RevokedStored);
    state.past.is_revoked |= after.node.revoked;
    let open = before.node.open().and_then(|held| Name::of(held.connection.id.as_str()));
    Landed { replaced: open.filter(|name| matches!(task, Task::Connect(newer) if newer != *name)) }
}

/// Watches what the sender of an event is told, and what is done before. `landed` is what its write changed.
pub(crate) fn watch_reply(state: &mut State, task: Task, reply: &Reply, deeds: &[Deed], landed: Option<Landed>) {
    let (past, name) = (state.past, task.connection());
    let is_told = matches!(reply, Reply::Ack(_) | Reply::Known(_));
    let was_stored = task.mark().is_some_and(|mark| past.stored & (1 << mark) != 0);
    if is_told && past.is_revoked {
        state.faults.unless(was_stored, Fault::RevokedTold);
        state.faults.unless(!is_news(reply), Fault::RevokedToldNews);
    }
    let is_replaced = name.is_some() && past.newest > name;
    state.faults.unless(!(is_told && is_replaced), Fault::ReplacedTold);
    state.faults.unless(was_stored || !matches!(reply, Reply::Ack(_)), Fault::AckedNotStored);
    if let Reply::Refused(refusal) = reply {
        let is_true = is_true(state, task, *refusal);
        state.faults.unless(is_true, Fault::UntrueRefusal);
        let is_dismissed = |name| deeds.contains(&Deed::Dismiss(name)) || !state.socket(name).is_open();
        let speaks = matches!(task, Task::CheckIn(..) | Task::Question(_));
        let is_left = speaks && !matches!(refusal, Refusal::StaleSeq { .. }) && !name.is_none_or(is_dismissed);
        state.faults.unless(!is_left, Fault::NotDismissed);
    }
    if let (Task::Connect(_), Reply::Stored, Some(Landed { replaced: Some(replaced) })) = (task, reply, landed) {
        state.faults.unless(deeds.contains(&Deed::Dismiss(replaced)), Fault::ReplacedNotDismissed);
    }
}

/// Whether the node itself sent what is written.
fn is_from_the_node(what: &What) -> bool {
    let What::Event(Planned(event)) = what else { return false };
    match event.kind {
        EventKind::Connect { .. }
        | EventKind::CheckIn { .. }
        | EventKind::Ask { .. }
        | EventKind::Stale { .. }
        | EventKind::Excess { .. }
        | EventKind::Poll { .. } => true,
        EventKind::TakenOver { .. }
        | EventKind::Disconnect { .. }
        | EventKind::Expire { .. }
        | EventKind::Lost { .. } => false,
    }
}

/// Whether the answer tells more than that a check-in is stored.
fn is_news(reply: &Reply) -> bool {
    match reply {
        Reply::Ack(terms) => terms.config.is_some() || terms.commands.is_some() || terms.firmware.is_some(),
        Reply::Known(_) => true,
        Reply::Stored | Reply::Refused(_) => false,
    }
}

fn holder(node: &Node) -> Option<Name> {
    node.held.as_ref().and_then(|held| Name::of(held.connection.id.as_str()))
}

fn watch_holder(state: &mut State, task: Task, before: &Node, after: &Node) {
    let held = holder(after);
    state.faults.unless(held >= state.past.newest, Fault::OlderHolds);
    let speaks = matches!(task, Task::CheckIn(..) | Task::Question(_));
    let is_replaced = speaks && state.past.newest > task.connection();
    state.faults.unless(!is_replaced, Fault::ReplacedStored);
    state.past.newest = state.past.newest.max(held);
    match task {
        Task::Poll(_) => state.past.polled = after.seen.and_then(World::tick),
        Task::Connect(_) | Task::Disconnect(_) => state.past.polled = None,
        _ => {}
    }
    let Some(name) = held else { return };
    if after.open().is_none() {
        state.past.ended[name.index()] = true;
    } else if state.past.ended[name.index()] && (holder(before) != held || before.open().is_none()) {
        state.faults.add(Fault::Reopened);
    }
}

fn watch_report(state: &mut State, task: Task, before: &Item, after: &Item) {
    let reported = |item: &Item| match item.get(&Attribute::Uptime) {
        Some(Value::Number(mark)) => Some(*mark),
        _ => None,
    };
    let mark = reported(after);
    state.faults.unless(mark == reported(before) || mark == task.mark(), Fault::ReportLost);
    if let Some(mark) = mark.filter(|mark| Some(*mark) == task.mark()) {
        state.past.stored |= 1 << mark;
    }
    if let Task::CheckIn(name, seq) = task {
        let highest = &mut state.past.accepted[name.index()];
        state.faults.unless(seq >= *highest, Fault::StaleStored);
        *highest = seq.max(*highest);
    }
}

fn watch_versions(state: &mut State, before: &Node, after: &Node) {
    let version = |node: &Node| node.desired.as_ref().map_or(0, |desired| desired.version);
    let is_kept = before.desired == after.desired;
    let is_next = version(after) == version(before) + 1;
    state.faults.unless(is_kept || is_next, Fault::Version);
}

/// Whether the reason of a refusal is true, as the past shows.
fn is_true(state: &State, task: Task, refusal: Refusal) -> bool {
    let (past, name) = (state.past, task.connection());
    match refusal {
        Refusal::Superseded => name.is_some_and(|name| past.newest > Some(name)),
        Refusal::Closed => name.is_some_and(|name| matches!(state.socket(name), Socket::Gone { .. })),
        Refusal::StaleSeq { .. } => matches!(task, Task::CheckIn(name, seq) if past.accepted[name.index()] > seq),
        Refusal::Revoked => past.is_revoked,
        Refusal::Changed => matches!(task, Task::Sweep | Task::Scan),
        Refusal::Unregistered | Refusal::CredentialsOutdated { .. } | Refusal::SlowDown { .. } => false,
    }
}
