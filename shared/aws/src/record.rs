//! An event's way: plan, write, settle; then the effects, then the reply.

use std::ops::RangeInclusive;

use rollcall_core::{
    ConnectionId, Effect, Event, EventKind, Policy, Presence, Refusal, Reply, SettleError, Settled, plan, settle,
};

use crate::connections::{ConnectionError, Connections, Delivery};
use crate::error::chain;
use crate::reply::{bye, text};
use crate::store::{Store, StoreError, Units};

/// How often an event is planned: once, and again for each time that it lost to a clock ahead of its own, to the end of a
/// minute of its node's budget, or to another message of its node.
const ROUNDS: usize = 6;

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
    /// The numbers of the commands whose results are to be stored before the reply.
    pub results: Option<RangeInclusive<u64>>,
    /// What the writes cost, as far as the engine said so.
    pub units: Units,
}

/// What metrics count of it; nothing where that would be none, because every line costs.
impl Recorded {
    /// How many connections it replaced.
    pub fn superseded(&self) -> Option<usize> {
        let superseded = |effect: &&Effect| matches!(effect, Effect::Dismiss(_, Refusal::Superseded));
        let replaced = self.effects.iter().filter(superseded).count();
        (replaced > 0).then_some(replaced)
    }

    /// How often it was another instance that took the node over.
    pub fn takeovers(&self) -> Option<u64> {
        let taken_over = |effect: &Effect| match effect {
            Effect::Record(event) => matches!(event.kind, EventKind::TakenOver { .. }),
            Effect::Dismiss(..) => false,
        };
        self.effects.iter().any(taken_over).then_some(1)
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
            Settled::Done { reply, effects, presence, results } => {
                return Ok(Recorded { reply, effects, presence, results, units });
            }
            Settled::Again(again) => event = again,
        }
    }
    Err(RecordError::Contended)
}

/// Carries out effects, best effort: what fails is logged, and repaired by a later event.
pub async fn carry_out(store: &impl Store, connections: &impl Connections, effects: &[Effect], policy: &Policy) {
    for effect in effects {
        match effect {
            Effect::Dismiss(connection, refusal) => {
                if let Err(error) = dismiss(connections, connection, *refusal).await {
                    tracing::warn!(%connection, error = chain(&error), "a connection could not be closed");
                }
            }
            Effect::Record(event) => {
                if let Err(error) = record(store, (**event).clone(), policy).await {
                    tracing::warn!(node = %event.node, error = chain(&error), "an effect could not be recorded");
                }
            }
        }
    }
}

/// Tells a connection why it is closed, and closes it; says whether `@connections` knew it as it was closed.
///
/// # Errors
/// If it is not known whether it was closed.
pub async fn dismiss(
    connections: &impl Connections,
    connection: &ConnectionId,
    refusal: Refusal,
) -> Result<Delivery, ConnectionError> {
    let told = connections.post(connection, text(&bye(refusal))).await;
    let closed = connections.close(connection).await?;
    told.map(|_| closed)
}
