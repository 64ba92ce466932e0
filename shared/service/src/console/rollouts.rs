//! The console's requests about rollouts, and the steps of rollouts.
//!
//! A request only stores what is to happen. The steps are taken by a function that a schedule invokes, so that no browser and
//! no laptop is needed. Both use the same writes.

mod forgetting;
mod holder;
mod listing;
mod looking;
mod requests;
mod retrying;
mod spec;
mod step;
mod telling;
mod undoing;
mod window;

use rollcall_core::{
    Actor, Counts, Key, Outcome, Phase, Rollout, RolloutName, RolloutState, Timestamp, keep_rollout, rollout_spec,
};
use rollcall_wire::EventData;
use rollcall_wire::console::{Problem, ProblemCode, RolloutCounts, RolloutProgress, RolloutSpec};
use rollcall_wire::events::RolloutChanged;

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::audit::Changed;
use crate::console::handle::{Admitted, Console};
use crate::console::query::Query;
use crate::console::refusal::{failed, internal};
use crate::http::Request;
use crate::queue::Queue;
use crate::store::{Order, Store, StoreError};

pub(crate) use requests::Deed;
use spec::{Told, told};
pub use step::Stepped;

/// How many rollouts are read at once.
const PAGE: i32 = 100;

/// How many marks are read: more than rollouts may be under way.
const MARKED: i32 = 1_000;

/// The events of rollouts.
type Event = fn(RolloutChanged) -> EventData;

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    async fn stored_rollout(&self, name: &RolloutName) -> Result<Rollout, Problem> {
        self.known_rollout(name)
            .await?
            .ok_or_else(|| Problem::new(ProblemCode::UnknownRollout, format!("there is no rollout {name}")))
    }

    async fn known_rollout(&self, name: &RolloutName) -> Result<Option<Rollout>, Problem> {
        let item = self.store.read(&Key::Rollout(name.clone())).await.map_err(|error| failed(&error))?;
        item.as_ref().map(Rollout::read).transpose().map_err(|error| internal(&error))
    }

    /// What a rollout was told when it was made.
    async fn told(&self, name: &RolloutName) -> Result<(RolloutSpec, Told), Problem> {
        let item = self.store.read(&Key::RolloutSpec(name.clone())).await.map_err(|error| failed(&error))?;
        let item = item.unwrap_or_default();
        let text = rollout_spec(&item).map_err(|error| internal(&error))?;
        let spec: RolloutSpec = serde_json::from_str(text).map_err(|error| internal(&error))?;
        let told = told(&spec)?;
        Ok((spec, told))
    }

    /// The names of the rollouts that are marked as under way. One that is over may be among them for a moment.
    async fn marked(&self) -> Result<Vec<RolloutName>, Problem> {
        let Some([first, last]) = RolloutName::bounds() else { return Ok(vec![]) };
        let keys = Key::RolloutUnderWay(first)..=Key::RolloutUnderWay(last);
        let items = self.store.range(keys, Order::Ascending, MARKED).await.map_err(|error| failed(&error))?;
        let name = |(key, _)| match key {
            Key::RolloutUnderWay(name) => Some(name),
            _ => None,
        };
        Ok(items.into_iter().filter_map(name).collect())
    }

    /// Stores how far a rollout is, with its event: both or none. `false` if it was stored since it was read.
    async fn keep_rollout(
        &self,
        name: &RolloutName,
        read: &Rollout,
        rollout: &Rollout,
        event: Option<Event>,
        admitted: &Admitted<'_>,
    ) -> Result<bool, Problem> {
        let update = keep_rollout(name, read, rollout);
        let is_kept = match event {
            Some(event) => {
                let told = event(changed(rollout));
                self.write_and_tell(admitted, &Changed::Rollout(name), &told, &update).await?
            }
            None => matches!(self.write(&update).await?, Outcome::Applied { .. }),
        };
        if is_kept && event.is_some() {
            let (state, wave) = (rollout.state, rollout.wave + 1);
            tracing::info!(%name, %state, wave, reason = rollout.reason, outcome = "changed", "rollout");
        }
        Ok(is_kept)
    }
}

/// The next rollouts behind a name, by their names: at most so many.
pub(crate) async fn rollouts(
    store: &impl Store,
    after: Option<&RolloutName>,
    limit: i32,
) -> Result<Vec<(RolloutName, Rollout)>, StoreError> {
    let Some([first, last]) = RolloutName::bounds() else { return Ok(vec![]) };
    let keys = Key::Rollout(after.cloned().unwrap_or(first))..=Key::Rollout(last);
    // The range begins with the name itself, which is left out.
    let items = store.range(keys, Order::Ascending, limit.saturating_add(1)).await?;
    let rollout = |(key, item)| match key {
        Key::Rollout(name) if Some(&name) != after => Some(Rollout::read(&item).map(|rollout| (name, rollout))),
        _ => None,
    };
    let most = usize::try_from(limit).unwrap_or_default();
    items.into_iter().filter_map(rollout).take(most).collect::<Result<_, _>>().map_err(StoreError::from)
}

/// The names of the rollouts that are kept, those that are over as well.
pub(crate) async fn names(store: &impl Store) -> Result<Vec<RolloutName>, StoreError> {
    let mut names: Vec<RolloutName> = vec![];
    loop {
        let page = rollouts(store, names.last(), PAGE).await?;
        if page.is_empty() {
            return Ok(names);
        }
        names.extend(page.into_iter().map(|(name, _)| name));
    }
}

/// What an event tells of a rollout.
fn changed(rollout: &Rollout) -> RolloutChanged {
    RolloutChanged {
        state: progress(rollout.state),
        reason: rollout.reason.clone(),
        wave: rollout.shown_wave() as u64,
        nodes: nodes(rollout),
        counts: counts(rollout.counts()),
        retries: rollout.retries,
    }
}

/// How many nodes it is for; `None` until they are listed.
fn nodes(rollout: &Rollout) -> Option<u64> {
    let is_listed = rollout.phase != Phase::Listing || rollout.total > 0;
    is_listed.then_some(rollout.total)
}

fn progress(state: RolloutState) -> RolloutProgress {
    match state {
        RolloutState::Waiting => RolloutProgress::Waiting,
        RolloutState::Running => RolloutProgress::Running,
        RolloutState::Paused => RolloutProgress::Paused,
        RolloutState::Failed => RolloutProgress::Failed,
        RolloutState::Aborted => RolloutProgress::Aborted,
        RolloutState::RollingBack => RolloutProgress::RollingBack,
        RolloutState::RolledBack => RolloutProgress::RolledBack,
        RolloutState::Completed => RolloutProgress::Completed,
    }
}

fn counts(counts: Counts) -> RolloutCounts {
    let Counts { waiting, told, applied, failed, retrying, lost, skipped, rolled_back, superseded, .. } = counts;
    RolloutCounts { waiting, told, applied, failed, retrying, lost, skipped, rolled_back, superseded }
}

/// What a step of a rollout is made with: it is the rollout that changes nodes.
fn stepping<'a>(request: &'a Request, name: &RolloutName, now: Timestamp) -> Admitted<'a> {
    Admitted { request, now, actor: Some(Actor::named(&format!("rollout:{name}"))), query: Query::default() }
}

#[cfg(test)]
mod tests;
