//! Rollouts: a change that reaches a fleet in waves, and stops by itself.
//!
//! A rollout is a change, the nodes that it is for, and waves. After each wave a gate decides by what the wave's nodes
//! reported, and by which of them are not heard of any more. Nothing here runs by itself: a schedule steps a rollout, and
//! two steppers at once do no harm, since everything that they write is guarded by what they read.

mod claim;
mod gate;
mod observed;
mod place;
mod progress;
mod retry;
mod state;
mod stored;
mod target;
mod waves;

pub(crate) use claim::claims_of;
pub use claim::{Claim as RolloutClaim, claim, tell};
pub use gate::{Counts, Facts, Gate, InvalidGate, SiteFacts, Verdict, WaveTimes};
pub use observed::{Observed, Sought, fell, observe};
pub use place::Place;
pub use progress::{Begun, DELETED_LATER_S, NotPossible, Rollout, Schedule as RolloutSchedule};
pub use retry::{Failure, InvalidRetry, Retries, Retry, failure_code};
pub use state::{Phase, RolloutState};
pub use stored::{
    add_rollout, forget_rollout_spec, keep_rollout, mark_under_way, put_rollout_spec, rollout_spec, unmark,
};
pub use target::{Target, TargetState, forget_target, list_target, move_target};
pub use waves::{ChangeKind, InvalidWaves, Wave, Waves};
