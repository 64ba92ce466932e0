//! What both sweeps conclude.

use rollcall_core::Event;

use crate::state::State;
use crate::task::Task;
use crate::world::World;

/// What a sweep concludes from the item that it reads now.
pub(crate) fn judged(world: &World, state: &State, task: Task) -> Option<Event> {
    let judge = if task == Task::Sweep { world.rules.expired } else { world.rules.lost };
    judge(&world.node, state.node(), World::handled(state.now), &world.policy)
}
