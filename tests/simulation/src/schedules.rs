//! What schedules invoke: the sweep, and the console, which steps rollouts.

use rollcall_fleet::{Ask, What};

use crate::draw::Who;
use crate::event::{Event, Function, Invoking, Payload, Purpose};
use crate::kernel::{MS, Micros, S};
use crate::world::{SWEEP_EVERY_S, World};

/// How often rollouts are stepped, in seconds, from the first one on.
const ROLLOUTS_EVERY_S: u64 = 60;
/// A schedule invokes its function at least once (Amazon `EventBridge`, "Event retry policy"): here, now and then twice.
const ONCE_OF: u64 = 20;

impl World {
    /// Sets the schedules up.
    pub(crate) fn schedule(&mut self) {
        self.ground.after(Micros::from(SWEEP_EVERY_S) * S, Event::Sweep);
        let is_rollout = |what: &What| matches!(what, What::Ask(Ask::StartRollout { .. }));
        if let Some(first) = self.plan.steps.iter().find(|step| is_rollout(&step.what)) {
            self.ground.at(first.at_ms * MS, Event::Rollouts);
        }
    }

    pub(crate) fn sweep(&mut self) {
        let every = Micros::from(SWEEP_EVERY_S) * S;
        self.ground.after(every, Event::Sweep);
        self.invoke_or_twice(Function::Sweep, Who::Sweep, every);
    }

    pub(crate) fn step_rollouts(&mut self) {
        let every = ROLLOUTS_EVERY_S * S;
        self.ground.after(every, Event::Rollouts);
        self.invoke_or_twice(Function::Console, Who::Rollouts, every);
    }

    fn invoke_or_twice(&mut self, function: Function, who: Who, every: Micros) {
        let turn = self.ground.now() / every;
        let is_twice = self.ground.draw(who, turn).below(ONCE_OF) == 0;
        for _ in 0..=u8::from(is_twice) {
            let (payload, purpose, behalf) = (Payload::Scheduled, Purpose::Nothing, None);
            self.lambda.invoke(&mut self.ground, Invoking { function, payload, purpose, behalf, patience: 0 });
        }
    }
}
