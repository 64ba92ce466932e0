//! What is known of one rollout.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::{
    ChangeKind, ConfigState, FirmwareState, Phase, Rollout, RolloutState, Target, TargetState, Timestamp,
};

use super::{Changed, LATE_MS};
use crate::oracle::facts::{Facts, earlier};
use crate::oracle::table::Change;
use crate::plan::{RolloutPlan, RolloutWhat};

/// The share of a wave's nodes that may not fail, as one in so many: the console's default is 5 %.
const FAILS_AT: usize = 20;

/// What is known of one rollout.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) plan: RolloutPlan,
    /// The hash of the document, or the version.
    pub(super) desired: String,
    stored: Option<Rollout>,
    states: Vec<(Timestamp, RolloutState)>,
    /// The nodes that it has told.
    pub(super) told: BTreeSet<usize>,
    /// How often each was told, and when last.
    tellings: BTreeMap<usize, (u64, Timestamp)>,
    /// Those of them that are to run its change, and nobody has changed since.
    pub(super) made: BTreeMap<usize, Made>,
    /// What was desired of each before.
    pub(super) before: BTreeMap<usize, Changed>,
    /// Its targets, and since when each is so.
    pub(super) targets: BTreeMap<usize, (Target, Timestamp)>,
    /// How often the log was told each event.
    pub(super) announced: BTreeMap<String, usize>,
}

/// What of a node is as the rollout made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    Config,
    Firmware,
}

impl Known {
    pub(super) fn new(plan: &RolloutPlan, desired: String) -> Self {
        Self {
            plan: plan.clone(),
            desired,
            stored: None,
            states: vec![],
            told: BTreeSet::new(),
            tellings: BTreeMap::new(),
            made: BTreeMap::new(),
            before: BTreeMap::new(),
            targets: BTreeMap::new(),
            announced: BTreeMap::new(),
        }
    }

    pub(super) fn kind(&self) -> ChangeKind {
        match self.plan.change {
            RolloutWhat::Config(_) => ChangeKind::Config,
            RolloutWhat::Firmware(_) => ChangeKind::Firmware,
            RolloutWhat::Command(_) => ChangeKind::Command,
        }
    }

    pub(super) fn state(&self) -> Option<RolloutState> {
        self.stored.as_ref().map(|stored| stored.state)
    }

    pub(super) fn created_at(&self) -> Option<Timestamp> {
        self.stored.as_ref().map(|stored| stored.created_at)
    }

    pub(super) fn wave(&self) -> usize {
        self.stored.as_ref().map_or(0, |stored| stored.wave + 1)
    }

    /// The states in which it was at some time since then.
    pub(super) fn states_since(&self, from: Timestamp) -> Vec<RolloutState> {
        let ends = self.states.iter().skip(1).map(|(at, _)| Some(*at)).chain([None]);
        let since = self.states.iter().zip(ends).filter(|(_, end)| end.is_none_or(|end| end >= from));
        since.map(|((_, state), _)| *state).collect()
    }

    /// Whether it was stored by then.
    pub(super) fn was_stored(&self, by: Timestamp) -> bool {
        self.states.first().is_some_and(|(at, _)| *at <= by)
    }

    /// How many nodes may have been told by now.
    pub(super) fn reach(&self) -> u64 {
        let Some(stored) = &self.stored else { return 0 };
        let total = stored.total;
        let first = (self.plan.first_nodes > 0).then(|| self.plan.first_nodes.min(total));
        let percents = self.plan.percents.iter().map(|percent| (total * percent).div_ceil(100));
        first.into_iter().chain(percents).take(stored.wave + 1).max().unwrap_or_default()
    }

    /// Whether this is what it is to change, and no return to what was before.
    pub(super) fn is_telling(&self, changed: &Changed) -> bool {
        match changed {
            Changed::Config(is) | Changed::Firmware(is) => is.as_ref() == Some(&self.desired),
            Changed::Command => true,
        }
    }

