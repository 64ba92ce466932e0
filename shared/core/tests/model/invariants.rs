//! What must hold after every delivery.

use rollcall_core::{
    Attribute, Connection, Event, EventKind, Item, Node, Presence, Refusal, Registration, Reply, Settled, Value,
};

use super::{State, World};

type Check = Result<(), String>;

pub fn check(before: &State, event: &Event, settled: &Settled, after: &mut State, world: &World) -> Check {
    refused_events_change_nothing(before, settled, after)?;
    only_who_is_admitted_gets_in(before, event, after, world)?;
    sweeps_judge_only_what_they_saw(before, event, after)?;
    let Some(item) = &after.item else { return Ok(()) };
    let node = Node::read(item).map_err(|error| error.to_string())?;
    presence_follows_the_connection(item, &node)?;
    whoever_comes_or_goes_is_announced(before, settled, &node)?;
    the_newest_connection_wins(before, event, &node)?;
    closed_connections_stay_closed(after, &node)?;
    what_was_seen_stays_seen(before, &node)?;
    sequence_numbers_only_rise(before, event, after)
}

fn hold(condition: bool, invariant: &str) -> Check {
    if condition { Ok(()) } else { Err(invariant.to_owned()) }
}

fn node_before(before: &State) -> Option<Node> {
    before.item.as_ref().map(|item| Node::read(item).expect("it was checked a delivery ago"))
}

fn refused_events_change_nothing(before: &State, settled: &Settled, after: &State) -> Check {
    let refused = matches!(settled, Settled::Done { reply: Reply::Refused(_), .. });
    hold(!refused || before.item == after.item, "a refused event changes nothing")?;
    let closed = matches!(settled, Settled::Done { reply: Reply::Refused(Refusal::Unregistered), .. });
    hold(!closed || before.item.is_none(), "only a node that is not there is unregistered")
}

fn only_who_is_admitted_gets_in(before: &State, event: &Event, after: &State, world: &World) -> Check {
    let changed = before.item != after.item;
    let node = node_before(before);
    let registered = node.as_ref().is_some_and(|node| node.credentials.is_some());
    hold(
        !changed || registered || world.policy.registration == Registration::Open,
        "nothing is stored about an unregistered node while registration is closed",
    )?;
    let revoked = node.as_ref().is_some_and(|node| node.revoked);
    let current = node.as_ref().and_then(|node| node.credentials);
    match &event.kind {
        EventKind::Connect { credentials, .. } | EventKind::Poll { credentials, .. } => {
            hold(!(changed && revoked), "a revoked node does not get in")?;
            hold(!changed || current <= Some(*credentials), "outdated credentials do not get in")
        }
        EventKind::CheckIn { .. } => hold(!(changed && revoked), "a revoked node's check-ins are not stored"),
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
        hold(node.due.is_some_and(|due| due <= event.at), "nobody expires within the grace period")
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
        "whoever is closed but still online has a due, or polls",
    )?;
    hold(node.due.is_none() || node.open().is_none(), "nobody is suspected while connected")?;
    hold(
        item.contains_key(&Attribute::Due) == item.contains_key(&Attribute::DueShard),
        "the index sees a node with both of its keys or not at all",
    )
}

fn whoever_comes_or_goes_is_announced(before: &State, settled: &Settled, node: &Node) -> Check {
    let Settled::Done { presence, .. } = settled else { return Ok(()) };
    let is_online = |presence| matches!(presence, Presence::Online(_));
    let was_online = node_before(before).is_some_and(|node| is_online(node.presence));
    let announced = *presence == Some(node.presence);
    hold(was_online == is_online(node.presence) || announced, "whoever comes online or goes offline is announced")?;
    hold(presence.is_none() || announced, "only what is so is announced")
}

fn the_newest_connection_wins(before: &State, event: &Event, node: &Node) -> Check {
    let order = |connection: &Connection| (connection.opened_at, connection.id.clone());
    let held = node.held.as_ref().map(|held| order(&held.connection));
    let held_before = node_before(before).and_then(|node| node.held).map(|held| order(&held.connection));
    hold(held >= held_before, "a newer connection never loses the node to an older one")?;
    match &event.kind {
        EventKind::Disconnect { connection, .. } => hold(
            held_before <= Some(order(connection)) || before.item.as_ref().map(Node::read) == Some(Ok(node.clone())),
            "a late $disconnect never takes down a newer connection",
        )?,
        EventKind::Connect { connection, .. } if !node.revoked && node.credentials.is_some() => {
            let outdated = matches!(connection.id.as_str(), "A") && node.credentials.map(|v| v.0) > Some(1);
            hold(outdated || held >= Some(order(connection)), "the newest connection holds the node")?;
        }
        _ => {}
    }
    Ok(())
}

fn closed_connections_stay_closed(after: &State, node: &Node) -> Check {
    let revived = node.open().is_some_and(|held| after.ended.contains(&held.connection.id));
    hold(!revived, "a closed connection never revives")
}

fn what_was_seen_stays_seen(before: &State, node: &Node) -> Check {
    hold(node.seen >= node_before(before).and_then(|node| node.seen), "when a node was seen never goes back")
}

fn sequence_numbers_only_rise(before: &State, event: &Event, after: &mut State) -> Check {
    let EventKind::CheckIn { connection, seq, .. } = &event.kind else { return Ok(()) };
    if before.item == after.item {
        return Ok(());
    }
    let holder = node_before(before).and_then(|node| node.open().map(|held| held.connection.id.clone()));
    hold(holder.as_ref() == Some(&connection.id), "only the open connection that holds the node checks it in")?;
    let stored = after.item.as_ref().and_then(|item| item.get(&Attribute::Seq)).cloned();
    hold(stored == Some(Value::Number(*seq)), "an accepted check-in leaves its sequence number")?;
    let highest = after.accepted.insert(connection.id.clone(), *seq);
    hold(highest < Some(*seq), "an accepted sequence number never repeats or goes back")
}
