//! Connections that end, and the wait for the next one.

use std::time::Duration;

use super::{Action, Machine};
use crate::{
    DisconnectReason, NodeEvent,
    schedule::{full_jitter, up_to},
    session::LinkId,
};

/// How to let go of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Farewell {
    /// It is gone already.
    None,
    Close,
    Drop,
}

impl Machine {
    pub(super) fn let_go(&mut self, now: Duration, link: LinkId, reason: DisconnectReason, farewell: Farewell) {
        if self.sessions.current.as_ref().is_some_and(|session| session.link == link) {
            self.let_go_of_current(now, reason, farewell);
        } else if self.sessions.next.as_ref().is_some_and(|session| session.link == link) {
            self.let_go_of_next(now, reason, farewell);
        }
    }

    pub(super) fn let_go_of_current(&mut self, now: Duration, reason: DisconnectReason, farewell: Farewell) {
        let Some(session) = self.sessions.current.take() else { return };
        self.farewell(session.link, farewell);
        // The server closes a connection that was replaced, often before the new one has its first ack. Silence, though,
        // is no word of the server's.
        self.covered = self.sessions.next.is_some() && reason != DisconnectReason::Silent;
        // At its deadline a connection has had its attempts to be replaced, and the next one has its time already.
        let waits = reason == DisconnectReason::Expired && self.open_at.is_some();
        self.event(NodeEvent::Disconnected { reason, planned: self.covered });
        if self.sessions.next.is_none() && !waits {
            self.return_after_loss(now);
        }
    }

    pub(super) fn let_go_of_next(&mut self, now: Duration, reason: DisconnectReason, farewell: Farewell) {
        if self.end_next(reason, farewell) {
            self.back_off(now);
        }
    }

    /// Whether there was one.
    pub(super) fn end_next(&mut self, reason: DisconnectReason, farewell: Farewell) -> bool {
        let Some(session) = self.sessions.next.take() else { return false };
        self.farewell(session.link, farewell);
        let covered = std::mem::take(&mut self.covered);
        if session.is_open() {
            self.event(NodeEvent::Disconnected { reason, planned: self.sessions.current.is_some() });
        } else if covered {
            self.event(NodeEvent::Disconnected { reason: DisconnectReason::ReplacementFailed, planned: false });
        }
        true
    }

    pub(super) fn return_after_loss(&mut self, now: Duration) {
        // The spread may be longer than a configuration has to prove itself.
        if self.configs.is_proving() {
            return self.back_off(now);
        }
        let delay = up_to(&mut self.rng, self.told.spread);
        self.wait(now, delay);
    }

    pub(super) fn back_off(&mut self, now: Duration) {
        let (base, cap) = (self.timing.backoff_base, self.timing.backoff_cap);
        let delay = full_jitter(&mut self.rng, base, cap, self.failures);
        self.failures = self.failures.saturating_add(1);
        self.wait(now, delay);
    }

    fn wait(&mut self, now: Duration, delay: Duration) {
        self.open_at = Some(now + delay);
        self.event(NodeEvent::BackingOff { delay });
    }

    fn farewell(&mut self, link: LinkId, farewell: Farewell) {
        match farewell {
            Farewell::None => {}
            Farewell::Close => self.actions.push_back(Action::Close(link)),
            Farewell::Drop => self.actions.push_back(Action::Drop(link)),
        }
    }
}
