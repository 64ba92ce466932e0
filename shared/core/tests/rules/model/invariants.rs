//! What must hold after every delivery.

use rollcall_core::{
    Attribute, Connection, Event, EventKind, Item, Node, Presence, Refusal, Registration, Reply, Settled, Timestamp,
    Value,
};

use super::check::{Check, hold};
use super::delivery::{State, is_message};
use super::refusals;
use super::world::{BUDGET, World};

pub fn check(before: &State, event: &Event, settled: &Settled, after: &mut State, world: &World) -> Check {
    refused_events_change_nothing(before, settled, after)?;
    only_admitted_nodes_get_in(before, event, after, world)?;
    sweeps_judge_only_what_they_saw(before, event, after)?;
    refusals::are_true(node_before(before), event, settled, world)?;
    let Some(stored) = after.item.clone() else { return Ok(()) };
    let node = &stored.node;
    presence_follows_the_connection(&stored.item, node)?;
    every_change_of_presence_is_announced(before, settled, node)?;
    the_newest_connection_wins(before, event, node, world)?;
    closed_connections_stay_closed(before, event, after, node)?;
    last_seen_never_goes_back(before, event, node)?;
    no_node_sends_more_than_its_budget(before, event, settled, node, world)?;
    only_the_holder_is_answered(before, event, settled)?;
    sequence_numbers_never_go_back(before, event, after)
}

/// How far two clocks that are right may differ.
const SKEW_MS: u64 = 5_000;

/// The grace period of every world.
const GRACE_MS: u64 = 2_000;

fn is_future(at: Timestamp, event: &Event) -> bool {
    at.0 > event.now.0 + SKEW_MS
}

/// Whether a connection that opened in the future, by a wrong clock, has a part in this delivery. Such a connection is
/// not ordered with others.
pub fn order_is_void(before: &State, event: &Event) -> bool {
    let of_event = match &event.kind {
        EventKind::Connect { connection, .. } | EventKind::Disconnect { connection, .. } => Some(connection),
        _ => None,
    };
    held_by_the_future(before, event) || of_event.is_some_and(|connection| is_future(connection.opened_at, event))
}

/// Whether the node is held by a connection that opened in the future.
fn held_by_the_future(before: &State, event: &Event) -> bool {
    let held = node_before(before).and_then(|node| node.held.as_ref());
    held.is_some_and(|held| is_future(held.connection.opened_at, event))
}

fn node_before(before: &State) -> Option<&Node> {
    before.item.as_deref().map(|stored| &stored.node)
}

fn refused_events_change_nothing(before: &State, settled: &Settled, after: &State) -> Check {
    let refused = matches!(settled, Settled::Done { reply: Reply::Refused(_), .. });
    hold(!refused || is_unchanged(before, after), "a refused event changes nothing but the count of messages")?;
    let closed = matches!(settled, Settled::Done { reply: Reply::Refused(Refusal::Unregistered), .. });
    hold(!closed || before.item.is_none(), "only a node without an item is refused as unregistered")
}

/// Whether a delivery changes nothing but the count of the node's messages.
fn is_unchanged(before: &State, after: &State) -> bool {
    match (&before.item, &after.item) {
        (Some(before), Some(after)) => before.without_budget == after.without_budget,
        (before, after) => before.is_none() == after.is_none(),
    }
}

fn only_admitted_nodes_get_in(before: &State, event: &Event, after: &State, world: &World) -> Check {
    let changed = before.item != after.item;
    let node = node_before(before);
    let registered = node.is_some_and(|node| node.credentials.is_some());
    hold(
        !changed || registered || world.policy.registration == Registration::Open,
        "nothing is stored about an unregistered node while registration is closed",
    )?;
    let revoked = node.is_some_and(|node| node.revoked);
    let current = node.and_then(|node| node.credentials);
    match &event.kind {
        EventKind::Connect { credentials, .. }
        | EventKind::Poll { credentials, .. }
        | EventKind::Ask { credentials, .. }
        | EventKind::CheckIn { credentials, .. } => {
            hold(!(changed && revoked), "a revoked node does not get in")?;
            hold(!changed || current <= Some(*credentials), "outdated credentials do not get in")
        }
        _ => Ok(()),
    }
}

