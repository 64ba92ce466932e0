//! The sweep: finds nodes that have gone, which no event says.
//!
//! Every run looks at the suspected nodes whose grace period is over. Now and then it also goes through all nodes, a part
//! in each run, for those whose `$disconnect` was lost, for those that have stopped polling, and for commands that have
//! expired while their node was away. Every write is guarded by what was read, so that two runs at once, or one that
//! comes late, do no harm.

mod collecting;
mod recounting;

use futures_util::future::{join_all, join3};
use rollcall_core::{
    Event, Item, Key, Malformed, Node, NodeId, Policy, SCAN_SEGMENTS, Seconds, SweepState, Timestamp, expired,
    gone_for_good,
};
use serde::Serialize;

use crate::commands::note_over;
use crate::error::chain;
use crate::record::{RecordError, record};
use crate::store::{BATCH, PageKey, Segment, Store, StoreError};

/// How many nodes of each shard one run calls offline at most. The next run goes on.
const SUSPECTS: i32 = 2_500;
/// How many of these writes are under way at a time.
const LANES: usize = 8;
/// How many runs there are from the begin of a slow scan to that of the next: on AWS, a run each minute and a scan each
/// quarter of an hour.
const RUNS_PER_SCAN: Seconds = 15;
/// How many pages of the slow scan one run reads at most, and how many nodes a page has.
const PAGES: usize = 40;
const PAGE: i32 = 500;
/// After how many nodes that were counted as something else a run reads no more pages: each is a write, and after an upgrade
/// nobody is counted yet.
const RECOUNTS: u64 = 2_000;
/// How many nodes tell whether anything was stored lately.
const SAMPLE: i32 = 25;

/// Sweeps the nodes.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Sweeps<S> {
    pub store: S,
    pub policy: Policy,
    /// How often the sweep runs, in seconds.
    pub every: Seconds,
    /// How long a document is kept that no node uses, in seconds.
    pub keep_for: Seconds,
}

/// What a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// How many nodes went offline because their grace period is over.
    pub expired: u64,
    /// How many nodes went offline because nothing was heard of them for too long.
    pub lost: u64,
    /// How many nodes have commands that the slow scan has found to be over.
    pub overdue: u64,
    /// How many nodes the slow scan has looked at.
    pub scanned: u64,
    /// How many nodes the slow scan has counted as something else than they were counted as.
    pub recounted: u64,
    /// How many documents were deleted because no node uses them.
    pub collected: u64,
    /// How many nodes could not be looked at or written. The next run tries again.
    pub failed: u64,
    /// Whether no node may be called offline now, because nothing was stored for a while.
    pub held: bool,
}

