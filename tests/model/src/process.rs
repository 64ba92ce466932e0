//! An invocation that is under way, and what it does next.

use std::hash::{Hash, Hasher};
use std::mem::discriminant;
use std::sync::Arc;

use rollcall_core::{Event, EventKind};

use crate::config::Config;
use crate::stored::Stored;
use crate::task::{Name, Task};

/// An invocation that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) task: Task,
    pub(crate) request: Request,
}

impl Process {
    /// An invocation whose next request is this write.
    pub(crate) fn begun(task: Task, write: Write) -> Self {
        Self { task, request: Request::Write { write, rounds: 0 } }
    }

    /// Whether the invocation may go on for longer than a tick. What a node or API Gateway waits for ends within
    /// seconds, or is given up.
    pub(crate) fn may_take_long(&self) -> bool {
        matches!(self.task, Task::Sweep | Task::Scan)
    }
}

/// The next request of an invocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Request {
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
