//! Which of two rollouts may change a node.

use rollcall_core::{ChangeKind, Key, NodeId, Outcome, Rollout, RolloutClaim, RolloutName, Timestamp, claim, tell};
use rollcall_wire::console::Problem;

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::handle::Console;
use crate::console::refusal::internal;
use crate::queue::Queue;
use crate::store::Store;

/// How often a claim is tried while others claim the same node.
const TRIES: usize = 4;

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Claims a node for a rollout. An error is the rollout that has it, and that this one waits for.
    pub(super) async fn claim(
        &self,
        node: &NodeId,
        (name, rollout): (&RolloutName, &Rollout),
    ) -> Result<Result<(), RolloutName>, Problem> {
        if rollout.kind == ChangeKind::Command {
            return Ok(Ok(()));
        }
        let (mut from, mut may_supersede) = (None, false);
        let mut holder = None;
        for _ in 0..TRIES {
            let outcome = self.write(&claim(node, rollout.kind, name, from.as_ref(), may_supersede)).await?;
            let Outcome::Refused { stored, .. } = outcome else { return Ok(Ok(())) };
            let stored = stored.as_ref().map(RolloutClaim::read).transpose().map_err(|error| internal(&error))?;
            let Some(stored) = stored else {
                from = None;
                continue;
            };
            let rival = self.known_rollout(&stored.holder).await?.filter(|rival| !rival.state.is_over());
            may_supersede = rival.as_ref().is_none_or(|rival| rollout.priority > rival.priority);
            let may_take = may_supersede
                || rival.is_some_and(|rival| {
                    !stored.is_told && rollout.precedes(name.as_str(), &rival, stored.holder.as_str())
                });
            if !may_take {
                return Ok(Err(stored.holder));
            }
            holder = Some(stored.holder.clone());
            from = Some(stored);
        }
        // Others claim it all the time: it is tried again in the next step.
        Ok(holder.map_or(Ok(()), Err))
    }

    /// Notes that a rollout begins to tell a node. An error is the rollout that has taken the node over.
    pub(super) async fn begin_to_tell(
        &self,
        node: &NodeId,
        (name, kind): (&RolloutName, ChangeKind),
        now: Timestamp,
    ) -> Result<Result<(), Option<RolloutName>>, Problem> {
        if kind == ChangeKind::Command {
            return Ok(Ok(()));
        }
        match self.write(&tell(node, kind, name, now)).await? {
            Outcome::Applied { .. } => Ok(Ok(())),
            Outcome::Refused { stored, .. } => {
                let stored = stored.as_ref().map(RolloutClaim::read).transpose().map_err(|error| internal(&error))?;
                Ok(Err(stored.map(|claim| claim.holder)))
            }
        }
    }

    /// Whether a rollout still has a node.
    pub(super) async fn has_claim(&self, node: &NodeId, name: &RolloutName, kind: ChangeKind) -> Result<bool, Problem> {
        let item = self.store.read(&Key::Claim(node.clone(), kind)).await;
        let item = item.map_err(|error| crate::console::refusal::failed(&error))?;
        let claim = item.as_ref().map(RolloutClaim::read).transpose().map_err(|error| internal(&error))?;
        Ok(claim.is_some_and(|claim| claim.holder == *name))
    }
}
