//! Connections that are opened.

use std::time::Duration;

use super::{action::Action, parting::Farewell, state::Machine};
use crate::{
    conversation::Conversation,
    event::{DisconnectReason, NodeError, NodeEvent},
    link::{ConnectFailure, LinkId},
    session::{Session, Stage},
};

/// HTTP status "Unauthorized": the token is not valid (RFC 9110, section 15.5.2).
const UNAUTHORIZED: u16 = 401;
/// HTTP status "Forbidden": the node is not registered or revoked, or its token is outdated (RFC 9110, section 15.5.4).
const FORBIDDEN: u16 = 403;

impl Machine {
    /// The connection is open.
    pub(crate) fn opened(&mut self, now: Duration, link: LinkId) {
        let planned = self.sessions.current.is_some() || self.covered;
        let Some(session) = self.sessions.next.as_mut().filter(|session| session.link == link && !session.is_open())
        else {
            return;
        };
        let mut conversation = Conversation::opened(now);
        if let Some(until) = self.quiet {
            conversation.hold(until, None);
        }
        session.stage = Stage::Open(Box::new(conversation));
        self.event(NodeEvent::Connected { planned });
    }

    /// The connection could not be opened.
    pub(crate) fn failed(&mut self, now: Duration, link: LinkId, failure: ConnectFailure) {
        if self.sessions.next.as_ref().is_none_or(|session| session.link != link) {
            return;
        }
        match failure {
            ConnectFailure::Unreachable { why } => {
                self.event(NodeEvent::Unreachable { why });
                self.gave_up_handshake(now);
            }
            ConnectFailure::Refused { status, body, retry_after } => {
                self.event(NodeEvent::Refused { status, body: body.clone() });
                // While a configuration is being proven, the refusal may come from another host than the server. After
                // the roll-back the node tries again with the earlier configuration.
                match status {
                    UNAUTHORIZED if !self.configs.is_proving() => {
                        return self.end(&DisconnectReason::Stopped, Err(NodeError::Refused { status, body }));
                    }
                    FORBIDDEN if !self.configs.is_proving() => self.excluded(now),
                    _ => {}
                }
                if (400..500).contains(&status) {
                    self.newest = self.newest_before;
                } else {
                    self.gave_up_handshake(now);
                }
                self.refused(now, status, retry_after);
            }
        }
        self.let_go_of_next(now, DisconnectReason::ReplacementFailed, Farewell::None);
    }

    /// Opens the next connection.
    pub(super) fn open(&mut self, now: Duration) {
        self.links += 1;
        let link = LinkId(self.links);
        self.open_at = None;
        (self.newest_before, self.newest) = (self.newest, link);
        if self.sessions.current.is_some() {
            self.replaced_at = Some(now);
        }
        self.sessions.next = Some(Session::opening(link, now + self.timing.handshake_timeout));
        self.actions.push_back(Action::Open(link));
    }
}
