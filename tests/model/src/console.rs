//! What the application asks for: configurations, and that the node is revoked.

use std::sync::Arc;

use rollcall_core::{Node, Outcome};

use crate::answer::answer_after;
use crate::fault::Fault;
use crate::process::{Deed, Process, Verdict, What, Write};
use crate::reached::Outcome as Reach;
use crate::rules::answer;
use crate::state::State;
use crate::stored::Stored;
use crate::task::{Name, Task};
use crate::world::World;

/// Reads the node, and tries on it what is to be written, so that a request that will be refused stores no document.
/// The document is an item of its own that never changes, and is not modelled.
pub(crate) fn begin_config(world: &World, state: &mut State, number: u8) {
    let (task, document) = (Task::SetConfig(number), World::document(number));
    state.just.add(Reach::Read);
    let read = state.stored.clone();
    let tried = (world.rules.set_config)(&world.node, document, &read.node).apply(Some(&read.item));
    let Some(Ok(_)) = answer(tried) else {
        return state.just.add(Reach::Denied);
    };
    let read = world.rules.counts_what_it_read.then_some(read);
    state.push(Process::begun(task, Write { what: What::Config(number), read }));
}

/// Settles the write of a configuration.
pub(crate) fn config_settled(state: &mut State, task: Task, outcome: Outcome) {
    let known = match &outcome {
        Outcome::Applied { after } => Some(after.clone()),
        Outcome::Refused { stored, .. } => stored.clone(),
    };
    let Some(answer) = answer(outcome) else {
        return state.faults.add(Fault::Unexplained);
    };
    let Ok((node, desired, is_new)) = answer else {
        return state.just.add(Reach::Denied);
    };
    let Some(config) = World::config(&desired) else { return state.faults.add(Fault::Unexplained) };
    state.just.add(if is_new { Reach::ConfigSet } else { Reach::ConfigUnchanged });
    let to = node.reachable().and_then(|held| Name::of(held.connection.id.as_str()));
    // The news is pushed as long as the node has not reported on it.
    let to = to.filter(|_| is_new || node.news().is_some());
    let known = known.and_then(|item| Stored::new(item).ok()).map(Arc::new);
    let push = to.zip(known).map(|(to, known)| Deed::Push { to, config, known });
    answer_after(state, task, push.into_iter().collect(), Verdict::Set(config));
}

/// Tells the connections that may be open why they are closed, and closes them.
pub(crate) fn revoke_settled(state: &mut State, task: Task, outcome: Outcome) {
    let Outcome::Applied { after } = outcome else { return state.just.add(Reach::Denied) };
    state.just.add(Reach::NodeRevoked);
    let Ok(node) = Node::read(&after) else { return state.faults.add(Fault::Unexplained) };
    let outdated = node.outdated_connections();
    let deeds = outdated.into_iter().filter_map(|id| Name::of(id.as_str()).map(Deed::Dismiss)).collect();
    answer_after(state, task, deeds, Verdict::Done);
}
