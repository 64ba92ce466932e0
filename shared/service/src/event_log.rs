//! Adding events to the log.

use rollcall_core::{
    EventId, Key, Logging, Malformed, NodeId, Outcome, Seconds, Timestamp, Update, last_logged, log_events, log_shard,
};

use crate::store::{Store, StoreError};

/// How long an event is kept, in seconds, if nothing else is said: 30 days.
pub const KEEP_EVENTS_S: Seconds = 30 * 24 * 3600;
/// How often events are added at most: others may add to the same shard first.
const ROUNDS: usize = 10;

/// Why events could not be added to the log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The head of the shard can't be read.
    #[error("the head of the log is unreadable")]
    Unreadable(#[from] Malformed),
    /// Others added events first every time.
    #[error("other events were added to the log first each time")]
    Contended,
}

/// Adds events to a shard of the log, in order. Those that are in it already are left out.
///
/// # Errors
/// If it is not known whether all of them are in it.
pub(crate) async fn add_to_log(
    store: &impl Store,
    shard: u64,
    mut events: Vec<Logging>,
    now: Timestamp,
    keep_for: Seconds,
) -> Result<(), LogError> {
    for _ in 0..ROUNDS {
        let last = last_logged(store.read(&Key::LogHead(shard)).await?.as_ref())?;
        if store.transact(&log_events(shard, last, &events, now, keep_for)).await? {
            return Ok(());
        }
        // Either another event was added first, or some of these are in the log already, by an earlier try.
        let mut unknown = vec![];
        for event in events {
            if !is_logged(store, &event.node, &event.id).await? {
                unknown.push(event);
            }
        }
        events = unknown;
        if events.is_empty() {
            return Ok(());
        }
    }
    Err(LogError::Contended)
}

/// Makes a write and adds its event to the log: both or none. `false` if the write is refused.
///
/// # Errors
/// If it is not known whether they are made.
pub(crate) async fn write_and_log(
    store: &impl Store,
    update: &Update,
    event: Logging,
    now: Timestamp,
    keep_for: Seconds,
) -> Result<bool, LogError> {
    let shard = log_shard(&event.node);
    for _ in 0..ROUNDS {
        let last = last_logged(store.read(&Key::LogHead(shard)).await?.as_ref())?;
        let mut writes = log_events(shard, last, std::slice::from_ref(&event), now, keep_for);
        writes.push(update.clone());
        if store.transact(&writes).await? || is_logged(store, &event.node, &event.id).await? {
            return Ok(true);
        }
        // Refused, or another event was added first, or another transaction was under way.
        let stored = store.read(&update.key).await?;
        if let Outcome::Refused { .. } = update.apply(stored.as_ref()) {
            return Ok(false);
        }
    }
    Err(LogError::Contended)
}

async fn is_logged(store: &impl Store, node: &NodeId, id: &EventId) -> Result<bool, StoreError> {
    Ok(store.read(&Key::EventOf(node.clone(), id.clone())).await?.is_some())
}
