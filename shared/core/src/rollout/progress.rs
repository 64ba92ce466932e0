//! How far a rollout is, and what follows from what was seen of it.

use crate::id::NodeId;
use crate::policy::Seconds;
use crate::timestamp::Timestamp;

use super::gate::{Counts, Facts, Gate, Verdict};
use super::place::Place;
use super::retry::Retries;
use super::state::{Phase, RolloutState};
use super::waves::{ChangeKind, Waves};

/// What a rollout is told when it is made, as far as its course depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The waves.
    pub waves: Waves,
    /// The gate behind each wave.
    pub gate: Gate,
    /// When the first wave may begin; at once, if it is not given.
    pub start_at: Option<Timestamp>,
    /// Whether each wave but the first waits until somebody approves it.
    pub needs_approval: bool,
    /// Whether a wave that fails is rolled back, with those before it.
    pub rolls_back: bool,
    /// Whether nodes that are registered later take part, from the next wave on.
    pub include_new: bool,
    /// Which failures are tried again.
    pub retries: Retries,
}

/// A rollout, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// What it changes.
    pub kind: ChangeKind,
    /// How many waves it has.
    pub waves: usize,
    /// Of two rivals, the one with the higher priority wins; of two with the same, the older one.
    pub priority: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// How often it was stored: of two steppers that read the same revision, one stores the next.
    pub revision: u64,
    /// How it is.
    pub state: RolloutState,
    /// What a stepper does next.
    pub phase: Phase,
    /// Why it is so, for people.
    pub reason: String,
    /// The wave that is told, or is told next, counted from 0.
    pub wave: usize,
    /// How many nodes were listed.
    pub total: u64,
    /// How many of them were told or skipped, in the order of their places.
    pub passed: u64,
    /// The last of these.
    pub passed_to: Option<Place>,
    /// Where the wave begins: the last node of the wave before.
    pub wave_after: Option<Place>,
    /// When the wave began.
    pub wave_began_at: Option<Timestamp>,
    /// When the last node was told.
    pub told_at: Option<Timestamp>,
    /// The node behind which listing goes on.
    pub listed_to: Option<NodeId>,
    /// The nodes that were listed so far, while they are listed.
    pub found: u64,
    /// The target behind which the look at the wave goes on, or the rolling back.
    pub looked_to: Option<Place>,
    /// What the look at the wave that is under way has seen so far.
    pub facts: Facts,
    /// What the last whole look at the wave has seen.
    pub shown: Counts,
    /// The nodes of the waves before, as they were when each wave ended.
    pub before: Counts,
    /// How many waves may begin, if each needs an approval.
    pub approved: usize,
    /// How many waves count as successful although their gate is inconclusive: somebody has resumed the rollout.
    pub waived: usize,
    /// How often nodes were told again after a failure.
    pub retries: u64,
    /// Of a rollout that is over: up to which target all have a time at which they are deleted.
    pub forgotten_to: Option<Place>,
    /// When it is deleted, in seconds since 1970; `None` until all its targets have such a time.
    pub forget_at: Option<u64>,
}

/// Why something can't be done with a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPossible {
    /// It is not in a state for that.
    #[error("the rollout is {0}")]
    State(RolloutState),
    /// What commands did can't be taken back.
    #[error("commands can't be rolled back")]
    Command,
    /// No wave waits for an approval.
    #[error("no wave waits for an approval")]
    NothingToApprove,
    /// The nodes of a rollout that is over are deleted before it is.
    #[error("what its nodes had before is deleted, or is about to be: a rollout is rolled back before that")]
    NodesDeleted,
}

/// How much later than its nodes a rollout is deleted, in seconds: a week. `DynamoDB` deletes an item within some days of its
/// time, and no rollout may get a name of which nodes are left.
pub const DELETED_LATER_S: Seconds = 7 * 24 * 3600;
/// How long before its nodes are deleted a rollout is last rolled back, in seconds: that takes a while.
const UNDOING_S: Seconds = 600;

/// What comes of the next wave being due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It begins.
    Wave,
    /// There is none: the rollout is complete.
    Completed,
    /// It does not begin yet, for this reason.
    NotYet(String),
}

