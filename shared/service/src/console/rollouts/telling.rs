//! Telling the nodes of a wave.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use rollcall_core::{
    ChangeKind, IdempotencyKey, Key, Node, NodeId, Outcome, Place, PresenceState, Rollout, RolloutName, Target,
    TargetState, Update, move_target, roll_back_config, shown_presence,
};
use rollcall_wire::console::{CommandSpec, Problem, ProblemCode};

use super::listing::{BELOW_MINIMUM, Models};
use super::spec::{Change, Told};
use super::step::Step;
use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::commands::queueing_of;
use crate::console::handle::{Admitted, Console, parse};
use crate::console::refusal::{failed, internal};
use crate::queue::Queue;
use crate::store::{Order, Store};

/// How many nodes one step tells at most.
pub(super) const TELL: u64 = 64;
/// How many of them are told at the same time.
pub(super) const AT_ONCE: usize = 16;
/// How often a node is told while others change it.
pub(super) const TRIES: usize = 3;

/// How many nodes of each site are under way.
pub(super) type UnderWay = BTreeMap<String, u64>;

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Tells the next nodes of the wave. With `under_way`, no more of a site than may be under way at a time: it waits for
    /// the first node for which there is no room, since places are kept.
    pub(super) async fn tell_targets(
        &self,
        name: &RolloutName,
        read: &Rollout,
        told: &Told,
        under_way: Option<UnderWay>,
        admitted: &Admitted<'_>,
    ) -> Result<Step, Problem> {
        let most = read.left(&told.schedule).min(TELL);
        let mut targets = self.targets(name, read.passed_to.as_ref(), most).await?;
        if targets.is_empty() {
            // Nodes were deleted since they were listed.
            let rollout = Rollout { total: read.passed, ..read.clone() };
            return self.save(name, read, &rollout, None, admitted, true).await;
        }
        if let (Some(mut under_way), Some(most)) = (under_way, told.max_parallel) {
            let room = targets.iter().position(|(_, target)| {
                let site = under_way.entry(target.site.clone().unwrap_or_default()).or_default();
                *site += u64::from(target.state != TargetState::Skipped);
                *site > most
            });
            targets.truncate(room.unwrap_or(targets.len()));
        }
        if targets.is_empty() {
            return Ok(Step::Waits);
        }
        let telling = targets
            .iter()
            .map(async |(place, target)| (place, self.tell_one((name, read), (place, target), told, admitted).await));
        let results: Vec<_> = stream::iter(telling).buffered(AT_ONCE).collect().await;
        let mut rollout = read.clone();
        let mut failure = None;
        for (place, result) in results {
            match result {
                // Somebody has stored the rollout meanwhile, and may have ended it.
                Ok(false) => {
                    self.take_back(name, &targets, told, admitted).await?;
                    return Ok(Step::Lost);
                }
                Ok(true) => {
                    rollout.passed += 1;
                    rollout.passed_to = Some(place.clone());
                    rollout.told_at = Some(admitted.now);
                }
                // Those behind it are told, and are not told once more: their targets say so.
                Err(problem) => {
                    failure = Some(problem);
                    break;
                }
            }
        }
        rollout.reason = format!("wave {} is told: {} of {} nodes", read.wave + 1, rollout.passed, rollout.total);
        let step = self.save(name, read, &rollout, None, admitted, true).await?;
        if step == Step::Lost {
            self.take_back(name, &targets, told, admitted).await?;
        }
        failure.map_or(Ok(step), Err)
    }

    /// The next targets behind a place, in order.
    pub(super) async fn targets(
        &self,
        name: &RolloutName,
        after: Option<&Place>,
        most: u64,
    ) -> Result<Vec<(Place, Target)>, Problem> {
        let Some([first, last]) = Place::bounds() else { return Ok(vec![]) };
        let keys = Key::Target(name.clone(), after.cloned().unwrap_or(first))..=Key::Target(name.clone(), last);
        // The range begins with the place itself, which is left out.
        let limit = i32::try_from(most.saturating_add(1)).unwrap_or(i32::MAX);
        let items = self.store.range(keys, Order::Ascending, limit).await.map_err(|error| failed(&error))?;
        let target = |(key, item)| match key {
            Key::Target(_, place) if Some(&place) != after => Some(Target::read(&item).map(|target| (place, target))),
            _ => None,
        };
        let mut targets: Vec<_> =
            items.into_iter().filter_map(target).collect::<Result<_, _>>().map_err(|error| internal(&error))?;
        targets.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(targets)
    }

    /// Tells one node, unless it was told or skipped before. `false` if the rollout was stored since it was read: then the
    /// node is not told, since the rollout may be paused or over.
    async fn tell_one(
        &self,
        (name, read): (&RolloutName, &Rollout),
        (place, target): (&Place, &Target),
        told: &Told,
        admitted: &Admitted<'_>,
    ) -> Result<bool, Problem> {
        let (id, kind) = (place.node(), told.change.kind());
        let is_new = target.state == TargetState::Waiting;
        let target = if is_new {
            let Some(telling) = self.prepare(name, (place, target), told).await? else { return Ok(true) };
            telling
        } else {
            target.clone()
        };
        if target.state != TargetState::Telling {
            return Ok(true);
        }
        if let Err(rival) = self.begin_to_tell(id, (name, kind), admitted.now).await? {
            let why = rival.map(|rival| format!("by the rollout {rival}"));
            self.put(name, place, &target, &target.now(TargetState::Superseded, why.as_deref())).await?;
            return Ok(true);
        }
        let is_reached = match self.stored_node(id).await {
            Ok((node, _)) => shown_presence(&node, admitted.now, &self.policy).state == PresenceState::Online,
            Err(problem) if problem.code == ProblemCode::UnknownNode => false,
            Err(problem) => return Err(problem),
        };
        if self.known_rollout(name).await?.is_none_or(|rollout| rollout.revision != read.revision) {
            return Ok(false);
        }
        let known = if is_new { None } else { Some(&target) };
        let to = match self.change_node((name, id), &told.change, known, admitted).await {
            Ok(Made::Version(version)) => {
                Target { wave: Some(read.wave as u64), ..target.told(version, is_reached, admitted.now) }
            }
            Ok(Made::Superseded) => target.now(TargetState::Superseded, None),
            Err(problem) => match why_skipped(&problem) {
                Some(why) => target.now(TargetState::Skipped, Some(why)),
                None => return Err(problem),
            },
        };
        self.put(name, place, &target, &to).await?;
        Ok(true)
    }

    /// Notes what is desired of a node before it is told; `None` if it is not told, or another stepper tells it.
    async fn prepare(
        &self,
        name: &RolloutName,
        (place, target): (&Place, &Target),
        told: &Told,
    ) -> Result<Option<Target>, Problem> {
        let id = place.node();
        let item = self.store.read(&Key::Node(id.clone())).await.map_err(|error| failed(&error))?;
        let node = item.as_ref().map(Node::read).transpose().map_err(|error| internal(&error))?;
        let why_not = match &node {
            Some(node) => self.why_not(node, &self.about(id).await?, &told.change, &mut Models::new()).await?,
            None => Some("revoked".to_owned()),
        };
        let (Some(node), None) = (node, &why_not) else {
            self.put(name, place, target, &target.now(TargetState::Skipped, why_not.as_deref())).await?;
            return Ok(None);
        };
        let before = before(&node, told.change.kind());
        let telling = Target { before, ..target.now(TargetState::Telling, None) };
        Ok(self.put(name, place, target, &telling).await?.then_some(telling))
    }

    /// Makes the change of a node. `known` is the target of a node that an earlier step began to tell: what is desired of it
    /// must be what was then, or the change itself.
    async fn change_node(
        &self,
        (name, id): (&RolloutName, &NodeId),
        change: &Change,
        known: Option<&Target>,
        admitted: &Admitted<'_>,
    ) -> Result<Made, Problem> {
        let kind = change.kind();
        if let Change::Command(spec) = change {
            return self.command_node(name, id, (spec, 1), admitted).await.map(|number| Made::Version(Some(number)));
        }
        for _ in 0..TRIES {
            let (node, item) = self.stored_node(id).await?;
            let is_made = is_made(&node, change);
            if known.is_some_and(|target| !is_made && before(&node, kind) != target.before) {
                return Ok(Made::Superseded);
            }
            // This is read after the node: a rival that takes the node over later finds what is written now.
            if !self.has_claim(id, name, kind).await? {
                return Ok(Made::Superseded);
            }
            match change {
                Change::Config(document) => {
                    self.store_document(document, admitted.now).await?;
                    // A configuration that was set for the site stays the site's.
                    let (version, origin) = (node.config_version, node.config_origin);
                    let update = roll_back_config(id, document.sha256(), version, origin);
                    match self.set_and_push(id, document, update, admitted).await {
                        Ok((set, _)) => return Ok(Made::Version(Some(set.version))),
                        Err(problem) if problem.code == ProblemCode::VersionMismatch => {}
                        Err(problem) => return Err(problem),
                    }
                }
                Change::Firmware(version) => {
                    let unchanged = |update: Update| update.unless_changed_since(Some(&item));
                    match self.desire_firmware(id, version, unchanged, admitted).await {
                        Ok(_) => return Ok(Made::Version(None)),
                        Err(problem) if problem.code == ProblemCode::NodeChanged => {}
                        Err(problem) => return Err(problem),
                    }
                }
                Change::Command(_) => {}
            }
        }
        Err(Problem::new(ProblemCode::Unavailable, "others change the node at this moment"))
    }

    /// Queues a command under a key that follows from the rollout's name and the attempt, so that it is queued once in each.
    pub(super) async fn command_node(
        &self,
        name: &RolloutName,
        id: &NodeId,
        (spec, attempt): (&CommandSpec, u64),
        admitted: &Admitted<'_>,
    ) -> Result<u64, Problem> {
        let key = if attempt > 1 { format!("rollout-{name}:{attempt}") } else { format!("rollout-{name}") };
        let key: IdempotencyKey = parse(&key, "Idempotency-Key")?;
        let (command, _) = self.queue_one(id, &queueing_of(spec, key)?, admitted).await?;
        Ok(command.number)
    }

    /// Moves a target. `false` if it has moved meanwhile: what another stepper has stored stays.
    pub(super) async fn put(
        &self,
        name: &RolloutName,
        place: &Place,
        read: &Target,
        to: &Target,
    ) -> Result<bool, Problem> {
        if read == to {
            return Ok(true);
        }
        Ok(matches!(self.write(&move_target(name, place, read, to)).await?, Outcome::Applied { .. }))
    }
}

