//! Rollouts: a node is changed once, by one rollout at a time, in its wave; nobody is told by a rollout that is over; a wave
//! follows only on one that was good; what is rolled back is as it was.

mod known;

use std::collections::{BTreeMap, HashMap, HashSet};

use rollcall_core::{
    Attribute, ChangeKind, ConfigState, Item, Key, Rollout, RolloutClaim, RolloutState, Target, TargetState, Timestamp,
    Value,
};
use rollcall_wire::CloudEvent;

use super::facts::{Facts, earlier};
use super::table::Change;
use super::verdicts::Verdicts;
use crate::catalogue::{command_name, document, firmware_version};
use crate::plan::{RolloutPlan, RolloutWhat, rollout_name};
use crate::violation::ViolationKind as Kind;
use known::{Known, Made};

/// How long a function may go on with what it has read, in milliseconds: its timeout, and the requests that it leaves.
const LATE_MS: u64 = 60_000;
/// What the events of rollouts begin with, and the names of what changes nodes.
pub(super) const EVENTS: &str = "rollout.";
pub(super) const ACTORS: &str = "rollout:";

/// What is known of all rollouts.
#[derive(Clone, Debug, Default)]
pub(super) struct Rollouts {
    all: BTreeMap<String, Known>,
    /// Which rollout has each node, and since when.
    claims: HashMap<(usize, ChangeKind), (String, Timestamp)>,
    /// The versions of configurations that nodes have reported to run.
    reported: HashSet<(usize, u64)>,
    seen: bool,
}

/// What a rollout has changed of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Changed {
    /// The hash of the document that is desired now; `None` if none is.
    Config(Option<String>),
    Firmware(Option<String>),
    Command,
}

impl Rollouts {
    /// The application asks for a rollout.
    pub(super) fn asked(&mut self, nth: u32, plan: &RolloutPlan) {
        let desired = match plan.change {
            RolloutWhat::Config(nth) => rollcall_wire::sha256(&document(nth)),
            RolloutWhat::Firmware(version) => firmware_version(version),
            RolloutWhat::Command(name) => command_name(name).to_owned(),
        };
        self.all.entry(rollout_name(nth)).or_insert_with(|| Known::new(plan, desired));
    }

    /// How a rollout was at some time since `from`; empty if it was not stored.
    pub(super) fn states(&self, nth: u32, from: Timestamp) -> Vec<RolloutState> {
        self.all.get(&rollout_name(nth)).map(|known| known.states_since(from)).unwrap_or_default()
    }

    /// Whether a rollout was stored by then.
    pub(super) fn was_stored(&self, nth: u32, by: Timestamp) -> bool {
        self.all.get(&rollout_name(nth)).is_some_and(|known| known.was_stored(by))
    }

    /// An item of a rollout was written. `false` if it is none.
    pub(super) fn wrote(
        &mut self,
        facts: &Facts,
        verdicts: &mut Verdicts,
        at: Timestamp,
        (key, after): (&Key, &Item),
    ) -> bool {
        match key {
            Key::Rollout(name) => match (Rollout::read(after), self.all.get_mut(name.as_str())) {
                (Ok(is), Some(known)) => {
                    self.seen = true;
                    let wrong_clock = facts.windows.wrong_clock(earlier(at, LATE_MS), at);
                    for what in known.stored(at, is, wrong_clock) {
                        verdicts.other(Kind::WrongRollout, at, format!("the rollout {name} {what}"));
                    }
                }
                (is, _) => verdicts.other(Kind::BrokenItem, at, format!("the rollout {name}, which is {is:?}")),
            },
            Key::Target(name, place) => {
                let (Some(known), Some(node)) = (self.all.get_mut(name.as_str()), facts.index(place.node())) else {
                    return true;
                };
                match Target::read(after) {
                    Ok(target) => {
                        if let Some(what) = untrue(&known.plan, &target, node, &self.reported) {
                            verdicts.node(Kind::WrongRollout, at, node, format!("counts for {name} as {what}"));
                        }
                        known.targets.insert(node, (target, at));
                    }
                    Err(error) => verdicts.node(Kind::BrokenItem, at, node, format!("is a target of {name}: {error}")),
                }
            }
            Key::Claim(node, kind) => {
                if let (Some(node), Ok(claim)) = (facts.index(node), RolloutClaim::read(after)) {
                    let holder = claim.holder.to_string();
                    let had = self.claims.get(&(node, *kind)).map(|(had, _)| had.clone());
                    if had.as_ref() != Some(&holder) {
                        if let Some(had) = had.filter(|had| self.comes_first(had, &holder, earlier(at, LATE_MS))) {
                            let what = format!("is taken over by {holder} from {had}, which is older");
                            verdicts.node(Kind::WrongRollout, at, node, what);
                        }
                        self.claims.insert((node, *kind), (holder, at));
                    }
                }
            }
            Key::RolloutSpec(_) | Key::RolloutUnderWay(_) => {}
            _ => return false,
        }
        true
    }

