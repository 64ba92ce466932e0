//! The worlds around one node: what is fixed before the first delivery.

use rollcall_core::{Attribute, Connection, Item, Policy, Registration, Timestamp, Value};

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
    let orders = [(9_000, 11_000), (9_000, 9_000), (11_000, 9_000), (60_000, 10_000)];
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
