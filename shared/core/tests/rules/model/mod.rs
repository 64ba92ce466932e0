//! The world around one node: what may be delivered, and what must hold after it.

#![allow(unreachable_pub, reason = "shared by one test file")]

mod invariants;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rollcall_core::{
    Attribute, Connection, ConnectionId, CredentialVersion, Event, EventKind, Found, Health, Item, Node, NodeId,
    Outcome, Policy, Registration, Report, Settled, Timestamp, Update, Value, expired, lost, settle,
};

/// `plan`, or a broken version of it.
pub type Rules<'a> = dyn Fn(&Event, &Policy) -> Update + 'a;

/// What is fixed before the first delivery.
#[derive(Clone, Debug)]
pub struct World {
    pub policy: Policy,
    pub initial: Option<Item>,
    pub connections: [Connection; 2],
    /// Instants that a delivery may carry, in any order.
    pub clock: [Timestamp; 3],
}

/// Enough for a grace period and a life to pass.
const CLOCK: [Timestamp; 3] = [Timestamp(10_000), Timestamp(12_000), Timestamp(20_000)];
/// Enough for a minute of a budget to pass, and for the time that a node is blocked.
const MINUTES: [Timestamp; 3] = [Timestamp(20_000), Timestamp(21_000), Timestamp(90_000)];
/// Messages a minute, in worlds with a budget.
pub const BUDGET: u32 = 2;

/// Open and closed registration; nodes that are new, registered, ahead of the first token's credentials, revoked before
/// or while they were connected; and connections that open in order, at the same time, against the order of their ids,
/// and by a clock that is ahead. Then nodes with a budget.
pub fn worlds() -> Vec<World> {
    let mut worlds = vec![];
    let orders = [(9_000, 11_000), (9_000, 9_000), (11_000, 9_000), (40_000, 10_000)];
    // Registration has no effect on the order of connections: two orders are enough to show that.
    let open = orders.map(|order| (Registration::Open, order));
    let closed = [orders[0], orders[3]].map(|order| (Registration::Closed, order));
    for (registration, (first, second)) in open.into_iter().chain(closed) {
        {
            let initials = [
                None,
                Some(registered(1)),
                Some(registered(2)),
                Some(revoked()),
                Some(revoked_while_connected(first)),
                Some(ahead(registered(1))),
            ];
            for initial in initials {
                let policy = Policy::new(registration, 3, 1, 2, 1).expect("in range").with_budget(0);
                worlds.push(world(policy, initial, [connection("A", first), connection("B", second)], CLOCK));
            }
        }
    }
    for initial in [None, Some(blocked())] {
        let policy = Policy::new(Registration::Open, 300, 1, 2, 1).expect("in range").with_budget(BUDGET);
        worlds.push(world(policy, initial, [connection("A", 9_000), connection("B", 11_000)], MINUTES));
    }
    worlds
}

fn world(policy: Policy, initial: Option<Item>, connections: [Connection; 2], clock: [Timestamp; 3]) -> World {
    World { policy, initial, connections, clock }
}

/// A node that a clock ahead of all others has stored as seen, closed and suspected.
fn ahead(mut item: Item) -> Item {
    item.extend([
        (Attribute::Connection, Value::Text("0".to_owned())),
        (Attribute::OpenedAt, Value::Number(70_000)),
        (Attribute::ClosedAt, Value::Number(72_000)),
        (Attribute::OnlineSince, Value::Number(70_000)),
        (Attribute::Seen, Value::Number(71_000)),
        (Attribute::Due, Value::Number(74_000)),
        (Attribute::DueShard, Value::Number(0)),
    ]);
    item
}

/// A node that is blocked for an earlier offence, until half a second into the clock.
fn blocked() -> Item {
    let mut item = registered(1);
    item.insert(Attribute::BlockedUntil, Value::Number(20_500));
    item.insert(Attribute::Offences, Value::Number(1));
    item
}

fn registered(version: u64) -> Item {
    Item::from([(Attribute::CredentialVersion, Value::Number(version))])
}

fn revoked() -> Item {
    Item::from([(Attribute::CredentialVersion, Value::Number(1)), (Attribute::Revoked, Value::Number(1))])
}

/// Revoked while the first connection is open.
fn revoked_while_connected(opened_at: u64) -> Item {
    let mut item = revoked();
    item.insert(Attribute::Connection, Value::Text("A".to_owned()));
    item.insert(Attribute::OpenedAt, Value::Number(opened_at));
    item.insert(Attribute::OnlineSince, Value::Number(opened_at));
    item
}

fn connection(id: &str, opened_at: u64) -> Connection {
    Connection { id: id.parse().expect("an id"), opened_at: Timestamp(opened_at) }
}

/// The node as it is stored, and what must be known of its past to check it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct State {
    pub item: Option<Item>,
    /// What sweeps concluded from this or an earlier state, to be delivered at any time: whether the node is lost (or
    /// else expired), and what the sweep read.
    pub concluded: BTreeSet<(bool, FoundKey)>,
    /// Connections whose end was delivered.
    pub ended: BTreeSet<ConnectionId>,
    /// The highest sequence number that was accepted on each connection.
    pub accepted: BTreeMap<ConnectionId, u64>,
}

