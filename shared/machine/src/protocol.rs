//! The node's half of the protocol as a state machine: no IO, no clock, no randomness of its own.
//!
//! The caller reports events through the methods, and carries out the actions that [`Machine::next_action`] returns.
//! Times are durations since the node's start.
//!
//! There are at most two connections: `current`, which had its first ack and holds the node, and `next`, which is being
//! opened or waits for its first ack. The first ack makes `next` the `current` connection; only then is the old one
//! closed.

mod action;
mod commanding;
mod configuring;
mod inbound;
mod opening;
mod parting;
mod state;
mod stepping;
#[cfg(test)]
mod tests;
mod updating;
mod waiting;

pub(crate) use action::Action;
pub(crate) use state::Machine;