    /// It has changed a node.
    pub(super) fn changed(&mut self, at: Timestamp, change: &Change, changed: &Changed) {
        if !self.is_telling(changed) {
            return;
        }
        let (times, last) = self.tellings.entry(change.node).or_insert((0, at));
        (*times, *last) = (*times + 1, at);
        if !self.told.insert(change.node) {
            return;
        }
        let was = change.was.as_deref();
        let (made, before) = match changed {
            Changed::Config(_) => {
                let before = was.and_then(|was| was.desired.as_ref()).map(|desired| desired.sha256.clone());
                (Made::Config, Changed::Config(before))
            }
            Changed::Firmware(_) => {
                let before = was.and_then(|was| was.desired_firmware.clone().or_else(|| was.firmware.clone()));
                (Made::Firmware, Changed::Firmware(before))
            }
            Changed::Command => return,
        };
        self.made.insert(change.node, made);
        self.before.insert(change.node, before);
    }

    /// What is wrong with telling a node again that it has told before.
    pub(super) fn told_again_wrongly(&self, facts: &Facts, at: Timestamp, change: &Change) -> Option<String> {
        let Some((times, wait_s)) = self.plan.retry else { return Some("has told it before".to_owned()) };
        let (told, last) = self.tellings.get(&change.node).copied().unwrap_or((0, at));
        if told > times {
            return Some(format!("has told it {told} times before, and {times} retries are allowed"));
        }
        let waits_ms = (u64::from(wait_s) << told.saturating_sub(1)) * 1000;
        if at.0 + LATE_MS < last.0 + waits_ms && !facts.windows.wrong_clock(last, at) {
            return Some(format!("has told it at {last:?}, and waits {waits_ms} ms after a failure"));
        }
        let was = change.was.as_deref()?;
        let (desired, report) = (was.desired.as_ref(), was.config.as_ref());
        let is_refused = desired.zip(report).is_some_and(|(desired, report)| {
            desired.sha256 == self.desired && (report.version, report.state) == (desired.version, ConfigState::Rejected)
        });
        let is_given_up = was.desired_firmware.as_ref() == Some(&self.desired)
            && matches!(was.firmware_state(), FirmwareState::Failed | FirmwareState::RolledBack);
        let has_failed = match self.kind() {
            ChangeKind::Config => is_refused,
            ChangeKind::Firmware => is_given_up,
            ChangeKind::Command => true,
        };
        (!has_failed).then(|| "has told it before, and it has not failed".to_owned())
    }

    /// It was stored. Returns what is wrong with that.
    pub(super) fn stored(&mut self, at: Timestamp, is: Rollout, wrong_clock: bool) -> Vec<String> {
        let mut wrong = vec![];
        if let Some(was) = self.stored.take() {
            if was.state != is.state && !may_follow(was.state, is.state) {
                wrong.push(format!("was {}, and is {}", was.state, is.state));
            }
            if is.wave < was.wave || is.passed < was.passed || is.revision != was.revision + 1 {
                wrong.push(format!("went back from {was:?} to {is:?}"));
            }
            let is_next = was.phase == Phase::Active && is.wave > was.wave;
            wrong.extend(is_next.then(|| self.too_early(at, &was, wrong_clock)).flatten());
        }
        if self.states.last().is_none_or(|(_, state)| *state != is.state) {
            self.states.push((at, is.state));
        }
        self.stored = Some(is);
        wrong
    }