/// Why a run ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The store failed.
    #[error("the nodes can't be looked at")]
    Store(#[from] StoreError),
    /// What the last run left can't be read.
    #[error("the state of the sweep is unreadable")]
    State(#[from] Malformed),
}

/// Why a node goes offline.
type Conclusion = fn(&NodeId, &Node, Timestamp, &Policy) -> Option<Event>;

impl<S: Store> Sweeps<S> {
    /// Looks for nodes that have gone, and logs what it did.
    ///
    /// # Errors
    /// If the nodes can't be looked at. What was written until then stays.
    pub async fn run(&self, now: Timestamp) -> Result<Swept, SweepError> {
        let swept = self.sweep(now).await;
        match &swept {
            Ok(Swept { expired, lost, overdue, scanned, recounted, collected, failed, held }) => {
                let some = |count: &u64| Some(*count).filter(|count| *count > 0);
                let (failures, held) = (some(failed), held.then_some(1));
                let (expired, lost, overdue) = (some(expired), some(lost), some(overdue));
                let (scanned, recounted, collected) = (some(scanned), some(recounted), some(collected));
                tracing::info!(
                    outcome = "swept",
                    Sweeps = 1,
                    Expired = expired,
                    Lost = lost,
                    Overdue = overdue,
                    Scanned = scanned,
                    Recounted = recounted,
                    Collected = collected,
                    Held = held,
                    Failures = failures,
                    "sweep"
                );
            }
            Err(error) => {
                tracing::error!(outcome = "failed", error = chain(error), Failures = 1, "sweep");
            }
        }
        swept
    }

    async fn sweep(&self, now: Timestamp) -> Result<Swept, SweepError> {
        let state = self.store.read(&Key::Sweep);
        let suspects = self.store.suspects(Timestamp(0)..=now, SUSPECTS);
        let sample = self.store.page_of_all(None, SAMPLE);
        let (state, suspects, sample) = join3(state, suspects, sample).await;
        let read = SweepState::read(&state?.unwrap_or_default())?;
        let (mut state, mut swept) = (read.clone(), Swept::default());
        let heard = sample?.0.iter().filter_map(|(_, item)| Node::read(item).ok()?.last_heard()).max();
        state.begin(heard, now, self.every, &self.policy);
        swept.held = !state.may_conclude(now, &self.policy);
        if !swept.held {
            self.expire(&suspects?, &mut swept, now).await;
            self.scan(&mut state, &mut swept, now).await?;
        }
        // If another run has kept its state meanwhile, that one counts.
        let _ = self.store.write(&state.keep(&read)).await?;
        Ok(swept)
    }

    /// Calls suspected nodes offline: in each lane one after the other.
    async fn expire(&self, suspects: &[NodeId], swept: &mut Swept, now: Timestamp) {
        let lane = suspects.len().div_ceil(LANES).max(1);
        let lanes = suspects.chunks(lane).map(async |lane| {
            let (mut done, mut failed) = (0, 0);
            for batch in lane.chunks(BATCH) {
                let (concluded, not) = self.expire_batch(batch, now).await;
                (done, failed) = (done + concluded, failed + not);
            }
            (done, failed)
        });
        for (done, failed) in join_all(lanes).await {
            swept.expired += done;
            swept.failed += failed;
        }
    }

    async fn expire_batch(&self, batch: &[NodeId], now: Timestamp) -> (u64, u64) {
        match self.store.nodes(batch).await {
            Ok(nodes) => self.conclude(&nodes, now, expired).await,
            Err(error) => {
                tracing::warn!(error = chain(&error), "suspected nodes can't be read");
                (0, u64::try_from(batch.len()).unwrap_or(u64::MAX))
            }
        }
    }

    /// Goes on with the slow scan, if one is due. It also finds grace periods that a wrong clock has begun, whose ends lie
    /// too far in the future for the index.
    async fn scan(&self, state: &mut SweepState, swept: &mut Swept, now: Timestamp) -> Result<(), StoreError> {
        if state.begin_scan(now, self.every.saturating_mul(RUNS_PER_SCAN)) {
            self.choose(state, now).await?;
        }
        let was_scanning = state.scanning().is_some();
        for _ in 0..PAGES {
            let Some((index, after)) = state.scanning().filter(|_| swept.recounted < RECOUNTS) else { break };
            let after = after.map(|node| PageKey::from(&Key::Node(node.clone())));
            let segment = Segment { index, of: SCAN_SEGMENTS };
            let (nodes, next) = self.store.page_of_segment(segment, after, PAGE).await?;
            swept.scanned += u64::try_from(nodes.len()).unwrap_or(u64::MAX);
            let (concluded, failed) = self.conclude(&nodes, now, gone_for_good).await;
            swept.lost += concluded;
            swept.failed += failed;
            self.note_commands(&nodes, swept, now).await;
            self.note_uses(&nodes, state).await?;
            self.recount(&nodes, swept, now).await?;
            state.scanned(next.and_then(|next| Key::read(&next.pk, &next.sk).ok()??.node().cloned()));
        }
        if was_scanning && state.scanning().is_none() {
            self.delete_empty_counts().await;
        }
        self.collect(state, swept, now).await
    }

    /// Notes which commands of these nodes are over. A node does so itself when it checks in, but it may stay away.
    async fn note_commands(&self, nodes: &[(NodeId, Item)], swept: &mut Swept, now: Timestamp) {
        for (id, item) in nodes {
            // An unreadable item was counted before.
            let Ok(node) = Node::read(item) else { continue };
            match note_over(&self.store, id, node.command_numbers(), now).await {
                Ok(noted) => swept.overdue += u64::from(noted),
                Err(error) => {
                    tracing::warn!(node = %id, error = chain(&error), "a node's commands can't be swept");
                    swept.failed += 1;
                }
            }
        }
    }

    /// Records what is concluded of each node. Returns how many went offline, and how many could not be judged.
    async fn conclude(&self, nodes: &[(NodeId, Item)], now: Timestamp, conclusion: Conclusion) -> (u64, u64) {
        let (mut done, mut failed) = (0, 0);
        for (id, item) in nodes {
            match self.conclude_one(id, item, now, conclusion).await {
                Ok(offline) => done += u64::from(offline),
                Err(error) => {
                    tracing::warn!(node = %id, error = chain(&*error), "a node can't be swept");
                    failed += 1;
                }
            }
        }
        (done, failed)
    }

    async fn conclude_one(
        &self,
        id: &NodeId,
        item: &Item,
        now: Timestamp,
        conclusion: Conclusion,
    ) -> Result<bool, Box<dyn std::error::Error>> {
        let node = Node::read(item)?;
        let Some(event) = conclusion(id, &node, now, &self.policy) else { return Ok(false) };
        let recorded = record(&self.store, event, &self.policy).await;
        Ok(recorded.map_err(|error: RecordError| Box::new(error))?.presence.is_some())
    }
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;