impl Rollout {
    /// A rollout that is made now.
    pub fn new(kind: ChangeKind, waves: usize, priority: u64, now: Timestamp) -> Self {
        Self {
            kind,
            waves,
            priority,
            created_at: now,
            revision: 0,
            state: RolloutState::Waiting,
            phase: Phase::Listing,
            reason: "its nodes are being listed".to_owned(),
            wave: 0,
            total: 0,
            passed: 0,
            passed_to: None,
            wave_after: None,
            wave_began_at: None,
            told_at: None,
            listed_to: None,
            found: 0,
            looked_to: None,
            facts: Facts::default(),
            shown: Counts::default(),
            before: Counts::default(),
            approved: 1,
            waived: 0,
            retries: 0,
            forgotten_to: None,
            forget_at: None,
        }
    }

    /// Whether a stepper has something to do: also of one that is over, until all that is stored of it is to be deleted.
    pub fn is_stepped(&self) -> bool {
        self.state.is_stepped() || (self.state.is_over() && self.forget_at.is_none())
    }

    /// Whether it comes before another rollout: its priority is higher, or it is older; of two that were made at the same
    /// instant, the one whose name is less.
    pub fn precedes(&self, own: &str, other: &Self, others: &str) -> bool {
        let order = |rollout: &Self| (u64::MAX - rollout.priority, rollout.created_at);
        (order(self), own) < (order(other), others)
    }

    /// Some nodes were listed: so many, up to this one; `None` if there are no more.
    pub fn listed(&mut self, nodes: u64, to: Option<NodeId>) {
        self.found += nodes;
        self.listed_to = to;
        if self.listed_to.is_none() {
            self.total = self.found;
            self.found = 0;
            self.phase = Phase::Due;
        }
    }

    /// Begins the next wave, if there is one and it may begin. A wave that has no node more than the one before is left out.
    pub fn begin(&mut self, schedule: &Schedule, now: Timestamp) -> Begun {
        while self.wave < schedule.waves.count() && schedule.waves.reach(self.wave, self.total) <= self.passed {
            self.wave += 1;
        }
        if self.wave >= schedule.waves.count() {
            self.state = RolloutState::Completed;
            "every wave was successful".clone_into(&mut self.reason);
            return Begun::Completed;
        }
        if let Some(start) = schedule.start_at.filter(|start| *start > now) {
            return self.not_yet(format!("it starts in {} s", (start.0 - now.0).div_ceil(1_000)));
        }
        if schedule.needs_approval && self.passed > 0 && self.approved <= self.wave {
            return self.not_yet(format!("wave {} waits for an approval", self.wave + 1));
        }
        self.state = RolloutState::Running;
        self.phase = Phase::Active;
        self.wave_after.clone_from(&self.passed_to);
        (self.wave_began_at, self.told_at, self.looked_to) = (Some(now), None, None);
        (self.facts, self.shown) = (Facts::default(), Counts::default());
        self.reason = format!("wave {} is told", self.wave + 1);
        Begun::Wave
    }

    fn not_yet(&mut self, reason: String) -> Begun {
        self.reason.clone_from(&reason);
        Begun::NotYet(reason)
    }

    /// How many nodes of the wave are still to be told.
    pub fn left(&self, schedule: &Schedule) -> u64 {
        schedule.waves.reach(self.wave, self.total).saturating_sub(self.passed)
    }

    /// The gate has judged the wave. Returns whether the wave is over, and so tells what to announce: the state says how it
    /// went.
    pub fn judged(&mut self, schedule: &Schedule, verdict: &Verdict) -> bool {
        verdict.why().clone_into(&mut self.reason);
        match verdict {
            Verdict::Wait(_) => return false,
            Verdict::Inconclusive(_) if self.waived <= self.wave => {
                self.state = RolloutState::Paused;
                self.waived = self.wave + 1;
            }
            Verdict::Failed(_) if schedule.rolls_back && self.kind != ChangeKind::Command => self.undo(),
            Verdict::Failed(_) => self.state = RolloutState::Failed,
            Verdict::Successful(_) | Verdict::Inconclusive(_) => {
                self.before = self.before.plus(self.shown);
                self.shown = Counts::default();
                self.wave += 1;
                let lists_again = schedule.include_new && self.wave < schedule.waves.count();
                self.phase = if lists_again { Phase::Listing } else { Phase::Due };
            }
        }
        true
    }

