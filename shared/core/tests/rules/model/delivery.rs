//! What may be delivered to a node.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use rollcall_core::{
    Attribute, ConnectionId, CredentialVersion, Event, EventKind, Found, Health, Item, Node, NodeId, Report, Timestamp,
};

use super::world::World;

/// The node as it is stored, and what must be known of its past to check it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct State {
    pub item: Option<Rc<Stored>>,
    /// What sweeps concluded from this or an earlier state, to be delivered at any time: whether the node is lost (or
    /// else expired), and what the sweep read.
    pub concluded: BTreeSet<(bool, FoundKey)>,
    /// Connections whose end was delivered.
    pub ended: BTreeSet<ConnectionId>,
    /// The highest sequence number that was accepted on each connection.
    pub accepted: BTreeMap<ConnectionId, u64>,
}

/// An item, and what every invariant wants to know of it, so that it is read once.
#[derive(Debug)]
pub struct Stored {
    pub item: Item,
    pub node: Node,
    /// The item without the count of its node's messages.
    pub without_budget: Item,
}

impl Stored {
    pub fn read(item: Item) -> Result<Rc<Self>, String> {
        // The write that counts says that it announces nothing.
        let counted = [
            Attribute::Spent,
            Attribute::SpentSince,
            Attribute::BlockedUntil,
            Attribute::Offences,
            Attribute::Announces,
        ];
        let node = Node::read(&item).map_err(|error| error.to_string())?;
        let mut without_budget = item.clone();
        without_budget.retain(|attribute, _| !counted.contains(attribute));
        Ok(Rc::new(Self { item, node, without_budget }))
    }
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        self.item == other.item
    }
}

impl Eq for Stored {}

impl Hash for Stored {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.item.hash(state);
    }
}

/// `Found`, as a type that has an order.
pub type FoundKey = (Option<ConnectionId>, bool, Option<Timestamp>, bool);

pub fn node_id() -> NodeId {
    "node-1".parse().expect("an id")
}

pub fn deliverable(state: &State, world: &World) -> Vec<Event> {
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
    let events: Vec<_> = kinds.into_iter().map(|(at, kind)| Event::new(node_id(), at, kind)).collect();
    // A message that found the minute of its budget over, and is written again after another message.
    let counted = |event: &&Event| world.policy.budget > 0 && is_message(&event.kind);
    let fresh: Vec<_> = events.iter().filter(counted).map(|event| Event { fresh: true, ..event.clone() }).collect();
    events.into_iter().chain(fresh).collect()
}

pub fn is_message(kind: &EventKind) -> bool {
    !matches!(kind, EventKind::Disconnect { .. } | EventKind::Expire { .. } | EventKind::Lost { .. })
}

fn report() -> Report {
    Report::new(Some("1.0".to_owned()), None, Health::default())
}
