//! A state of the model: what is stored, what each invocation does next, and what has been told to whom.

use std::hash::{Hash, Hasher};
use std::mem::discriminant;
use std::sync::Arc;

use rollcall_core::{Event, EventKind, Item, Malformed, Node};

use crate::fault::Faults;
use crate::reached::Reached;
use crate::socket::{Socket, Tick};
use crate::task::{Name, TASKS, Task};

/// A state of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub(crate) stored: Arc<Stored>,
    /// The documents that are stored, a bit for each.
    pub(crate) documents: u8,
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

/// The node's item, and the node that was read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) item: Item,
    pub(crate) node: Node,
}

impl Stored {
    /// # Errors
    /// If no rule can have written the item.
    pub(crate) fn new(item: Item) -> Result<Self, Malformed> {
        Node::read(&item).map(|node| Self { item, node })
    }
}

impl Hash for Stored {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.item.hash(hasher);
    }
}

impl State {
    /// The node as it is stored.
    pub(crate) fn node(&self) -> &Node {
        &self.stored.node
    }

    pub(crate) fn has_document(&self, document: u8) -> bool {
        self.documents & (1 << document) != 0
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
        let Self { stored, documents, now, sockets, begun, processes, answers_lost, calls_lost, .. } = self;
        (stored, documents, now, sockets, begun, processes, answers_lost, calls_lost).hash(hasher);
        let Self { told, set, past, faults, .. } = self;
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

/// A version of a configuration and its document: what a node is told, and what the application is told to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Config {
    pub(crate) version: u8,
    pub(crate) document: u8,
}

/// A set of configurations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Configs(u16);

impl Configs {
    const VERSIONS: u8 = 8;

    fn bit(config: Config) -> u16 {
        1_u16 << (config.version % Self::VERSIONS + config.document * Self::VERSIONS)
    }

    pub(crate) fn add(&mut self, config: Config) {
        self.0 |= Self::bit(config);
    }

    pub(crate) fn has(self, config: Config) -> bool {
        self.0 & Self::bit(config) != 0
    }

    pub(crate) fn all(self) -> impl Iterator<Item = Config> {
        let documents = 0..2;
        let all = documents.flat_map(|document| (0..Self::VERSIONS).map(move |version| Config { version, document }));
        all.filter(move |config| self.has(*config))
    }

    /// The highest version.
    pub(crate) fn latest(self) -> Option<Config> {
        self.all().max_by_key(|config| config.version)
    }
}

/// An invocation that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) task: Task,
    pub(crate) stage: Stage,
}

impl Process {
    /// An invocation whose next request is this write.
    pub(crate) fn begun(task: Task, write: Write) -> Self {
        Self { task, stage: Stage::Write { write, rounds: 0 } }
    }

    /// Whether the invocation may go on for longer than a tick. What a node or API Gateway waits for ends within
    /// seconds, or is given up.
    pub(crate) fn may_take_long(&self) -> bool {
        matches!(self.task, Task::Sweep | Task::Scan)
    }
}

/// The next request of an invocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// A write. `rounds` counts the writes that were planned before this one.
    Write { write: Write, rounds: u8 },
    /// The same write again, because its answer was lost.
    Repeat {
        write: Write,
        rounds: u8,
        landed: Landed,
        /// Whether nobody has changed the item since the first try.
        is_undisturbed: bool,
    },
    /// What follows from the write, one after the other; and then the answer.
    Follow { deeds: Vec<Deed>, then: Verdict },
}

/// A write, and the item that was read before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Write {
    pub(crate) what: What,
    pub(crate) read: Option<Arc<Stored>>,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum What {
    Event(Planned),
    Config(u8),
    Revoke,
}

/// What a write changed, besides what the item shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Landed {
    /// The open connection that a connect has replaced.
    pub(crate) replaced: Option<Name>,
}

/// Something to do after the write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Deed {
    /// Tell a connection why it is closed, and close it.
    Dismiss(Name),
    /// Write another event.
    Record(Planned),
    /// Send a configuration to a connection. The node is known as the write left it.
    Push { to: Name, config: Config, known: Arc<Stored> },
}

/// What the sender is told in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    /// Nothing that matters for what happens next, or it was told already.
    Done,
    /// The status 200.
    LetIn,
    /// A refusal, or that it is not known whether it is stored.
    KeptOut,
    /// The configuration is set.
    Set(Config),
}

/// An event that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Planned(pub(crate) Arc<Event>);

/// The task says which message it is. The rest is what distinguishes its events.
impl Hash for Planned {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Event { at, now, fresh, kind, .. } = &*self.0;
        (at.0, now.0, fresh, discriminant(kind)).hash(hasher);
        match kind {
            EventKind::Expire { found } | EventKind::Lost { found } => {
                let connection = found.connection.as_ref().map(|id| Name::of(id.as_str()));
                (connection, found.open, found.seen.map(|seen| seen.0), found.polls).hash(hasher);
            }
            EventKind::CheckIn { received, report, .. } => {
                (received.0, report.config().map(|config| config.version)).hash(hasher);
            }
            EventKind::Poll { report, .. } => report.config().map(|config| config.version).hash(hasher),
            EventKind::TakenOver { before, .. } => before.hash(hasher),
            EventKind::Stale { stored, .. } => stored.hash(hasher),
            EventKind::Connect { .. }
            | EventKind::Ask { .. }
            | EventKind::Excess { .. }
            | EventKind::Disconnect { .. } => {}
        }
    }
}
