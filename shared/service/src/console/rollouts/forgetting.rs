//! Rollouts that are over are deleted in time.

use futures_util::{StreamExt as _, stream};
use rollcall_core::{DELETED_LATER_S, Rollout, RolloutName, forget_rollout_spec, forget_target};
use rollcall_wire::console::Problem;

use super::step::Step;
use super::telling::AT_ONCE;
use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::handle::{Admitted, Console};
use crate::queue::Queue;
use crate::store::Store;

/// How many targets one step has deleted in time.
const PAGE: u64 = 500;
impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Has the next targets of a rollout that is over deleted in time: as long after its end as events are kept. After the
    /// last of them, the rollout itself.
    pub(super) async fn forget_targets(
        &self,
        name: &RolloutName,
        read: &Rollout,
        admitted: &Admitted<'_>,
    ) -> Result<Step, Problem> {
        let at = admitted.now.plus_seconds(self.endpoints.keep_for).0 / 1000;
        let targets = self.targets(name, read.forgotten_to.as_ref(), PAGE).await?;
        // A target that is gone meanwhile is refused, and stays so.
        let forgetting = targets.iter().map(async |(place, _)| self.write(&forget_target(name, place, at)).await);
        let forgotten: Vec<_> = stream::iter(forgetting).buffer_unordered(AT_ONCE).collect().await;
        forgotten.into_iter().try_for_each(|outcome| outcome.map(|_| ()))?;
        let mut rollout = read.clone();
        rollout.forgotten_to = targets.last().map(|(place, _)| place.clone());
        if targets.len() as u64 >= PAGE {
            return self.save(name, read, &rollout, None, admitted, true).await;
        }
        let later = u64::from(DELETED_LATER_S);
        let _ = self.write(&forget_rollout_spec(name, Some(at + 2 * later))).await?;
        (rollout.forgotten_to, rollout.forget_at) = (None, Some(at + later));
        self.save(name, read, &rollout, None, admitted, false).await
    }

    /// Has what a rollout was told kept: it is rolled back, after it was over.
    pub(super) async fn keep_spec(&self, name: &RolloutName) -> Result<(), Problem> {
        self.write(&forget_rollout_spec(name, None)).await.map(|_| ())
    }
}
