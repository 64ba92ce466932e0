//! A write, carried out.

use std::sync::Arc;

use rollcall_core::{Item, Outcome, Update, revoke};

use crate::fault::Fault;
use crate::guards::unguarded;
use crate::monitor::watch;
use crate::process::{Landed, Planned, Request, What, Write};
use crate::rules::Reads;
use crate::state::State;
use crate::stored::Stored;
use crate::task::Task;
use crate::world::World;

/// Carries out a write, and watches what it changes. Returns its outcome, and what it changed, if it did.
pub(crate) fn store(world: &World, state: &mut State, task: Task, write: &Write) -> (Outcome, Option<Landed>) {
    let (update, judges) = match &write.what {
        What::Event(Planned(event)) => {
            let judges = (world.rules.reads)(&event.kind) == Reads::ToJudge;
            ((world.rules.plan)(event, &world.policy), judges)
        }
        What::Config(number) => {
            let read = write.read.as_ref().unwrap_or(&state.stored);
            ((world.rules.set_config)(&world.node, World::document(*number), &read.node), false)
        }
        What::Revoke => (revoke(&world.node), false),
    };
    let outcome = match write.read.as_ref().filter(|_| judges) {
        None => update.apply(Some(&state.stored.item)),
        Some(read) => judged_first(update, &read.item, &state.stored.item),
    };
    let landed = match &outcome {
        Outcome::Applied { after } if *after != state.stored.item => change(state, task, &write.what, after.clone()),
        Outcome::Applied { .. } | Outcome::Refused { .. } => None,
    };
    (outcome, landed)
}

/// The outcome of a write whose condition was evaluated on an item that was read earlier.
fn judged_first(update: Update, read: &Item, stored: &Item) -> Outcome {
    match update.apply(Some(read)) {
        Outcome::Applied { .. } => unguarded(update).apply(Some(stored)),
        refused @ Outcome::Refused { .. } => refused,
    }
}

fn change(state: &mut State, task: Task, what: &What, after: Item) -> Option<Landed> {
    let Ok(after) = Stored::new(after) else {
        state.faults.add(Fault::Unexplained);
        return None;
    };
    let landed = watch(state, task, what, &after);
    state.stored = Arc::new(after);
    for process in &mut state.processes {
        if let Request::Repeat { is_undisturbed, .. } = &mut process.request {
            *is_undisturbed = false;
        }
    }
    Some(landed)
}