fn sweeps_judge_only_what_they_saw(before: &State, event: &Event, after: &State) -> Check {
    let (EventKind::Expire { found } | EventKind::Lost { found }) = &event.kind else { return Ok(()) };
    let Some(node) = node_before(before) else { return Ok(()) };
    if before.item == after.item {
        return Ok(());
    }
    let now = node.found();
    hold(now.connection == found.connection, "a sweep leaves a connection alone that it did not find")?;
    hold(now.polls == found.polls, "a sweep leaves a node alone that changed its way of checking in")?;
    if matches!(event.kind, EventKind::Expire { .. }) {
        hold(!now.open, "an open connection does not expire")?;
        let future = |due: Timestamp| is_future(Timestamp(due.0.saturating_sub(GRACE_MS)), event);
        hold(node.due.is_some_and(|due| due <= event.at || future(due)), "no node expires within the grace period")
    } else {
        hold(now.seen == found.seen, "a node that checked in since is not lost")?;
        hold(now.open == found.open, "a connection that closed since is not lost")
    }
}

fn presence_follows_the_connection(item: &Item, node: &Node) -> Check {
    let online = matches!(node.presence, Presence::Online(_));
    hold(node.open().is_none() || online, "an open node is never offline")?;
    hold(
        !online || node.open().is_some() || node.due.is_some() || node.polls,
        "a node that is closed but still online has a due, or polls",
    )?;
    hold(node.due.is_none() || node.open().is_none(), "no connected node is suspected")?;
    hold(
        item.contains_key(&Attribute::Due) == item.contains_key(&Attribute::DueShard),
        "the index sees a node with both of its keys or not at all",
    )
}

fn every_change_of_presence_is_announced(before: &State, settled: &Settled, node: &Node) -> Check {
    let Settled::Done { presence, .. } = settled else { return Ok(()) };
    let is_online = |presence| matches!(presence, Presence::Online(_));
    let was_online = node_before(before).is_some_and(|node| is_online(node.presence));
    let announced = *presence == Some(node.presence);
    hold(was_online == is_online(node.presence) || announced, "every change of presence is announced")?;
    hold(presence.is_none() || announced, "only the stored presence is announced")
}

fn the_newest_connection_wins(before: &State, event: &Event, node: &Node, world: &World) -> Check {
    let order = |connection: &Connection| (connection.opened_at, connection.id.clone());
    let held = node.held.as_ref().map(|held| order(&held.connection));
    let held_before = node_before(before).and_then(|node| node.held.as_ref()).map(|held| order(&held.connection));
    let future = held_by_the_future(before, event);
    hold(future || held >= held_before, "a newer connection never loses the node to an older one")?;
    let unchanged = node_before(before) == Some(node);
    match &event.kind {
        EventKind::Disconnect { connection, .. } => hold(
            future || held_before <= Some(order(connection)) || unchanged,
            "a late $disconnect never takes down a newer connection",
        )?,
        EventKind::Connect { connection, .. }
            if !node.revoked && node.credentials.is_some() && world.policy.budget == 0 =>
        {
            let outdated = matches!(connection.id.as_str(), "A") && node.credentials.map(|v| v.0) > Some(1);
            let newest = held >= Some(order(connection)) && !(future && unchanged);
            let newest = newest || is_future(connection.opened_at, event);
            let its_own = node.held.as_ref().is_some_and(|held| held.connection.id == connection.id);
            hold(
                outdated || newest || its_own,
                "the newest connection holds the node, unless it opened in the future",
            )?;
        }
        _ => {}
    }
    Ok(())
}

fn closed_connections_stay_closed(before: &State, event: &Event, after: &State, node: &Node) -> Check {
    let holds = |connection: &Connection, must_be_closed: bool| {
        let held = node_before(before).and_then(|node| node.held.as_ref());
        let held = held.filter(|held| held.connection.id == connection.id);
        held.is_some_and(|held| held.closed.is_some() || !must_be_closed)
    };
    let is_repeated = match &event.kind {
        EventKind::Connect { connection, .. } => holds(connection, false),
        EventKind::Disconnect { connection, .. } => holds(connection, true),
        _ => false,
    };
    hold(!is_repeated || is_unchanged(before, after), "a connection opens once and closes once")?;
    let revived = node.open().is_some_and(|held| after.ended.contains(&held.connection.id));
    hold(!revived || order_is_void(before, event), "a closed connection never revives")
}