/// `Found`, as a type that has an order.
pub type FoundKey = (Option<ConnectionId>, bool, Option<Timestamp>, bool);

/// The result of an exploration.
pub struct Explored {
    pub states: usize,
    /// The history and the invariant that it broke.
    pub violation: Option<String>,
}

/// Follows every history of up to `deliveries` deliveries. Histories that lead to the same state are followed as one
/// from there on.
pub fn explore(world: &World, rules: &Rules<'_>, deliveries: usize) -> Explored {
    let start = State { item: world.initial.clone(), ..State::default() };
    // The hash of a state is enough to know it again: among some millions, no two are expected to share 64 bits.
    let mut seen = HashSet::from([hash(&start)]);
    let mut trail = Trail::default();
    let mut frontier = vec![(start, None)];
    for _ in 0..deliveries {
        let mut next = vec![];
        for (state, last_step) in frontier {
            for event in deliverable(&state, world) {
                match deliver(&state, &event, world, rules) {
                    Ok(state) if seen.insert(hash(&state)) => next.push((state, Some(trail.add(last_step, event)))),
                    Ok(_) => {}
                    Err(broken) => {
                        let step = trail.add(last_step, event);
                        let violation = Some(format!("{broken}: {:?}", trail.history(step)));
                        return Explored { states: seen.len(), violation };
                    }
                }
            }
        }
        frontier = next;
    }
    Explored { states: seen.len(), violation: None }
}

fn hash(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// How each state was first reached: by an event, after another step.
#[derive(Default)]
struct Trail(Vec<(Option<usize>, Event)>);

impl Trail {
    fn add(&mut self, after: Option<usize>, event: Event) -> usize {
        self.0.push((after, event));
        self.0.len() - 1
    }

    fn history(&self, last: usize) -> Vec<&Event> {
        let mut events = vec![];
        let mut step = Some(last);
        while let Some((before, event)) = step.map(|step| &self.0[step]) {
            events.push(event);
            step = *before;
        }
        events.reverse();
        events
    }
}

pub fn node_id() -> NodeId {
    "node-1".parse().expect("an id")
}

fn deliverable(state: &State, world: &World) -> Vec<Event> {
    let mut kinds = vec![];
    for (at, version) in world.clock.into_iter().zip([1, 2, 2]) {
        let credentials = CredentialVersion(version);
        for (connection, version) in world.connections.iter().zip([1, 2]) {
            let connection = connection.clone();
            let credentials = CredentialVersion(version);
            kinds.push((at, EventKind::Connect { connection: connection.clone(), credentials, instance: None }));
            kinds.push((at, EventKind::Disconnect { connection: connection.clone(), code: Some(1006), reason: None }));
            kinds.push((at, EventKind::Ask { connection: connection.clone(), credentials }));
            for seq in [1, 2] {
                let (connection, report, received) = (connection.clone(), report(), at);
                let (ack, results) = (true, 0);
                kinds.push((at, EventKind::CheckIn { connection, credentials, received, seq, ack, report, results }));
            }
        }
        kinds.push((at, EventKind::Poll { credentials, report: report(), results: 0 }));
    }
    for (is_lost, (connection, open, seen, polls)) in &state.concluded {
        let found = Found { connection: connection.clone(), open: *open, seen: *seen, polls: *polls };
        let kind = if *is_lost { EventKind::Lost { found } } else { EventKind::Expire { found } };
        kinds.extend(world.clock.map(|at| (at, kind.clone())));
    }
    kinds.into_iter().map(|(at, kind)| Event::new(node_id(), at, kind)).collect()
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
        // The node was taken over from a connection that opened in the future, which makes the known order void.
        EventKind::Connect { connection, .. }
            if after.item != before.item && invariants::order_is_void(before, event) =>
        {
            after.ended.remove(&connection.id);
            after.accepted.remove(&connection.id);
        }
        EventKind::Lost { found } if after.item != before.item && found.open => {
            after.ended.extend(found.connection.clone());
        }
        _ => {}
    }
    invariants::check(before, event, &settled, &mut after, world)?;
    if let Some(item) = &after.item {
        let node = Node::read(item).map_err(|error| error.to_string())?;
        after.concluded.extend(conclusions(&node, world));
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
    let mut item = item.cloned();
    for _ in 0..4 {
        let outcome = rules(&event, &world.policy).apply(item.as_ref());
        if let Outcome::Applied { after } = &outcome {
            item = Some(after.clone());
        }
        match settle(event, outcome, &world.policy).map_err(|error| error.to_string())? {
            Settled::Again(again) => event = again,
            settled @ Settled::Done { .. } => return Ok((item, settled)),
        }
    }
    Err("an event has to be planned a fifth time".to_owned())
}

fn conclusions(node: &Node, world: &World) -> Vec<(bool, FoundKey)> {
    let mut events = vec![];
    for now in world.clock {
        events.extend(expired(&node_id(), node, now, &world.policy));
        events.extend(lost(&node_id(), node, now, &world.policy));
    }
    let key = |event: Event| match event.kind {
        EventKind::Lost { found } => (true, (found.connection, found.open, found.seen, found.polls)),
        EventKind::Expire { found } => (false, (found.connection, found.open, found.seen, found.polls)),
        kind => panic!("a sweep concluded {kind:?}"),
    };
    events.into_iter().map(key).collect()
}
