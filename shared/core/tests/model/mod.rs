//! The world around one node: what may be delivered, and what must hold after it.

#![allow(unreachable_pub, reason = "shared by one test file")]

mod invariants;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rollcall_core::{
    Attribute, Connection, ConnectionId, CredentialVersion, Event, EventKind, Found, Health, Item, Node, NodeId,
    Outcome, Policy, Registration, Report, Settled, Timestamp, Update, Value, expired, lost, settle,
};

/// `plan`, or a broken version of it.
pub type Rules<'a> = dyn Fn(&Event, &Policy) -> Update + 'a;

/// What is given before the first delivery.
#[derive(Clone, Debug)]
pub struct World {
    pub policy: Policy,
    pub initial: Option<Item>,
    pub connections: [Connection; 2],
}

/// Instants that a delivery may carry: enough for a grace period and a life to pass, in any order.
const CLOCK: [Timestamp; 3] = [Timestamp(10_000), Timestamp(12_000), Timestamp(20_000)];

/// Open and closed registration; nodes that are new, registered, ahead of the first token's credentials, revoked before
/// or while they were connected; and connections that open in order, at the same time, and against their ids.
pub fn worlds() -> Vec<World> {
    let mut worlds = vec![];
    for registration in [Registration::Open, Registration::Closed] {
        for (first, second) in [(9_000, 11_000), (9_000, 9_000), (11_000, 9_000)] {
            for initial in [None, Some(registered(1)), Some(registered(2)), Some(revoked()), Some(connected(first))] {
                worlds.push(World {
                    policy: Policy::new(registration, 3, 1, 2, 1).expect("in range"),
                    initial,
                    connections: [connection("A", first), connection("B", second)],
                });
            }
        }
    }
    worlds
}

fn registered(version: u64) -> Item {
    Item::from([(Attribute::CredentialVersion, Value::Number(version))])
}

fn revoked() -> Item {
    Item::from([(Attribute::CredentialVersion, Value::Number(1)), (Attribute::Revoked, Value::Number(1))])
}

/// Revoked while the first connection is open.
fn connected(opened_at: u64) -> Item {
    let mut item = revoked();
    item.insert(Attribute::Connection, Value::Text("A".to_owned()));
    item.insert(Attribute::OpenedAt, Value::Number(opened_at));
    item.insert(Attribute::OnlineSince, Value::Number(opened_at));
    item
}

fn connection(id: &str, opened_at: u64) -> Connection {
    Connection { id: id.parse().expect("an id"), opened_at: Timestamp(opened_at) }
}

/// The node as it is, and what is known of how it came to be so.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct State {
    pub item: Option<Item>,
    /// What sweeps concluded from this or an earlier state, to be delivered by any clock: whether the node is lost
    /// (or else expired), and what was found.
    pub concluded: BTreeSet<(bool, FoundKey)>,
    /// Connections whose end was delivered.
    pub ended: BTreeSet<ConnectionId>,
    /// The highest sequence number that was accepted on each connection.
    pub accepted: BTreeMap<ConnectionId, u64>,
}

/// `Found`, in an order.
pub type FoundKey = (Option<ConnectionId>, bool, Option<Timestamp>, bool);

/// What an exploration came to.
pub struct Explored {
    pub states: usize,
    /// The history and the invariant that it broke.
    pub violation: Option<String>,
}

/// Follows every history of up to `deliveries` deliveries. Histories that lead to the same state are one from there on.
pub fn explore(world: &World, rules: &Rules<'_>, deliveries: usize) -> Explored {
    let start = State { item: world.initial.clone(), ..State::default() };
    let mut seen = HashSet::from([start.clone()]);
    let mut frontier = vec![(start, Vec::<Event>::new())];
    for _ in 0..deliveries {
        let mut next = vec![];
        for (state, history) in frontier {
            for event in deliverable(&state, world) {
                let mut history = history.clone();
                history.push(event.clone());
                match deliver(&state, &event, world, rules) {
                    Ok(state) if seen.insert(state.clone()) => next.push((state, history)),
                    Ok(_) => {}
                    Err(broken) => {
                        return Explored { states: seen.len(), violation: Some(format!("{broken}: {history:#?}")) };
                    }
                }
            }
        }
        frontier = next;
    }
    Explored { states: seen.len(), violation: None }
}

