//! What a node has done, and what it must not do.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use rollcall_machine::LinkId;
use rollcall_wire::{MESSAGE_LIMIT_BYTES, NodeMessage, parse_node_message};

use crate::wire::said;
use crate::{Outcomes, kind};

/// How many connections a node has at once: the one that holds it, and the one that is to replace it.
const LINKS: usize = 2;

/// What a node has done since its first start. Its clones are the same history.
#[derive(Clone, Debug, Default)]
pub(super) struct History(Rc<RefCell<Known>>);

#[derive(Debug)]
struct Known {
    /// The connections of this run, the oldest first.
    links: Vec<Link>,
    has_ended: bool,
    /// The number of the last command that was executed.
    executed: u64,
    /// The version of the last configuration that was applied in this run.
    applied: u64,
    /// The version of the last configuration that was proven.
    proven: u64,
    /// The firmware that runs.
    running: String,
    outcomes: BTreeSet<String>,
}

#[derive(Debug)]
struct Link {
    id: LinkId,
    has_opened: bool,
    /// The node has let go of it, or was told that it is over.
    is_over: bool,
    /// The last sequence number that was sent on it.
    seq: u64,
}

impl Default for Known {
    fn default() -> Self {
        let (links, running, outcomes) = (vec![], "1.0".to_owned(), BTreeSet::new());
        Self { links, has_ended: false, executed: 0, applied: 0, proven: 0, running, outcomes }
    }
}

impl History {
    /// A new run begins.
    pub(super) fn restart(&self) {
        let mut known = self.0.borrow_mut();
        known.links.clear();
        (known.has_ended, known.applied) = (false, 0);
    }

    pub(super) fn note(&self, outcome: &str) {
        self.0.borrow_mut().outcomes.insert(kind(outcome));
    }

    pub(super) fn outcomes(&self) -> Outcomes {
        self.0.borrow().outcomes.iter().cloned().collect()
    }

    /// The connection at this place, the newest first, and the last sequence number that was sent on it.
    pub(super) fn link(&self, back: usize) -> Option<(LinkId, u64)> {
        let known = self.0.borrow();
        let index = known.links.len().checked_sub(back.checked_add(1)?)?;
        known.links.get(index).map(|link| (link.id, link.seq))
    }

    pub(super) fn opens(&self, id: LinkId) {
        let mut known = self.0.borrow_mut();
        assert!(!known.has_ended, "a connection after the end of the run");
        known.links.push(Link { id, has_opened: false, is_over: false, seq: 0 });
        let open = known.links.iter().filter(|link| !link.is_over).count();
        assert!(open <= LINKS, "{open} connections at once");
    }

    /// The node is told that a connection has opened.
    pub(super) fn opened(&self, id: LinkId) {
        self.with(id, |link| link.has_opened = true);
    }

    /// Whether a connection has opened.
    pub(super) fn has_opened(&self, id: LinkId) -> bool {
        self.with(id, |link| link.has_opened)
    }

    fn with<T>(&self, id: LinkId, what: impl FnOnce(&mut Link) -> T) -> T {
        let mut known = self.0.borrow_mut();
        what(known.links.iter_mut().find(|link| link.id == id).expect("a connection that was opened"))
    }

    /// The node lets go of a connection, or is told that it is over.
    pub(super) fn over(&self, id: LinkId) {
        self.with(id, |link| link.is_over = true);
    }

    /// The node sends a text. The server must be able to read it.
    pub(super) fn says(&self, id: LinkId, text: &str) {
        let mut known = self.0.borrow_mut();
        assert!(!known.has_ended, "{text} after the end of the run");
        assert!(text.len() <= MESSAGE_LIMIT_BYTES, "a message of {} bytes", text.len());
        let link = known.links.iter_mut().find(|link| link.id == id).expect("a connection that was opened");
        assert!(!link.is_over, "{text} on a connection that is over");
        let message = parse_node_message(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        if let NodeMessage::CheckIn(check_in) = &message {
            assert!(check_in.seq > link.seq, "seq {} after {}", check_in.seq, link.seq);
            assert_eq!(check_in.dropped, 0, "{text}");
            link.seq = check_in.seq;
        }
        known.outcomes.insert(format!("says {}", said(&message)));
    }

    /// The node does something that only a run that goes on does.
    pub(super) fn does(&self, what: &str) {
        assert!(!self.0.borrow().has_ended, "{what} after the end of the run");
        self.note(what);
    }

    pub(super) fn executes(&self, command: u64) {
        let mut known = self.0.borrow_mut();
        assert!(command > known.executed, "command {command} after {}", known.executed);
        known.executed = command;
    }

    pub(super) fn applies(&self, version: u64) {
        let mut known = self.0.borrow_mut();
        let last = known.applied.max(known.proven);
        assert!(version > last, "configuration {version} after {last}");
        known.applied = version;
    }

    pub(super) fn proves(&self, version: u64) {
        self.0.borrow_mut().proven = version;
    }

    /// The version of the configuration that was proven last; 0 if none was.
    pub(super) fn proven(&self) -> u64 {
        self.0.borrow().proven
    }

    pub(super) fn runs(&self, firmware: &str) {
        firmware.clone_into(&mut self.0.borrow_mut().running);
    }

    pub(super) fn running(&self) -> String {
        self.0.borrow().running.clone()
    }

    pub(super) fn end(&self) {
        self.0.borrow_mut().has_ended = true;
    }
}
