//! Rollouts over fleets of nodes that poll, in a store in memory: the real requests, steps and rules.

mod fleet;
mod histories;
mod shares;