    /// A node's own item was written. Returns the firmware that a rollout asks it to run.
    pub(super) fn wrote_node(
        &mut self,
        facts: &Facts,
        verdicts: &mut Verdicts,
        at: Timestamp,
        change: &Change,
        after: &Item,
    ) -> Option<String> {
        if let Some(report) = change.is.config.as_ref().filter(|report| report.state != ConfigState::Rejected) {
            self.reported.insert((change.node, report.version));
        }
        let changed = changed(change);
        for changed in &changed {
            for known in self.all.values_mut() {
                known.made.retain(|node, made| *node != change.node || !made.is_undone_by(changed, &known.desired));
            }
        }
        let name = by_rollout(after)?.to_owned();
        let mut asked = None;
        for changed in changed {
            let what = match self.all.get(&name) {
                None => Some("is not known".to_owned()),
                Some(known) => self.may_change(facts, (&name, known), at, change, &changed),
            };
            if let Some(what) = what {
                let what = format!("was changed to {changed:?} by the rollout {name}, which {what}");
                verdicts.node(Kind::WrongRollout, at, change.node, what);
            }
            if let Changed::Firmware(Some(version)) = &changed {
                asked = Some(version.clone());
            }
            if let Some(known) = self.all.get_mut(&name) {
                known.changed(at, change, &changed);
            }
        }
        asked
    }

    /// Whether a rollout has been under way since `from`, and a rival may take no node over from it.
    fn comes_first(&self, name: &str, rival: &str, from: Timestamp) -> bool {
        let (Some(known), Some(rival)) = (self.all.get(name), self.all.get(rival)) else { return false };
        let is_under_way = known.states_since(from).iter().all(|state| !state.is_over());
        is_under_way && known.plan.priority >= rival.plan.priority && known.created_at() < rival.created_at()
    }

    /// What is wrong with a change that a rollout has made.
    fn may_change(
        &self,
        facts: &Facts,
        (name, known): (&str, &Known),
        at: Timestamp,
        change: &Change,
        changed: &Changed,
    ) -> Option<String> {
        let since = earlier(at, LATE_MS);
        let states = known.states_since(since);
        if known.is_telling(changed) {
            if !states.iter().any(|state| matches!(state, RolloutState::Running | RolloutState::Waiting)) {
                return Some(format!("is {states:?} for {} s", LATE_MS / 1000));
            }
            if known.told.contains(&change.node) {
                return known.told_again_wrongly(facts, at, change);
            }
            if known.told.len() as u64 >= known.reach() {
                return Some(format!("has told {} nodes in wave {}", known.told.len(), known.wave()));
            }
            let kind = known.kind();
            let claim = self.claims.get(&(change.node, kind)).filter(|_| kind != ChangeKind::Command);
            let priority = |name: &str| self.all.get(name).map_or(0, |known| known.plan.priority);
            let is_taken = |(holder, taken): &&(String, Timestamp)| {
                holder != name && *taken < since && priority(holder) >= known.plan.priority
            };
            return claim.filter(is_taken).map(|(holder, _)| format!("has lost it to {holder}"));
        }
        if !states.iter().any(|state| matches!(state, RolloutState::RollingBack | RolloutState::RolledBack)) {
            return Some(format!("is {states:?}, and does not roll back"));
        }
        let before = known.before.get(&change.node);
        (before != Some(changed)).then(|| format!("found {before:?}"))
    }

