//! Rollouts over fleets of nodes that poll, in a store in memory: the real requests, steps and rules.

mod asked;
mod ended;
mod fleet;
mod histories;
mod retrying;
mod shares;
mod taking_part;

use serde_json::{Value, json};

/// The configuration of the rollout with this name.
fn change(name: &str) -> Value {
    json!({"channel": 36, "rollout": name})
}
