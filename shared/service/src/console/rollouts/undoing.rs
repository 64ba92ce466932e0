//! Giving nodes back what they had before.

use futures_util::{StreamExt as _, stream};
use rollcall_core::{
    ChangeKind, Expected, FirmwareVersion, Item, Node, NodeId, Place, Rollout, RolloutName, RolloutState, Target,
    TargetState, roll_back_config,
};
use rollcall_wire::EventData;
use rollcall_wire::console::{Problem, ProblemCode};

use super::looking::count;
use super::spec::Told;
use super::step::Step;
use super::telling::{TELL, TRIES, is_made};
use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::handle::{Admitted, Console};
use crate::console::refusal::failed;
use crate::queue::Queue;
use crate::store::Store;

/// How many nodes get back what they had at the same time.
const AT_ONCE: usize = 16;

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Gives the next nodes back what they had before.
    pub(super) async fn undo_targets(
        &self,
        name: &RolloutName,
        read: &Rollout,
        told: &Told,
        admitted: &Admitted<'_>,
    ) -> Result<Step, Problem> {
        let targets = self.targets(name, read.looked_to.as_ref(), TELL).await?;
        let mut rollout = read.clone();
        for state in self.undo_all(name, &targets, told, admitted).await? {
            count(&mut rollout.facts.counts, state);
        }
        // A step that was under way when the rollout was stopped may have told a page more than is stored.
        let is_behind = |place: &Place| read.passed_to.as_ref().is_none_or(|to| place > to);
        let is_last = targets.first().is_none_or(|(place, _)| is_behind(place));
        rollout.looked_to = targets.last().map(|(place, _)| place.clone());
        if !is_last {
            return self.save(name, read, &rollout, None, admitted, true).await;
        }
        rollout.undone();
        self.save(name, read, &rollout, Some(EventData::RolloutRolledBack), admitted, false).await
    }

    /// A step has told these nodes while somebody else has stored the rollout: if that one rolls it back, so does this step.
    pub(super) async fn take_back(
        &self,
        name: &RolloutName,
        targets: &[(Place, Target)],
        told: &Told,
        admitted: &Admitted<'_>,
    ) -> Result<(), Problem> {
        let now = self.known_rollout(name).await?.map(|rollout| rollout.state);
        if !matches!(now, Some(RolloutState::RollingBack | RolloutState::RolledBack)) {
            return Ok(());
        }
        let mut moved = vec![];
        for (place, _) in targets {
            let key = rollcall_core::Key::Target(name.clone(), place.clone());
            let item = self.store.read(&key).await.map_err(|error| failed(&error))?;
            if let Some(target) = item.and_then(|item| Target::read(&item).ok()) {
                moved.push((place.clone(), target));
            }
        }
        self.undo_all(name, &moved, told, admitted).await.map(|_| ())
    }

    /// Gives these nodes back what they had, if they were told. Returns in which state each target is then.
    async fn undo_all(
        &self,
        name: &RolloutName,
        targets: &[(Place, Target)],
        told: &Told,
        admitted: &Admitted<'_>,
    ) -> Result<Vec<TargetState>, Problem> {
        let undoing = targets.iter().map(async |(place, target)| {
            if !target.state.is_told() && target.state != TargetState::Telling {
                return Ok(target.state);
            }
            let (state, reason) = self.undo_one(place.node(), target, told, admitted).await?;
            self.put(name, place, target, &target.now(state, reason)).await?;
            Ok(state)
        });
        stream::iter(undoing).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.into_iter().collect()
    }

    /// Gives a node back what it had, if it still has the change. Whatever is written of the node meanwhile, only another change
    /// of what it is to run is a reason to leave it alone.
    async fn undo_one(
        &self,
        id: &NodeId,
        target: &Target,
        told: &Told,
        admitted: &Admitted<'_>,
    ) -> Result<(TargetState, Option<&'static str>), Problem> {
        for _ in 0..TRIES {
            let (node, item) = match self.stored_node(id).await {
                Ok(stored) => stored,
                Err(problem) if problem.code == ProblemCode::UnknownNode => {
                    return Ok((TargetState::Skipped, Some("revoked")));
                }
                Err(problem) => return Err(problem),
            };
            if let Some(undone) = self.undo_as_read((id, &node, &item), target, told, admitted).await? {
                return Ok(undone);
            }
        }
        Err(Problem::new(ProblemCode::Unavailable, "others change the node at this moment"))
    }

    /// The same, if the node is still as it was read; `None` if it was written since.
    async fn undo_as_read(
        &self,
        (id, node, item): (&NodeId, &Node, &Item),
        target: &Target,
        told: &Told,
        admitted: &Admitted<'_>,
    ) -> Result<Option<(TargetState, Option<&'static str>)>, Problem> {
        if !is_made(node, &told.change) {
            // Of a node that was being told, nothing has changed; of one that was told, somebody else has changed it since.
            let is_told = target.state.is_told();
            return Ok(Some(if is_told { (TargetState::Superseded, None) } else { (TargetState::Waiting, None) }));
        }
        let made = match (told.change.kind(), target.before.as_deref()) {
            (ChangeKind::Config, Some(before)) => {
                let document = self.documents.get(&self.store, before).await.map_err(|error| failed(&error))?;
                let Some(document) = document else { return Ok(Some((target.state, Some("its document is deleted")))) };
                self.store_document(&document, admitted.now).await?;
                let update = roll_back_config(id, document.sha256(), node.config_version, node.config_origin);
                self.set_and_push(id, &document, update, admitted).await.map(|_| ())
            }
            (ChangeKind::Config, None) => {
                self.unset(id, &Expected::version(node.config_version), admitted).await.map(|_| ())
            }
            (ChangeKind::Firmware, None) => return Ok(Some((target.state, Some("no firmware was known before")))),
            (ChangeKind::Firmware, Some(before)) => {
                // A node may report any text as the version that it runs.
                let Ok(version) = before.parse::<FirmwareVersion>() else {
                    return Ok(Some((target.state, Some("the firmware before is not known for its model"))));
                };
                let unchanged = |update: rollcall_core::Update| update.unless_changed_since(Some(item));
                self.desire_firmware(id, &version, unchanged, admitted).await.map(|_| ())
            }
            (ChangeKind::Command, _) => return Ok(Some((target.state, None))),
        };
        let state = target.state;
        Ok(Some(match made.map_err(|problem| (problem.code, problem)) {
            Ok(()) => (TargetState::RolledBack, None),
            Err((ProblemCode::VersionMismatch | ProblemCode::NodeChanged, _)) => return Ok(None),
            Err((ProblemCode::RevokedNode | ProblemCode::UnknownNode, _)) => (TargetState::Skipped, Some("revoked")),
            Err((ProblemCode::UnknownFirmware | ProblemCode::OtherModel, _)) => {
                (state, Some("the firmware before is not known for its model"))
            }
            Err((ProblemCode::BelowMinimum, _)) => {
                (state, Some("the firmware before is below the minimum of its model"))
            }
            Err((_, problem)) => return Err(problem),
        }))
    }
}
