//! Looking at the nodes of a wave, and asking the gate.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use rollcall_core::{
    ChangeKind, Command, Counts, Facts, GateVerdict, Key, Node, NodeId, Observed, Place, Rollout, RolloutName,
    RolloutState, Site, SiteFacts, Sought, Target, TargetState, Timestamp, WaveTimes, failure_code, fell, observe,
};
use rollcall_wire::EventData;
use rollcall_wire::console::Problem;

use super::Event;
use super::retrying::Again;
use super::spec::Told;
use super::step::Step;
use super::telling::UnderWay;
use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::handle::{Admitted, Console};
use crate::console::refusal::{failed, internal};
use crate::queue::Queue;
use crate::store::{BATCH, Store};

/// How many targets one step looks at.
const PAGE: u64 = 1_000;
/// How many pages are looked at to count the nodes that are under way.
const PAGES: usize = 20;
/// How many sites are kept apart. The nodes of others count as having none.
const SITES: usize = 50;
/// How many nodes that failed are named.
const NAMED: usize = 3;
/// How many nodes are read that were not told, to compare those that are lost with: of the fleet, and of a site.
const CONTROL: i32 = 100;
/// At how many sites nodes are compared with others of their site.
const CONTROL_SITES: usize = 5;

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Looks at the next nodes of the wave that were told. After the last of them, the gate judges the wave.
    pub(super) async fn look_at_wave(
        &self,
        name: &RolloutName,
        read: &Rollout,
        told: &Told,
        is_open: bool,
        admitted: &Admitted<'_>,
    ) -> Result<Step, Problem> {
        let rollout = read.clone();
        let after = read.looked_to.as_ref().or(read.wave_after.as_ref());
        let mut targets = self.passed(name, read, after).await?;
        self.observe_all(name, &mut targets, told, admitted).await?;
        let again =
            if is_open { self.tell_again((name, read), &mut targets, told, admitted).await? } else { Again::default() };
        let step = self.judge((name, read), rollout, (&targets, again.told.len()), (told, is_open), admitted).await?;
        if step == Step::Lost && !again.told.is_empty() {
            self.take_back(name, &again.told, told, admitted).await?;
        }
        // What was told is stored, whatever became of the others.
        again.failed.map_or(Ok(step), Err)
    }

    /// Counts the targets that were looked at, of which so many were told again. After the last of them, the gate judges the
    /// wave.
    async fn judge(
        &self,
        (name, read): (&RolloutName, &Rollout),
        mut rollout: Rollout,
        (targets, again): (&[(Place, Target)], usize),
        (told, is_open): (&Told, bool),
        admitted: &Admitted<'_>,
    ) -> Result<Step, Problem> {
        rollout.retries += again as u64;
        for (_, target) in targets {
            // A look that was not stored may have told nodes again.
            rollout.told_at = rollout.told_at.max(target.told_at);
            note(&mut rollout.facts, target);
        }
        if targets.len() as u64 >= PAGE {
            rollout.looked_to = targets.last().map(|(place, _)| place.clone());
            return self.save(name, read, &rollout, None, admitted, true).await;
        }
        let left = rollout.left(&told.schedule);
        let mut facts = std::mem::take(&mut rollout.facts);
        facts.counts.waiting = left;
        if facts.counts.lost > 0 {
            self.compare(name, &rollout, &mut facts, admitted.now).await?;
        }
        (rollout.looked_to, rollout.shown) = (None, facts.counts);
        let last = rollout.told_at.or(rollout.wave_began_at).unwrap_or(admitted.now);
        let mut verdict = told.schedule.gate.judge(&facts, WaveTimes { is_told: left == 0, last }, admitted.now);
        if let GateVerdict::Failed(why) = &mut verdict {
            why.push_str(&named(targets));
        }
        if !rollout.judged(&told.schedule, &verdict) {
            if left > 0 && !is_open {
                rollout.reason = format!("its window is closed: {}", rollout.reason);
            }
            return self.save(name, read, &rollout, None, admitted, false).await;
        }
        let (event, goes_on): (Event, _) = match rollout.state {
            RolloutState::Paused => (EventData::RolloutPaused, false),
            RolloutState::Failed => (EventData::RolloutFailed, false),
            RolloutState::RollingBack => (EventData::RolloutRollingBack, true),
            _ => (EventData::RolloutWaveEnded, true),
        };
        self.save(name, read, &rollout, Some(event), admitted, goes_on).await
    }

    /// How many nodes of each site are under way: told in this wave, and without a report so far.
    pub(super) async fn count_under_way(
        &self,
        name: &RolloutName,
        read: &Rollout,
        told: &Told,
        admitted: &Admitted<'_>,
    ) -> Result<UnderWay, Problem> {
        let (mut under_way, mut after) = (UnderWay::new(), read.wave_after.clone());
        for _ in 0..PAGES {
            let mut targets = self.passed(name, read, after.as_ref()).await?;
            self.observe_all(name, &mut targets, told, admitted).await?;
            for (_, target) in &targets {
                // A node that is away, or says nothing, must not hold up all others for ever.
                let waits = |told_at: Timestamp| told_at.plus_seconds(told.schedule.gate.wait_s) > admitted.now;
                if target.state == TargetState::Told && target.told_at.is_none_or(waits) {
                    *under_way.entry(target.site.clone().unwrap_or_default()).or_default() += 1;
                }
            }
            if (targets.len() as u64) < PAGE {
                break;
            }
            after = targets.last().map(|(place, _)| place.clone());
        }
        Ok(under_way)
    }

    /// The next of the wave's targets that were told or skipped.
    async fn passed(
        &self,
        name: &RolloutName,
        rollout: &Rollout,
        after: Option<&Place>,
    ) -> Result<Vec<(Place, Target)>, Problem> {
        let Some(to) = &rollout.passed_to else { return Ok(vec![]) };
        let mut targets = self.targets(name, after, PAGE).await?;
        targets.retain(|(place, _)| place <= to);
        Ok(targets)
    }

    /// Looks at the nodes of these targets, and moves the targets that are to be in another state.
    async fn observe_all(
        &self,
        name: &RolloutName,
        targets: &mut [(Place, Target)],
        told: &Told,
        admitted: &Admitted<'_>,
    ) -> Result<(), Problem> {
        for batch in targets.chunks_mut(BATCH) {
            let ids: Vec<_> = batch.iter().map(|(place, _)| place.node().clone()).collect();
            let items = self.store.nodes(&ids).await.map_err(|error| failed(&error))?;
            let nodes: BTreeMap<NodeId, Node> = items
                .into_iter()
                .map(|(id, item)| Ok((id, Node::read(&item).map_err(|error| internal(&error))?)))
                .collect::<Result<_, Problem>>()?;
            let observing =
                batch.iter_mut().filter(|(_, target)| target.state.is_told()).map(async |(place, target)| {
                    let node = nodes.get(place.node());
                    let Observed { state, reason, is_reached, retry_at } =
                        self.observe_one((place, target), node, told, admitted.now).await?;
                    let to = Target { is_reached, retry_at, ..target.now(state, reason.as_deref()) };
                    self.put(name, place, target, &to).await?;
                    *target = to;
                    Ok::<_, Problem>(())
                });
            try_join_all(observing).await?;
        }
        Ok(())
    }

    async fn observe_one(
        &self,
        (place, target): (&Place, &Target),
        node: Option<&Node>,
        told: &Told,
        now: Timestamp,
    ) -> Result<Observed, Problem> {
        let kind = told.change.kind();
        let command = match target.version.filter(|_| kind == ChangeKind::Command) {
            Some(number) => {
                let item = self.store.read(&Key::Command(place.node().clone(), number)).await;
                let item = item.map_err(|error| failed(&error))?;
                item.map(|item| Command::read(number, &item)).transpose().map_err(|error| internal(&error))?
            }
            None => None,
        };
        let (wait_s, retries) = (told.schedule.gate.wait_s, &told.schedule.retries);
        let sought = Sought { kind, wanted: told.change.wanted(), wait_s, retries };
        Ok(observe(&sought, target, (node, command.as_ref()), (now, &self.policy)))
    }

    /// Adds what became of nodes that the wave did not tell: of some of the fleet, and of the sites that have lost nodes.
    async fn compare(
        &self,
        name: &RolloutName,
        rollout: &Rollout,
        facts: &mut Facts,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let Some(began) = rollout.wave_began_at else { return Ok(()) };
        let mut others = self.store.page_of_all(None, CONTROL).await.map_err(|error| failed(&error))?.0;
        let lossy = facts.sites.iter().filter(|(_, site)| site.lost > 0).map(|(name, _)| name.parse::<Site>());
        for site in lossy.flatten().take(CONTROL_SITES) {
            others.extend(self.store.page_of_site(&site, None, CONTROL).await.map_err(|error| failed(&error))?.0);
        }
        let mut compared = BTreeSet::new();
        for (id, item) in others {
            let node = Node::read(&item).map_err(|error| internal(&error))?;
            let Some(fell) = fell(&node, began, now, &self.policy).filter(|_| !compared.contains(&id)) else {
                continue;
            };
            if self.is_in_wave(name, rollout, &id).await? {
                continue;
            }
            let site = site_of(facts, node.site.as_deref());
            site.control += 1;
            site.control_lost += u64::from(fell);
            compared.insert(id);
        }
        Ok(())
    }

    /// Whether a node was told in the wave that is under way.
    async fn is_in_wave(&self, name: &RolloutName, rollout: &Rollout, id: &NodeId) -> Result<bool, Problem> {
        for place in Place::all(name, id) {
            let is_behind = rollout.wave_after.as_ref().is_none_or(|after| *after < place);
            if is_behind && rollout.passed_to.as_ref().is_some_and(|to| place <= *to) {
                let key = Key::Target(name.clone(), place);
                if self.store.read(&key).await.map_err(|error| failed(&error))?.is_some() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// Counts a target.
fn note(facts: &mut Facts, target: &Target) {
    count(&mut facts.counts, target.state);
    let is_reached = target.is_reached || target.state == TargetState::Lost;
    facts.counts.unreached += u64::from(target.state == TargetState::Told && !is_reached);
    if target.state.is_told() && is_reached {
        let site = site_of(facts, target.site.as_deref());
        site.reached += 1;
        site.lost += u64::from(target.state == TargetState::Lost);
    }
}

/// Some of the nodes that failed, with what they said and how often they were told.
fn named(targets: &[(Place, Target)]) -> String {
    let failed = targets.iter().filter(|(_, target)| target.state == TargetState::Failed);
    let one = |(place, target): &(Place, Target)| {
        let code = target.reason.as_deref().and_then(failure_code).unwrap_or_default();
        let times = if target.attempts > 1 { format!(", told {} times", target.attempts) } else { String::new() };
        format!("{} ({code}{times})", place.node())
    };
    let named: Vec<_> = failed.clone().take(NAMED).map(one).collect();
    let more = if failed.count() > NAMED { ", …" } else { "" };
    if named.is_empty() { String::new() } else { format!("; failed: {}{more}", named.join(", ")) }
}

/// Counts a target in this state.
pub(super) fn count(counts: &mut Counts, state: TargetState) {
    let count = match state {
        TargetState::Waiting | TargetState::Telling => &mut counts.waiting,
        TargetState::Told => &mut counts.told,
        TargetState::Applied => &mut counts.applied,
        TargetState::Failed => &mut counts.failed,
        TargetState::Retrying => &mut counts.retrying,
        TargetState::Lost => &mut counts.lost,
        TargetState::Skipped => &mut counts.skipped,
        TargetState::RolledBack => &mut counts.rolled_back,
        TargetState::Superseded => &mut counts.superseded,
    };
    *count += 1;
}

/// The facts of a site. Only so many sites are kept apart.
fn site_of<'f>(facts: &'f mut Facts, site: Option<&str>) -> &'f mut SiteFacts {
    let site = site.unwrap_or_default();
    let is_known = facts.sites.contains_key(site) || facts.sites.len() < SITES;
    facts.sites.entry(if is_known { site.to_owned() } else { String::new() }).or_default()
}
