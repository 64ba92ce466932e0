//! Telling nodes again that have failed.

use futures_util::{StreamExt as _, stream};
use rollcall_core::{
    FirmwareState, NodeId, Place, PresenceState, Rollout, RolloutName, Target, TargetState, Update,
    desire_config_again, shown_presence,
};
use rollcall_wire::console::{Problem, ProblemCode};

use super::spec::{Change, Told};
use super::telling::{AT_ONCE, Made, TRIES, why_skipped};
use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::handle::{Admitted, Console};
use crate::queue::Queue;
use crate::store::Store;

/// What became of telling nodes again.
#[derive(Default)]
pub(super) struct Again {
    /// Those that were told.
    pub(super) told: Vec<(Place, Target)>,
    /// Why one of the others could not be told now. The next look tries again.
    pub(super) failed: Option<Problem>,
}

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Tells those of these nodes again that have failed and whose time has come, as far as there is room at their sites.
    /// If the rollout was stored since it was read, it may be paused or over, and the others are not told.
    pub(super) async fn tell_again(
        &self,
        (name, read): (&RolloutName, &Rollout),
        targets: &mut [(Place, Target)],
        told: &Told,
        admitted: &Admitted<'_>,
    ) -> Result<Again, Problem> {
        let mut due: Vec<_> = targets.iter_mut().filter(|(_, target)| target.is_due(admitted.now)).collect();
        if due.is_empty() {
            return Ok(Again::default());
        }
        if let Some(most) = told.max_parallel {
            let mut under_way = self.count_under_way(name, read, told, admitted).await?;
            due.retain(|(_, target)| {
                let site = under_way.entry(target.site.clone().unwrap_or_default()).or_default();
                let has_room = *site < most;
                *site += u64::from(has_room);
                has_room
            });
        }
        let telling = due.into_iter().map(async |(place, target)| {
            let to = self.tell_one_again((name, read), (place, target), told, admitted).await?;
            let is_told = to.state == TargetState::Told;
            *target = to;
            Ok::<_, Problem>(is_told.then(|| (place.clone(), target.clone())))
        });
        let results: Vec<_> = stream::iter(telling).buffered(AT_ONCE).collect().await;
        let mut again = Again::default();
        for result in results {
            match result {
                Ok(told) => again.told.extend(told),
                Err(problem) => again.failed = again.failed.or(Some(problem)),
            }
        }
        Ok(again)
    }

    /// Tells one node again. The attempt is counted before the node is told: a step that was interrupted is gone on with, and
    /// no attempt is made that is not counted. Returns the target as it is then.
    async fn tell_one_again(
        &self,
        (name, read): (&RolloutName, &Rollout),
        (place, target): (&Place, &Target),
        told: &Told,
        admitted: &Admitted<'_>,
    ) -> Result<Target, Problem> {
        let (id, kind) = (place.node(), told.change.kind());
        if let Err(rival) = self.begin_to_tell(id, (name, kind), admitted.now).await? {
            let why = rival.map(|rival| format!("by the rollout {rival}"));
            let to = target.now(TargetState::Superseded, why.as_deref());
            self.put(name, place, target, &to).await?;
            return Ok(to);
        }
        let is_reached = match self.stored_node(id).await {
            Ok((node, _)) => shown_presence(&node, admitted.now, &self.policy).state == PresenceState::Online,
            Err(problem) if problem.code == ProblemCode::UnknownNode => false,
            Err(problem) => return Err(problem),
        };
        // A node that comes back says with its first check-in what it has said before: that the update has failed.
        if matches!(told.change, Change::Firmware(_)) && !is_reached && !target.is_told_again() {
            return Ok(target.clone());
        }
        if self.known_rollout(name).await?.is_none_or(|rollout| rollout.revision != read.revision) {
            return Ok(target.clone());
        }
        let telling = if target.is_told_again() { target.clone() } else { target.told_again() };
        if !self.put(name, place, target, &telling).await? {
            return Ok(target.clone());
        }
        let to = match self.change_again((name, id), &telling, told, admitted).await {
            Ok(Made::Version(version)) => telling.told(version, is_reached, admitted.now),
            Ok(Made::Superseded) => telling.now(TargetState::Superseded, None),
            Err(problem) => match why_skipped(&problem) {
                Some("revoked") => telling.now(TargetState::Skipped, Some("revoked")),
                Some(why) => telling.now(TargetState::Failed, Some(why)),
                None => return Err(problem),
            },
        };
        self.put(name, place, &telling, &to).await?;
        Ok(to)
    }

    /// Makes the change of a node once more: its configuration in a new version, the same firmware desired again, or another
    /// command. A node of which somebody desires something else since is left alone.
    async fn change_again(
        &self,
        (name, id): (&RolloutName, &NodeId),
        target: &Target,
        told: &Told,
        admitted: &Admitted<'_>,
    ) -> Result<Made, Problem> {
        match &told.change {
            Change::Config(document) => {
                self.store_document(document, admitted.now).await?;
                let update = desire_config_again(id, document.sha256(), target.version.unwrap_or_default());
                match self.set_and_push(id, document, update, admitted).await {
                    Ok((set, _)) => Ok(Made::Version(Some(set.version))),
                    Err(problem) if problem.code == ProblemCode::VersionMismatch => Ok(Made::Superseded),
                    Err(problem) => Err(problem),
                }
            }
            Change::Firmware(version) => {
                for _ in 0..TRIES {
                    let (node, item) = self.stored_node(id).await?;
                    if node.desired_firmware.as_deref() != Some(version.as_str()) {
                        return Ok(Made::Superseded);
                    }
                    if !matches!(node.firmware_state(), FirmwareState::Failed | FirmwareState::RolledBack) {
                        // An interrupted step has told it, or somebody else.
                        return Ok(Made::Version(None));
                    }
                    let unchanged = |update: Update| update.unless_changed_since(Some(&item));
                    match self.desire_firmware(id, version, unchanged, admitted).await {
                        Ok(_) => return Ok(Made::Version(None)),
                        Err(problem) if problem.code == ProblemCode::NodeChanged => {}
                        Err(problem) => return Err(problem),
                    }
                }
                Err(Problem::new(ProblemCode::Unavailable, "others change the node at this moment"))
            }
            Change::Command(spec) => {
                let number = self.command_node(name, id, (spec, target.attempts), admitted).await?;
                Ok(Made::Version(Some(number)))
            }
        }
    }
}
