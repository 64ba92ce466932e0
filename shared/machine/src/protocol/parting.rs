//! The end of connections and of the run, and the wait for the next connection.

use std::time::Duration;

use super::{action::Action, state::Machine};
use crate::{
    event::{DisconnectReason, NodeError, NodeEvent},
    link::LinkId,
    schedule::{full_jitter, up_to},
};

/// How to end a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Farewell {
    /// Do nothing: the connection has ended already.
    None,
    Close,
    Drop,
}

impl Machine {
    /// The connection ended.
    pub(crate) fn closed(&mut self, now: Duration, link: LinkId, reason: DisconnectReason) {
        self.let_go(now, link, reason, Farewell::None);
    }

    /// Drops every connection without a closing handshake, as if the network had failed.
    pub(crate) fn drop_connection(&mut self, now: Duration) {
        if self.ended || (self.sessions.current.is_none() && self.sessions.next.is_none()) {
            return;
        }
        let mut outage = std::mem::take(&mut self.covered);
        for session in self.sessions.take() {
            self.actions.push_back(Action::Drop(session.link));
            outage |= session.is_open();
            if !session.is_open() {
                self.gave_up_handshake(now);
            }
        }
        if outage {
            self.event(NodeEvent::Disconnected { reason: DisconnectReason::Dropped, planned: false });
        }
        self.return_after_loss(now);
    }

    /// Closes every connection and ends the run.
    pub(crate) fn stop(&mut self) {
        self.end(&DisconnectReason::Stopped, Ok(()));
    }

    /// Closes every connection and ends the run.
    pub(super) fn end(&mut self, reason: &DisconnectReason, result: Result<(), NodeError>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.open_at = None;
        self.actions.extend(self.configs.abandon().map(Action::RollBack));
        for session in self.sessions.take() {
            self.actions.push_back(Action::Close(session.link));
            if session.is_open() {
                self.event(NodeEvent::Disconnected { reason: reason.clone(), planned: result.is_ok() });
            }
        }
        self.actions.push_back(Action::End(result));
    }

    pub(super) fn let_go(&mut self, now: Duration, link: LinkId, reason: DisconnectReason, farewell: Farewell) {
        if self.sessions.get(link).is_some() {
            self.suspect(now, link, &reason);
        }
        if self.sessions.current.as_ref().is_some_and(|session| session.link == link) {
            self.let_go_of_current(now, reason, farewell);
        } else if self.sessions.next.as_ref().is_some_and(|session| session.link == link) {
            self.let_go_of_next(now, reason, farewell);
        }
    }

    pub(super) fn let_go_of_current(&mut self, now: Duration, reason: DisconnectReason, farewell: Farewell) {
        let Some(session) = self.sessions.current.take() else { return };
        self.farewell(session.link, farewell);
        // The server closes a replaced connection, often before the new one has its first ack. That is no outage.
        // Silence is no such close.
        self.covered = self.sessions.next.is_some() && reason != DisconnectReason::Silent;
        // At the deadline of a connection the attempts to replace it have failed, and the next attempt may be scheduled
        // already.
        let waits = reason == DisconnectReason::Expired && self.open_at.is_some();
        self.event(NodeEvent::Disconnected { reason, planned: self.covered });
        if self.sessions.next.is_none() && !waits {
            let held = self.held_since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
            self.short_lives = if held < self.timing.backoff_cap { self.short_lives.saturating_add(1) } else { 0 };
            self.return_after_loss(now);
        }
    }

    pub(super) fn let_go_of_next(&mut self, now: Duration, reason: DisconnectReason, farewell: Farewell) {
        if self.end_next(now, reason, farewell) {
            self.back_off(now);
        }
    }

    /// Ends the `next` connection. Returns whether there was one.
    pub(super) fn end_next(&mut self, now: Duration, reason: DisconnectReason, farewell: Farewell) -> bool {
        let Some(session) = self.sessions.next.take() else { return false };
        self.farewell(session.link, farewell);
        if !session.is_open() && farewell != Farewell::None {
            self.gave_up_handshake(now);
        }
        let covered = std::mem::take(&mut self.covered);
        if session.is_open() {
            self.event(NodeEvent::Disconnected { reason, planned: self.sessions.current.is_some() });
        } else if covered {
            self.event(NodeEvent::Disconnected { reason: DisconnectReason::ReplacementFailed, planned: false });
        }
        true
    }

    pub(super) fn return_after_loss(&mut self, now: Duration) {
        // The spread may be longer than the time for the proof.
        if self.configs.is_proving() {
            return self.back_off(now);
        }
        let spread = up_to(&mut self.rng, self.cadence.spread);
        // A server that accepts nodes and loses them again at once must not get many connects in a short time, whatever
        // spread it set.
        let back_off = self.short_lives.checked_sub(1).map_or(Duration::ZERO, |before| {
            full_jitter(&mut self.rng, self.timing.backoff_base, self.timing.backoff_cap, before)
        });
        self.wait(now, spread.max(back_off));
    }

    pub(super) fn back_off(&mut self, now: Duration) {
        let (base, cap) = (self.timing.backoff_base, self.timing.backoff_cap);
        let delay = full_jitter(&mut self.rng, base, cap, self.failures);
        self.failures = self.failures.saturating_add(1);
        self.wait(now, delay);
    }

    pub(super) fn wait(&mut self, now: Duration, delay: Duration) {
        let at = (now + delay).max(self.not_before);
        let delay = at.saturating_sub(now);
        self.open_at = Some(at);
        if self.sessions.current.is_none() {
            self.held_since = None;
        }
        if std::mem::take(&mut self.superseded) {
            self.event(NodeEvent::Superseded { delay });
        }
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