    /// Why the next wave must not follow on this one.
    fn too_early(&self, at: Timestamp, was: &Rollout, wrong_clock: bool) -> Option<String> {
        let wave = Some(was.wave as u64);
        let of_wave = self.targets.values().filter(|(target, _)| target.wave == wave);
        let told = of_wave.clone().count();
        let waits_ms = u64::from(self.plan.wait_s) * 1000;
        if told > 0 && !wrong_clock && was.told_at.is_some_and(|told_at| told_at.0 + waits_ms > at.0 + LATE_MS) {
            return Some(format!("ends wave {} at once, which was told at {:?}", was.wave + 1, was.told_at));
        }
        // A node may have reported since the wave was looked at.
        let looked = earlier(at, LATE_MS);
        let since =
            |state| of_wave.clone().filter(move |(target, since)| target.state == state && *since < looked).count();
        let (failed, retrying) = (since(TargetState::Failed), since(TargetState::Retrying));
        if retrying > 0 {
            return Some(format!(
                "goes on after wave {}, of which {retrying} nodes are to be told again",
                was.wave + 1
            ));
        }
        (failed > 0 && failed * FAILS_AT >= told)
            .then(|| format!("goes on after wave {}, in which {failed} of {told} nodes failed", was.wave + 1))
    }

    pub(super) fn waits_for_approval(&self) -> bool {
        self.plan.approval
            && self.state() == Some(RolloutState::Running)
            && self.stored.as_ref().is_some_and(|stored| stored.phase != Phase::Active)
    }

    /// At the end, it is over, or waits for somebody.
    pub(super) fn unfinished(&self, may_wait: bool) -> Option<String> {
        let stored = self.stored.as_ref()?;
        let may_be = stored.state.is_over()
            || stored.state == RolloutState::Paused
            || self.waits_for_approval()
            || (stored.state == RolloutState::Waiting && may_wait);
        if !may_be {
            return Some(format!("is still {}: {}", stored.state, stored.reason));
        }
        let is_left =
            |(target, _): &&(Target, Timestamp)| matches!(target.state, TargetState::Waiting | TargetState::Telling);
        let left = self.targets.values().filter(is_left).count();
        (stored.state == RolloutState::Completed && left > 0).then(|| format!("is complete, and has not told {left}"))
    }

    /// What the log was not told, or too often.
    pub(super) fn unannounced(&self) -> Vec<String> {
        let count = |state| self.states.iter().filter(|(_, is)| *is == state).count();
        let expected = [
            ("started", usize::from(!self.states.is_empty())),
            ("paused", count(RolloutState::Paused)),
            ("failed", count(RolloutState::Failed)),
            ("aborted", count(RolloutState::Aborted)),
            ("rolling_back", count(RolloutState::RollingBack)),
            ("rolled_back", count(RolloutState::RolledBack)),
            ("completed", count(RolloutState::Completed)),
        ];
        let told = |event: &str| self.announced.get(event).copied().unwrap_or_default();
        let wrong = expected.into_iter().filter(|(event, times)| told(event) != *times);
        wrong.map(|(event, times)| format!("was announced as {event} {} times, not {times}", told(event))).collect()
    }

    /// The nodes that still are to run what was rolled back, and nobody says why.
    pub(super) fn not_undone(&self) -> Vec<String> {
        if self.state() != Some(RolloutState::RolledBack) {
            return vec![];
        }
        let says_why = |node: &usize| {
            self.targets.get(node).is_some_and(|(target, _)| {
                target.reason.is_some() || matches!(target.state, TargetState::Superseded | TargetState::Skipped)
            })
        };
        let left: Vec<_> = self.made.keys().filter(|node| !says_why(node)).collect();
        if left.is_empty() { vec![] } else { vec![format!("is rolled back, and not at the nodes {left:?}")] }
    }
}

/// Whether a rollout may be in this state after that one.
fn may_follow(was: RolloutState, is: RolloutState) -> bool {
    use RolloutState as S;
    match was {
        S::Waiting | S::Running => is != S::RolledBack,
        S::Paused => matches!(is, S::Running | S::Waiting | S::Aborted | S::RollingBack),
        S::Failed | S::Aborted | S::Completed => is == S::RollingBack,
        S::RollingBack => is == S::RolledBack,
        S::RolledBack => false,
    }
}