    fn undo(&mut self) {
        self.state = RolloutState::RollingBack;
        self.phase = Phase::Undoing;
        self.looked_to = None;
        self.facts = Facts::default();
        (self.forgotten_to, self.forget_at) = (None, None);
    }

    /// Every node that was told has got back what it had before, as was counted in [`facts`](Self::facts).
    pub fn undone(&mut self) {
        self.state = RolloutState::RolledBack;
        self.looked_to = None;
        self.before = std::mem::take(&mut self.facts).counts;
        self.shown = Counts::default();
    }

    /// Nobody is told until it is resumed.
    ///
    /// # Errors
    /// If it is over, is rolled back, or is paused already.
    pub fn pause(&mut self) -> Result<(), NotPossible> {
        if !matches!(self.state, RolloutState::Waiting | RolloutState::Running) {
            return Err(NotPossible::State(self.state));
        }
        self.state = RolloutState::Paused;
        "somebody has paused it".clone_into(&mut self.reason);
        Ok(())
    }

    /// It goes on. A wave that was inconclusive counts as successful from now on, if it does not fail.
    ///
    /// # Errors
    /// If it is not paused.
    pub fn resume(&mut self) -> Result<(), NotPossible> {
        if self.state != RolloutState::Paused {
            return Err(NotPossible::State(self.state));
        }
        self.state = if self.wave_began_at.is_some() { RolloutState::Running } else { RolloutState::Waiting };
        "it was resumed".clone_into(&mut self.reason);
        Ok(())
    }

    /// It is over: nobody is told any more. Those that were told keep the change.
    ///
    /// # Errors
    /// If it is over already, or is rolled back.
    pub fn abort(&mut self) -> Result<(), NotPossible> {
        if self.state.is_over() || self.state == RolloutState::RollingBack {
            return Err(NotPossible::State(self.state));
        }
        self.state = RolloutState::Aborted;
        "somebody has ended it".clone_into(&mut self.reason);
        Ok(())
    }

    /// Those that were told get back what they had before.
    ///
    /// # Errors
    /// If that was done or is under way, or what it did can't be taken back, or is not known any more.
    pub fn roll_back(&mut self, now: Timestamp) -> Result<(), NotPossible> {
        if self.kind == ChangeKind::Command {
            return Err(NotPossible::Command);
        }
        if matches!(self.state, RolloutState::RollingBack | RolloutState::RolledBack) {
            return Err(NotPossible::State(self.state));
        }
        let known_until = self.forget_at.map(|at| at.saturating_sub(DELETED_LATER_S.into()));
        if known_until.is_some_and(|until| until <= now.plus_seconds(UNDOING_S).0 / 1000) {
            return Err(NotPossible::NodesDeleted);
        }
        self.undo();
        "somebody has asked for it".clone_into(&mut self.reason);
        Ok(())
    }

    /// The next wave may begin.
    ///
    /// # Errors
    /// If none waits for an approval.
    pub fn approve(&mut self, schedule: &Schedule) -> Result<(), NotPossible> {
        let waits = schedule.needs_approval && self.state == RolloutState::Running && self.phase != Phase::Active;
        if !waits || self.approved > self.wave {
            return Err(NotPossible::NothingToApprove);
        }
        self.approved = self.wave + 1;
        Ok(())
    }

    /// The wave that is told, or was told last, as people count: from 1.
    pub fn shown_wave(&self) -> usize {
        let is_between = matches!(self.phase, Phase::Listing | Phase::Due);
        let wave = if is_between { self.wave.max(1) } else { self.wave + 1 };
        wave.min(self.waves)
    }

    /// Where the rollout's nodes are, in all waves.
    pub fn counts(&self) -> Counts {
        let told = self.before.plus(self.shown);
        let counts = Counts { waiting: self.total.saturating_sub(self.passed), ..told };
        // Nobody is told again any more: what was to be tried again has failed.
        if self.state.is_over() {
            Counts { failed: told.failed + told.retrying, retrying: 0, ..counts }
        } else {
            counts
        }
    }
}

#[cfg(test)]
#[path = "progress_tests.rs"]
mod tests;
