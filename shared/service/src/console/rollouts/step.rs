//! One step of a rollout after the other.

use rollcall_core::{Actor, Begun, Phase, Rollout, RolloutName, RolloutSchedule, RolloutState, Timestamp, unmark};
use rollcall_wire::EventData;
use rollcall_wire::console::Problem;
use serde::Serialize;

use super::spec::Told;
use super::{Event, stepping};
use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::handle::{Admitted, Console};
use crate::console::refusal::failed;
use crate::http::Request;
use crate::queue::Queue;
use crate::store::Store;

/// How long after the begin of a run another step is taken, in milliseconds. The function has 29 seconds, and a step takes
/// the time of some hundred writes.
const RUN_MS: u64 = 20_000;
/// After how many steps a look is taken at a wave that is told.
const LOOK_EVERY: u64 = 8;

/// What a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stepped {
    /// How many rollouts are under way.
    pub rollouts: u64,
    /// How many steps were taken.
    pub steps: u64,
    /// How many rollouts could not be stepped. The next run tries again.
    pub failed: u64,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is more to do at once.
    GoesOn,
    /// There is nothing to do now.
    Waits,
    /// Somebody else has stored the rollout meanwhile.
    Lost,
}

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Steps every rollout that is under way as far as it can go now: some steps of each, in turns. It logs what it did.
    ///
    /// # Errors
    /// If the rollouts can't be read.
    pub async fn step_rollouts(&self, now: impl Fn() -> Timestamp) -> Result<Stepped, Problem> {
        let began = now();
        let mut under_way = self.under_way().await?;
        // A rival that waits is stepped after the rollout that it waits for.
        under_way.sort_by_key(|(_, rollout)| (u64::MAX - rollout.priority, rollout.created_at));
        let mut stepped = Stepped { rollouts: under_way.len() as u64, ..Stepped::default() };
        let mut names: Vec<_> = under_way.into_iter().map(|(name, _)| name).collect();
        while !names.is_empty() && now().0.saturating_sub(began.0) < RUN_MS {
            let mut left = vec![];
            for name in names {
                if now().0.saturating_sub(began.0) >= RUN_MS {
                    break;
                }
                match self.step(&name, now()).await {
                    Ok(Step::GoesOn | Step::Lost) => left.push(name),
                    Ok(Step::Waits) => {}
                    Err(problem) => {
                        tracing::error!(%name, outcome = "failed", reason = problem.detail, Failures = 1, "rollout");
                        stepped.failed += 1;
                    }
                }
                stepped.steps += 1;
            }
            names = left;
        }
        let Stepped { rollouts, steps, .. } = stepped;
        if rollouts > 0 {
            tracing::info!(rollouts, steps, outcome = "stepped", "rollouts");
        }
        Ok(stepped)
    }

    /// The rollouts that are to be stepped. The marks of those that are over are deleted.
    async fn under_way(&self) -> Result<Vec<(RolloutName, Rollout)>, Problem> {
        let mut under_way = vec![];
        for name in self.marked().await? {
            match self.known_rollout(&name).await? {
                Some(rollout) if rollout.is_stepped() => under_way.push((name, rollout)),
                Some(rollout) if rollout.state.is_over() => {
                    let unmark = unmark(&name, rollout.revision);
                    self.store.delete(&unmark).await.map_err(|error| failed(&error))?;
                }
                // It is paused, or is being made at this moment.
                _ => {}
            }
        }
        Ok(under_way)
    }

    /// Takes the next step of a rollout.
    pub(super) async fn step(&self, name: &RolloutName, now: Timestamp) -> Result<Step, Problem> {
        let Some(read) = self.known_rollout(name).await?.filter(Rollout::is_stepped) else {
            return Ok(Step::Waits);
        };
        let request = Request { now, at: now, ..Request::default() };
        let admitted = stepping(&request, name, now);
        if read.state.is_over() {
            return self.forget_targets(name, &read, &admitted).await;
        }
        let (_, told) = self.told(name).await?;
        if let Some(keep) = admitted.actor.as_ref().and_then(Actor::keep) {
            let _ = self.write(&keep).await?;
        }
        match (read.state, read.phase) {
            (RolloutState::RollingBack, _) | (_, Phase::Undoing) => {
                self.undo_targets(name, &read, &told, &admitted).await
            }
            (_, Phase::Listing) => self.list_targets(name, &read, &told, &admitted).await,
            (_, Phase::Due) => self.begin_wave(name, &read, &told.schedule, &admitted).await,
            (_, Phase::Active) => self.step_wave(name, &read, &told, &admitted).await,
        }
    }

    async fn begin_wave(
        &self,
        name: &RolloutName,
        read: &Rollout,
        schedule: &RolloutSchedule,
        admitted: &Admitted<'_>,
    ) -> Result<Step, Problem> {
        let mut rollout = read.clone();
        let begun = rollout.begin(schedule, admitted.now);
        let (event, goes_on): (Option<Event>, _) = match begun {
            Begun::Wave => (Some(EventData::RolloutWaveStarted), true),
            Begun::Completed => (Some(EventData::RolloutCompleted), false),
            Begun::NotYet(_) => (None, false),
        };
        self.save(name, read, &rollout, event, admitted, goes_on).await
    }

    /// Tells nodes of the wave, looks at those that were told, and asks the gate.
    async fn step_wave(
        &self,
        name: &RolloutName,
        read: &Rollout,
        told: &Told,
        admitted: &Admitted<'_>,
    ) -> Result<Step, Problem> {
        let is_open = told.window.as_ref().is_none_or(|window| window.is_open(admitted.now));
        let has_more = read.left(&told.schedule) > 0 && is_open;
        // A look that has begun is ended first, and one is taken now and then while a large wave is told.
        let looks_first = read.looked_to.is_some() || read.revision.is_multiple_of(LOOK_EVERY);
        if !has_more {
            return self.look_at_wave(name, read, told, is_open, admitted).await;
        }
        let mut now = read.clone();
        if looks_first {
            let step = self.look_at_wave(name, read, told, is_open, admitted).await?;
            let stored = self.known_rollout(name).await?;
            let goes_on = |rollout: &Rollout| rollout.state == RolloutState::Running && rollout.phase == Phase::Active;
            match stored.filter(|stored| step == Step::Waits && goes_on(stored)) {
                Some(stored) => now = stored,
                None => return Ok(step),
            }
        }
        let under_way = match told.max_parallel {
            Some(_) => Some(self.count_under_way(name, &now, told, admitted).await?),
            None => None,
        };
        match self.tell_targets(name, &now, told, under_way, admitted).await? {
            Step::Waits if !looks_first => self.look_at_wave(name, read, told, is_open, admitted).await,
            step => Ok(step),
        }
    }
}