pub fn node_id() -> NodeId {
    "node-1".parse().expect("an id")
}

fn deliverable(state: &State, world: &World) -> Vec<Event> {
    let mut kinds = vec![];
    for (at, version) in CLOCK.into_iter().zip([1, 2, 2]) {
        let credentials = CredentialVersion(version);
        for (connection, version) in world.connections.iter().zip([1, 2]) {
            let connection = connection.clone();
            let credentials = CredentialVersion(version);
            kinds.push((at, EventKind::Connect { connection: connection.clone(), credentials }));
            kinds.push((at, EventKind::Disconnect { connection: connection.clone(), code: Some(1006), reason: None }));
            for seq in [1, 2] {
                let (connection, report) = (connection.clone(), report());
                kinds.push((at, EventKind::CheckIn { connection, seq, ack: true, report }));
            }
        }
        kinds.push((at, EventKind::Poll { credentials, report: report() }));
    }
    for (is_lost, (connection, open, seen, polls)) in &state.concluded {
        let found = Found { connection: connection.clone(), open: *open, seen: *seen, polls: *polls };
        let kind = if *is_lost { EventKind::Lost { found } } else { EventKind::Expire { found } };
        kinds.extend(CLOCK.map(|at| (at, kind.clone())));
    }
    kinds.into_iter().map(|(at, kind)| Event { node: node_id(), at, kind }).collect()
}

fn report() -> Report {
    Report::new(Some("1.0".to_owned()), None, Health::default())
}

fn deliver(before: &State, event: &Event, world: &World, rules: &Rules<'_>) -> Result<State, String> {
    let (item, settled) = record(before.item.as_ref(), event.clone(), world, rules)?;
    let mut after = State { item, ..before.clone() };
    match &event.kind {
        EventKind::Disconnect { connection, .. } => {
            after.ended.insert(connection.id.clone());
        }
        EventKind::Lost { found } if after.item != before.item && found.open => {
            after.ended.extend(found.connection.clone());
        }
        _ => {}
    }
    invariants::check(before, event, &settled, &mut after, world)?;
    if let Some(item) = &after.item {
        let node = Node::read(item).map_err(|error| error.to_string())?;
        after.concluded.extend(conclusions(&node, &world.policy));
    }
    Ok(after)
}

/// Writes and settles an event as the functions do, except that the store is a variable.
fn record(
    item: Option<&Item>,
    mut event: Event,
    world: &World,
    rules: &Rules<'_>,
) -> Result<(Option<Item>, Settled), String> {
    for _ in 0..2 {
        let outcome = rules(&event, &world.policy).apply(item);
        let stored = match &outcome {
            Outcome::Applied { after } => Some(after.clone()),
            Outcome::Refused { .. } => item.cloned(),
        };
        match settle(event, outcome, &world.policy).map_err(|error| error.to_string())? {
            Settled::Again(again) => event = again,
            settled @ Settled::Done { .. } => return Ok((stored, settled)),
        }
    }
    Err("an event has to be planned a third time".to_owned())
}

fn conclusions(node: &Node, policy: &Policy) -> Vec<(bool, FoundKey)> {
    let mut events = vec![];
    for now in CLOCK {
        events.extend(expired(&node_id(), node, now));
        events.extend(lost(&node_id(), node, now, policy));
    }
    let key = |event: Event| match event.kind {
        EventKind::Lost { found } => (true, (found.connection, found.open, found.seen, found.polls)),
        EventKind::Expire { found } => (false, (found.connection, found.open, found.seen, found.polls)),
        kind => panic!("a sweep concluded {kind:?}"),
    };
    events.into_iter().map(key).collect()
}
