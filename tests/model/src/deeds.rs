//! What follows from a write and is done before the answer, best effort.

use std::sync::Arc;

use rollcall_core::{Event, Node};

use crate::action::Luck;
use crate::answer::{answer, answer_after};
use crate::config::Config;
use crate::process::{Deed, Planned, Verdict, What, Write};
use crate::reached::Outcome as Reach;
use crate::state::State;
use crate::store::store;
use crate::task::{Name, Task};
use crate::world::World;

/// Does the first of what is to be done, and answers after the last.
pub(crate) fn follow(world: &World, state: &mut State, task: Task, mut deeds: Vec<Deed>, then: Verdict, luck: Luck) {
    if deeds.is_empty() {
        return answer(state, task, then);
    }
    match deeds.remove(0) {
        _ if luck == Luck::Lost => {
            state.calls_lost += 1;
            state.just.add(Reach::CallLost);
        }
        Deed::Dismiss(name) => {
            if state.socket(name).is_open() {
                state.close(name);
                state.just.add(Reach::Dismissed);
            }
        }
        Deed::Record(event) => {
            let _ = store(world, state, task, &Write { what: What::Event(event), read: None });
            state.just.add(Reach::Stored);
        }
        Deed::Push { to, config, known } => {
            let gone = push_config(world, state, to, config, &known.node);
            deeds.extend(gone.map(|event| Deed::Record(Planned(Arc::new(event)))));
        }
    }
    answer_after(state, task, deeds, then);
}

/// A push of a configuration; the event to write if the connection is gone.
fn push_config(world: &World, state: &mut State, to: Name, config: Config, known: &Node) -> Option<Event> {
    if state.socket(to).is_open() {
        state.just.add(Reach::Pushed);
        state.told.add(config);
        return None;
    }
    let event = (world.rules.gone)(&world.node, known, World::handled(state.now));
    state.just.add(if event.is_some() { Reach::Gone } else { Reach::ProvesNothing });
    if event.is_some() {
        state.past.sign_of_life = state.now;
    }
    event
}
