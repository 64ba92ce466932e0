//! The model, as the checker sees it.

use stateright::{Model, Property};

use crate::action::Action;
use crate::possible::possible;
use crate::property;
use crate::reached::Reached;
use crate::state::State;
use crate::step::take;
use crate::world::World;

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.beginning()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        possible(self, state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = State { just: Reached::default(), ..state.clone() };
        take(self, &mut next, action)?;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        property::always().chain(property::sometimes(self.bounds.reaches)).collect()
    }
}
