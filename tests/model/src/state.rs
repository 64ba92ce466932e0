//! A state of the model: what is stored, what each invocation does next, and what has been told to whom.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rollcall_core::Node;

use crate::config::Configs;
use crate::fault::Faults;
use crate::process::Process;
use crate::reached::Reached;
use crate::socket::{Socket, Tick};
use crate::stored::Stored;
use crate::task::{Name, TASKS};

/// A state of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub(crate) stored: Arc<Stored>,
    pub(crate) now: Tick,
    pub(crate) sockets: [Socket; 2],
    /// How many invocations each task has had.
    pub(crate) begun: [u8; TASKS],
    /// Invocations that are under way, sorted by their tasks.
    pub(crate) processes: Vec<Process>,
    pub(crate) answers_lost: u8,
    pub(crate) calls_lost: u8,
    /// The configurations that the node was told.
    pub(crate) told: Configs,
    /// The configurations that the application was told to be set.
    pub(crate) set: Configs,
    pub(crate) past: Past,
    pub(crate) faults: Faults,
    /// What the last step led to. It is no part of what is compared and counted.
    pub(crate) just: Reached,
}

impl State {
    /// The node as it is stored.
    pub(crate) fn node(&self) -> &Node {
        &self.stored.node
    }

    pub(crate) fn socket(&self, name: Name) -> Socket {
        self.sockets[name.index()]
    }

    /// Closes a connection if it is there.
    pub(crate) fn close(&mut self, name: Name) {
        if let Some(closed) = self.socket(name).closed(self.now) {
            self.sockets[name.index()] = closed;
            self.past.sign_of_life = self.now;
        }
    }

    /// Adds an invocation that is under way.
    pub(crate) fn push(&mut self, process: Process) {
        let place = self.processes.partition_point(|other| other.task <= process.task);
        self.processes.insert(place, process);
    }
}

/// Two states that differ only in what led to them are one.
impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self { stored, now, sockets, begun, processes, answers_lost, calls_lost, told, set, past, faults, just: _ } =
            self;
        (stored, now, sockets, begun, processes, answers_lost, calls_lost).hash(hasher);
        (told, set, past, faults).hash(hasher);
    }
}

/// What must be known of the past to judge the present. The rules do not see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Past {
    /// The newest connection that ever held the node.
    pub(crate) newest: Option<Name>,
    /// Whether the connection was ever stored as closed.
    pub(crate) ended: [bool; 2],
    /// The highest sequence number of each connection that was ever stored.
    pub(crate) accepted: [u8; 2],
    /// The check-ins and polls that were ever stored, a bit for each.
    pub(crate) stored: u32,
    /// When the node last polled, if no connection has opened or closed since.
    pub(crate) polled: Option<Tick>,
    /// Whether the node was revoked.
    pub(crate) is_revoked: bool,
    /// When the node or API Gateway last did something that a sweep must wait for.
    pub(crate) sign_of_life: Tick,
}