    /// The log was told an event.
    pub(super) fn told(&mut self, event: &CloudEvent) {
        if let (Some(what), Some(known)) = (event.kind.strip_prefix(EVENTS), self.all.get_mut(&event.subject)) {
            *known.announced.entry(what.to_owned()).or_default() += 1;
        }
    }

    /// At the end, every rollout is over, or says what it waits for; and what was rolled back is.
    pub(super) fn finish(&self, verdicts: &mut Verdicts, now: Timestamp) {
        if !self.seen {
            return;
        }
        let waits = |known: &Known| known.state() == Some(RolloutState::Paused) || known.waits_for_approval();
        let may_wait = self.all.values().any(waits);
        for (name, known) in &self.all {
            let wrong = known.unfinished(may_wait).into_iter().chain(known.unannounced());
            for what in wrong.chain(known.not_undone()) {
                verdicts.other(Kind::WrongRollout, now, format!("the rollout {name} {what}"));
            }
        }
    }
}

/// The rollout that made the last write of a node's item which may announce something; `None` if it was none.
pub(super) fn by_rollout(after: &Item) -> Option<&str> {
    match after.get(&Attribute::Announces) {
        Some(Value::Text(actor)) => actor.strip_prefix(ACTORS),
        _ => None,
    }
}

/// What was changed of a node that a rollout may change.
fn changed(change: &Change) -> Vec<Changed> {
    let (was, is) = (change.was.as_deref(), &change.is);
    let hash = |node: &rollcall_core::Node| node.desired.as_ref().map(|desired| desired.sha256.clone());
    let config = (was.map_or(0, |was| was.config_version) != is.config_version).then(|| Changed::Config(hash(is)));
    let firmware_before = was.and_then(|was| was.desired_firmware.as_ref());
    // A version that is desired once more is told anew: what was reported on it is gone.
    let is_anew = was.is_some_and(|was| was.update.is_some()) && is.update.is_none() && is.desired_firmware.is_some();
    let firmware = firmware_before != is.desired_firmware.as_ref() || is_anew;
    let firmware = firmware.then(|| Changed::Firmware(is.desired_firmware.clone()));
    let command = (was.map_or(0, |was| was.commands_queued) < is.commands_queued).then_some(Changed::Command);
    config.into_iter().chain(firmware).chain(command).collect()
}

/// What is wrong with how a node counts. The node may have gone on since.
fn untrue(plan: &RolloutPlan, target: &Target, node: usize, reported: &HashSet<(usize, u64)>) -> Option<String> {
    let is_config = matches!(plan.change, RolloutWhat::Config(_)) && target.state == TargetState::Applied;
    let version = target.version.unwrap_or_default();
    let (times, _) = plan.retry.unwrap_or_default();
    if target.attempts > times + 1 {
        return Some(format!("told {} times, and {times} retries are allowed", target.attempts));
    }
    // Firmware may have lost its image meanwhile, and commands their room.
    let is_of_config = matches!(plan.change, RolloutWhat::Config(_));
    if is_of_config && target.state == TargetState::Failed && target.attempts <= times {
        return Some(format!("failed after {} attempts, and {times} retries are allowed", target.attempts));
    }
    (is_config && !reported.contains(&(node, version)))
        .then(|| format!("applied, and never reported version {version}"))
}

impl Made {
    /// Whether somebody else has changed the node since, or the rollout itself has taken its change back.
    fn is_undone_by(self, changed: &Changed, desired: &str) -> bool {
        match (self, changed) {
            (Self::Config, Changed::Config(is)) | (Self::Firmware, Changed::Firmware(is)) => {
                is.as_deref() != Some(desired)
            }
            _ => false,
        }
    }
}