fn last_seen_never_goes_back(before: &State, event: &Event, node: &Node) -> Check {
    let seen = node_before(before).and_then(|node| node.seen);
    let future = seen.is_some_and(|seen| is_future(seen, event));
    hold(future || node.seen >= seen, "when a node was last seen never goes back, except from the future")?;
    let checked_in = node.seen != seen;
    hold(!future || !checked_in || node.seen == Some(event.at), "a last-seen instant in the future is set right")
}

fn no_node_sends_more_than_its_budget(
    before: &State,
    event: &Event,
    settled: &Settled,
    node: &Node,
    world: &World,
) -> Check {
    if world.policy.budget == 0 {
        return Ok(());
    }
    let earlier = node_before(before);
    let refusal = match settled {
        Settled::Done { reply: Reply::Refused(refusal), .. } => Some(*refusal),
        _ => None,
    };
    let slowed_down = matches!(refusal, Some(Refusal::SlowDown { .. }));
    let blocked = earlier.and_then(|node| node.blocked.until).is_some_and(|until| event.at < until);
    let since = earlier.and_then(|node| node.spent_since);
    let may_begin = since.is_none_or(|since| since.0 + 60_000 <= event.at.0 || is_future(since, event));
    let used_up = earlier.is_some_and(|node| node.spent >= u64::from(BUDGET));
    hold(node.spent <= u64::from(BUDGET), "no more messages are stored than the budget has")?;
    hold(node.spent_since == since || may_begin, "a minute begins after the last one has passed")?;
    hold(!slowed_down || blocked || (used_up && !may_begin), "only a node that sends too much is told to slow down")?;
    let stores = is_message(&event.kind);
    let unchanged = earlier == Some(node);
    hold(!(stores && blocked) || refusal.is_some() || unchanged, "nothing of a blocked node is stored")?;
    let blocked_anew = node.blocked != earlier.map(|node| node.blocked).unwrap_or_default();
    hold(slowed_down || !blocked_anew, "a node that is blocked is told so")
}

fn only_the_holder_is_answered(before: &State, event: &Event, settled: &Settled) -> Check {
    let (EventKind::Ask { connection, credentials }, Settled::Done { reply: Reply::Known(_), .. }) =
        (&event.kind, settled)
    else {
        return Ok(());
    };
    let node = node_before(before);
    let accepted = node.is_some_and(|node| node.accepts(*credentials));
    hold(accepted, "no node is told anything while its credentials are revoked or outdated")?;
    let holder = node.and_then(|node| node.open().map(|held| held.connection.id.clone()));
    hold(holder.as_ref() == Some(&connection.id), "only the open connection that holds the node is told about it")
}

fn sequence_numbers_never_go_back(before: &State, event: &Event, after: &mut State) -> Check {
    let EventKind::CheckIn { connection, seq, received, .. } = &event.kind else { return Ok(()) };
    if is_unchanged(before, after) {
        return Ok(());
    }
    let held = node_before(before).and_then(|node| node.held.as_ref());
    let held = held.filter(|held| held.connection.id == connection.id);
    let open = |closed: &rollcall_core::Closed| closed.at.0 + SKEW_MS >= received.0;
    let its_own = held.is_some_and(|held| held.closed.as_ref().is_none_or(open));
    hold(its_own, "only the connection that holds the node checks it in, and not after it closed")?;
    let stored = after.item.as_ref().and_then(|stored| stored.item.get(&Attribute::Seq)).cloned();
    hold(stored == Some(Value::Number(*seq)), "an accepted check-in leaves its sequence number")?;
    let highest = after.accepted.insert(connection.id.clone(), *seq);
    hold(highest <= Some(*seq), "an accepted sequence number never goes back")
}
