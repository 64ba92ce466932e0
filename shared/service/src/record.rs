//! The steps of an event: plan, write, settle; then the effects, and last the reply.

use rollcall_core::{
    CommandNumbers, ConnectionId, Effect, Event, EventKind, Policy, Presence, Refusal, Reply, SettleError, Settled,
    plan, settle,
};

use crate::connections::{ConnectionError, Connections, Delivery};
use crate::error::chain;
use crate::reply::{bye, text};
use crate::store::{Store, StoreError, Units};

/// How often an event is planned at most: once, and again each time that it is refused by a clock ahead of its own, by
/// the end of a minute of the node's budget, or by another message of the node.
const ROUNDS: usize = 6;

/// The result of an event: effects that are still to be carried out, and the reply that follows them.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The answer to the event's sender.
    pub reply: Reply,
    /// The effects to carry out before the reply.
    pub effects: Vec<Effect>,
    /// The node's new presence, if the event changed it.
    pub presence: Option<Presence>,
    /// The numbers of the node's commands, whose results are to be stored before the reply; `None` if none is to be.
    pub results: Option<CommandNumbers>,
    /// What the writes cost, as far as DynamoDB reported it.
    pub units: Units,
}

/// The values of metrics; `None` instead of zero, because every byte of a log line costs.
impl Recorded {
    /// How many connections the event replaced.
    pub fn superseded(&self) -> Option<usize> {
        let superseded = |effect: &&Effect| matches!(effect, Effect::Dismiss(_, Refusal::Superseded));
        let replaced = self.effects.iter().filter(superseded).count();
        (replaced > 0).then_some(replaced)
    }

    /// How many takeovers by another instance the event caused.
    pub fn takeovers(&self) -> Option<u64> {
        let taken_over = |effect: &Effect| match effect {
            Effect::Record(event) => matches!(event.kind, EventKind::TakenOver { .. }),
            Effect::Dismiss(..) => false,
        };
        self.effects.iter().any(taken_over).then_some(1)
    }

    /// How many times the event changed the node's presence.
    pub fn presence_changes(&self) -> Option<u64> {
        self.presence.map(|_| 1)
    }
}

/// Why it is not known whether an event is stored.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The store failed.
    #[error("it is not known whether the event is stored")]
    Store(#[from] StoreError),
    /// The result of the write can't be explained.
    #[error("the event can't be settled")]
    Settle(#[from] SettleError),
    /// Other events came first every time.
    #[error("the event was planned {ROUNDS} times, and other events came first each time")]
    Contended,
}

impl RecordError {
    /// Whether a later try may succeed without anybody changing anything.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Store(StoreError::Throttled(_) | StoreError::Unavailable(_)) | Self::Contended => true,
            Self::Store(StoreError::Rejected(_) | StoreError::Malformed(_)) | Self::Settle(_) => false,
        }
    }
}

/// Writes an event, and returns what follows from it.
///
/// # Errors
/// If it is not known whether the event is stored. Then nobody may be told that it is.
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

/// Carries out effects, best effort. A failure is logged, and repaired by a later event.
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

/// Tells a connection why it is closed, and closes it. Returns whether `@connections` knew the connection when it was
/// closed.
///
/// # Errors
/// If it is not known whether it was closed.
pub(crate) async fn dismiss(
    connections: &impl Connections,
    connection: &ConnectionId,
    refusal: Refusal,
) -> Result<Delivery, ConnectionError> {
    let posted = connections.post(connection, text(&bye(refusal))).await;
    let closed = connections.close(connection).await?;
    posted.map(|_| closed)
}
