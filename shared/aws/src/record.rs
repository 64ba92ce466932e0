//! An event's way: plan, write, settle; then the effects, then the reply.

use rollcall_core::{Effect, Event, Policy, Presence, Reply, SettleError, Settled, plan, settle};

use crate::connections::{Connections, Delivery};
use crate::error::chain;
use crate::reply::bye;
use crate::store::{Store, StoreError, Units};

/// How often an event is planned: once, and again for each time that it lost to a clock ahead of its own.
const ROUNDS: usize = 4;

/// What came of an event: effects that are still to be carried out, and the reply for after that.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The answer to whoever caused it.
    pub reply: Reply,
    /// What to do before.
    pub effects: Vec<Effect>,
    /// What the node's presence has just become, if it changed.
    pub presence: Option<Presence>,
    /// What the writes cost, as far as the engine said so.
    pub units: Units,
}

/// What metrics count of it; nothing where that would be none, because every line costs.
impl Recorded {
    /// How many connections it replaced.
    pub fn superseded(&self) -> Option<usize> {
        let closed = self.effects.iter().filter(|effect| matches!(effect, Effect::Close(_))).count();
        (closed > 0).then_some(closed)
    }

    /// How often it changed the node's presence.
    pub fn presence_changes(&self) -> Option<u64> {
        self.presence.map(|_| 1)
    }
}

/// An event that can't be known to be stored.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The store failed.
    #[error("the event is not stored")]
    Store(#[from] StoreError),
    /// What is stored makes no sense.
    #[error("the event can't be settled")]
    Settle(#[from] SettleError),
    /// Others were faster every time.
    #[error("the event lost against others {ROUNDS} times")]
    Contended,
}

impl RecordError {
    /// Whether trying again later may succeed, without anybody changing anything.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Store(StoreError::Throttled(_) | StoreError::Unavailable(_)) | Self::Contended => true,
            Self::Store(StoreError::Rejected(_) | StoreError::Malformed(_)) | Self::Settle(_) => false,
        }
    }
}

/// Writes an event down, and says what follows.
///
/// # Errors
/// If it can't be known to be stored; then nobody may be told that it is.
pub async fn record(store: &impl Store, mut event: Event, policy: &Policy) -> Result<Recorded, RecordError> {
    let mut units = Units::default();
    for _ in 0..ROUNDS {
        let written = store.write(&plan(&event, policy)).await?;
        if let Some(more) = written.units {
            units = Units { write: units.write + more.write, read: units.read + more.read };
        }
        match settle(event, written.outcome, policy)? {
            Settled::Done { reply, effects, presence } => {
                return Ok(Recorded { reply, effects, presence, units });
            }
            Settled::Again(again) => event = again,
        }
    }
    Err(RecordError::Contended)
}

/// Carries out effects, best effort: what fails is logged, and repaired by a later event.
pub async fn carry_out(connections: &impl Connections, effects: &[Effect]) {
    for effect in effects {
        let (connection, done) = match effect {
            Effect::Close(connection) => (connection, connections.close(connection).await),
            Effect::Dismiss(connection, refusal) => {
                let told = connections.post(connection, bye(*refusal)).await;
                let closed = connections.close(connection).await;
                (connection, told.and(closed))
            }
        };
        match done {
            Ok(Delivery::Delivered | Delivery::Gone) => {}
            Err(error) => tracing::warn!(%connection, error = chain(&error), "a connection could not be closed"),
        }
    }
}