/// What came of changing a node.
pub(super) enum Made {
    /// It is changed: the version of its configuration, or the number of its command.
    Version(Option<u64>),
    /// Somebody else has changed it, or has taken it over.
    Superseded,
}

/// Whether a change is desired of a node already.
pub(super) fn is_made(node: &Node, change: &Change) -> bool {
    match change {
        Change::Config(document) => node.desired.as_ref().is_some_and(|desired| desired.sha256 == document.sha256()),
        Change::Firmware(version) => node.desired_firmware.as_deref() == Some(version.as_str()),
        Change::Command(_) => false,
    }
}

/// What is desired of a node, as far as a rollout changes it.
fn before(node: &Node, kind: ChangeKind) -> Option<String> {
    match kind {
        ChangeKind::Config => node.desired.as_ref().map(|desired| desired.sha256.clone()),
        ChangeKind::Firmware => node.desired_firmware.clone().or_else(|| node.firmware.clone()),
        ChangeKind::Command => None,
    }
}

/// Why a node is skipped that could not be told; `None` if it is to be told later.
pub(super) fn why_skipped(problem: &Problem) -> Option<&'static str> {
    match problem.code {
        ProblemCode::UnknownNode | ProblemCode::RevokedNode => Some("revoked"),
        ProblemCode::OtherModel => Some("other-model"),
        ProblemCode::UnknownFirmware => Some("noartifact"),
        ProblemCode::BelowMinimum => Some(BELOW_MINIMUM),
        ProblemCode::QueueFull => Some("queue-full"),
        ProblemCode::KeyReused => Some("key-reused"),
        _ => None,
    }
}
