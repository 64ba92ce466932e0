//! The state machine's connections.

use std::time::Duration;

use crate::{conversation::Conversation, link::LinkId, schedule::Replacement, timing::Timing};

/// A connection that is being opened, or is open.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) link: LinkId,
    pub(crate) stage: Stage,
    /// When to replace the connection; `None` while that is not known.
    pub(crate) replacement: Option<Replacement>,
}

#[derive(Debug)]
pub(crate) enum Stage {
    Opening { by: Duration },
    Open(Box<Conversation>),
}

/// The connections of a run: see [`protocol`](crate::protocol).
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// The connection that had its first ack and holds the node.
    pub(crate) current: Option<Session>,
    /// The connection that is being opened, or waits for its first ack.
    pub(crate) next: Option<Session>,
}

impl Sessions {
    pub(crate) fn get(&mut self, link: LinkId) -> Option<&mut Session> {
        self.iter_mut().find(|session| session.link == link)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Session> {
        [&self.current, &self.next].into_iter().flatten()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        [&mut self.current, &mut self.next].into_iter().flatten()
    }

    /// Takes all connections out.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Session> + use<> {
        [self.next.take(), self.current.take()].into_iter().flatten()
    }
}

impl Session {
    pub(crate) fn opening(link: LinkId, by: Duration) -> Self {
        Self { link, stage: Stage::Opening { by }, replacement: None }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(_))
    }

    pub(crate) fn conversation(&mut self) -> Option<&mut Conversation> {
        match &mut self.stage {
            Stage::Opening { .. } => None,
            Stage::Open(conversation) => Some(conversation),
        }
    }

    /// When the handshake or the conversation has something to do next.
    pub(crate) fn deadline(&self, timing: &Timing) -> Duration {
        match &self.stage {
            Stage::Opening { by } => *by,
            Stage::Open(conversation) => conversation.deadline(timing),
        }
    }
}
