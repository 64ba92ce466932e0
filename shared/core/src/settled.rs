//! What follows from an event: the reply and the effects, as data.

use std::ops::RangeInclusive;

use crate::command_numbers::CommandNumbers;
use crate::event::Event;
use crate::id::ConnectionId;
use crate::node::{DesiredConfig, Node, Presence};
use crate::policy::Seconds;
use crate::refusal::Refusal;

/// What follows from an event.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The event is settled. The effects are to be carried out, best effort, and then the reply is to be sent.
    Done {
        /// The answer to the event's sender.
        reply: Reply,
        /// What is to be done before the reply.
        effects: Vec<Effect>,
        /// The node's new presence, if the event changed it.
        presence: Option<Presence>,
        /// The numbers of the node's commands, whose results are to be stored before the reply
        /// ([`CommandNumbers::result_of`]). `None` if no result is to be stored.
        results: Option<CommandNumbers>,
    },
    /// This event is to be planned instead. It has a later time, begins a new minute of the budget, or is another event
    /// altogether.
    Again(Event),
}

/// The answer to the sender of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The event is stored, and the node is told nothing.
    Stored,
    /// The event is stored, and the node is told how to go on.
    Ack(AckTerms),
    /// The connection holds the node. This is the stored node.
    Known(Box<Node>),
    /// The event is refused.
    Refused(Refusal),
}

/// How a node is to go on after a check-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckTerms {
    /// The check-in's sequence number; `None` for a poll.
    pub seq: Option<u64>,
    /// When the node is to check in next, from now.
    pub next_check_in: Seconds,
    /// By when the node must have replaced the connection, from now.
    pub reconnect_within: Seconds,
    /// The time over which to spread a reconnect after the connection is lost.
    pub spread: Seconds,
    /// The desired configuration, while the node has not reported on it.
    pub config: Option<DesiredConfig>,
    /// The numbers of the commands that may be open.
    pub commands: Option<RangeInclusive<u64>>,
    /// The desired firmware version, until the node runs it or has given it up.
    pub firmware: Option<String>,
}

/// Something to do besides replying. It is best effort: if it fails, a later event repairs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Tell a connection why it does not hold the node, and close it.
    Dismiss(ConnectionId, Refusal),
    /// Record another event, whose reply is dropped.
    Record(Box<Event>),
}
