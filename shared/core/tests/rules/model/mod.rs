//! A model of one node: delivers events in every order, and checks all invariants after each delivery.

#![allow(unreachable_pub, reason = "shared by one test file")]

mod check;
mod delivery;
mod invariants;
mod refusals;
mod world;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::rc::Rc;

use rollcall_core::{Event, EventKind, Node, Outcome, Policy, Settled, Update, expired, lost, settle};

use self::delivery::{FoundKey, State, Stored, deliverable, node_id};
pub use self::world::{World, worlds};

/// `plan`, or a broken version of it.
pub type Rules<'a> = dyn Fn(&Event, &Policy) -> Update + 'a;

/// The result of an exploration.
pub struct Explored {
    pub states: usize,
    /// The history and the invariant that it broke.
    pub violation: Option<String>,
}

/// Follows every history of up to `deliveries` deliveries. Histories that lead to the same state are followed as one
/// from there on.
pub fn explore(world: &World, rules: &Rules<'_>, deliveries: usize) -> Explored {
    let initial = world.initial.clone().map(|item| Stored::read(item).expect("a node's item"));
    let start = State { item: initial, ..State::default() };
    // The hash of a state is enough to know it again: among some millions, no two are expected to share 64 bits.
    let mut seen = HashSet::from([hash(&start)]);
    let mut trail = Trail::default();
    let mut frontier = vec![(start, None)];
    for delivery in 1..=deliveries {
        let is_last = delivery == deliveries;
        let mut next = vec![];
        for (state, last_step) in frontier {
            for event in deliverable(&state, world) {
                match deliver(&state, &event, world, rules, is_last) {
                    // Nothing follows it: whether it was reached before does not matter.
                    Ok(_) if is_last => {}
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

/// The state after a delivery. After the last one, no sweep concludes anything more.
fn deliver(before: &State, event: &Event, world: &World, rules: &Rules<'_>, is_last: bool) -> Result<State, String> {
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
    if let Some(stored) = after.item.as_ref().filter(|_| !is_last) {
        after.concluded.extend(conclusions(&stored.node, world));
    }
    Ok(after)
}

/// Writes and settles an event as the functions do, except that the store is a variable.
fn record(
    stored: Option<&Rc<Stored>>,
    mut event: Event,
    world: &World,
    rules: &Rules<'_>,
) -> Result<(Option<Rc<Stored>>, Settled), String> {
    let mut stored = stored.cloned();
    for _ in 0..4 {
        let outcome = rules(&event, &world.policy).apply(stored.as_deref().map(|stored| &stored.item));
        if let Outcome::Applied { after } = &outcome
            && stored.as_deref().is_none_or(|stored| stored.item != *after)
        {
            stored = Some(Stored::read(after.clone())?);
        }
        match settle(event, outcome, &world.policy).map_err(|error| error.to_string())? {
            Settled::Again(again) => event = again,
            settled @ Settled::Done { .. } => return Ok((stored, settled)),
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
