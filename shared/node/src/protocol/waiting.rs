//! Waits that the server brings about: it asked for them, or it gave the node to another device.

use std::time::Duration;

use super::Machine;
use crate::{
    DisconnectReason, NodeEvent,
    schedule::{at_least, full_jitter},
    session::LinkId,
    wire::ByeReason,
};

/// HTTP status "Too Many Requests" (RFC 6585, section 4).
const TOO_MANY_REQUESTS: u16 = 429;

/// HTTP status "Service Unavailable", the other one that `Retry-After` is defined for (RFC 9110, section 10.2.3).
const UNAVAILABLE: u16 = 503;

/// How many first steps of the back-off to wait at least when there was too much to do.
const THROTTLED: u32 = 30;

/// How long an attempt to connect that this side gave up may still take the node over: no handshake takes longer.
const HANDSHAKE_OVER: Duration = Duration::from_mins(1);

impl Machine {
    /// Whether questions may be asked: a connection holds the node, and the server wants to hear from it.
    pub(super) fn may_ask(&self) -> bool {
        self.sessions.current.is_some() && self.quiet.is_none()
    }

    /// The server wants to hear nothing for this long; `None`: it did not say how long.
    pub(super) fn slow_down(&mut self, now: Duration, retry_after_s: Option<u32>) {
        let told = retry_after_s.map_or(self.throttled(), |s| Duration::from_secs(s.into()));
        let delay = self.bounded(told);
        let until = (now + delay).max(self.quiet.unwrap_or_default());
        self.quiet = Some(until);
        self.stay_away(now, until);
        for conversation in self.sessions.iter_mut().filter_map(|session| session.conversation()) {
            conversation.hold(until, None);
        }
        self.event(NodeEvent::SlowedDown { delay });
    }

    /// The server refused a connection.
    pub(super) fn refused(&mut self, now: Duration, status: u16, retry_after: Option<Duration>) {
        let wait = match (status, retry_after) {
            (TOO_MANY_REQUESTS | UNAVAILABLE, Some(told)) => self.bounded(told),
            (TOO_MANY_REQUESTS, None) => {
                let (base, cap) = (self.timing.backoff_base, self.timing.backoff_cap);
                self.throttled() + full_jitter(&mut self.rng, base, cap, self.failures)
            }
            _ => return,
        };
        self.stay_away(now, now + wait);
    }

    /// The attempt to open a connection ended without an answer: the server may have let it in all the same.
    pub(super) fn gave_up_handshake(&mut self, now: Duration) {
        self.stray_until = now + HANDSHAKE_OVER;
    }

    /// A connection is over, for this reason. If another device has the node now, the node stays away.
    pub(super) fn suspect(&mut self, now: Duration, link: LinkId, reason: &DisconnectReason) {
        let said = match reason {
            DisconnectReason::Bye { reason: ByeReason::Superseded } => true,
            DisconnectReason::NotConnected => false,
            DisconnectReason::Closed { code, .. } if is_unexplained(*code) => false,
            _ => return,
        };
        if self.is_own_doing(now, link) {
            return;
        }
        let held = self.held_since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        if let Some(delay) = self.rivals.took(&self.timing, &mut self.rng, said, held) {
            self.superseded = said;
            self.stay_away(now, now + delay);
        }
    }

    /// Whether a newer connection of this run may have taken over from this one.
    pub(super) fn is_own_doing(&self, now: Duration, link: LinkId) -> bool {
        link.0 < self.newest.0 || now < self.stray_until
    }

    /// No connection is opened before. What is on trial has its time after that: the server spoke, so it can be reached.
    fn stay_away(&mut self, now: Duration, until: Duration) {
        self.not_before = self.not_before.max(until);
        self.configs.postpone(self.not_before + self.timing.proof_timeout);
        if self.open_at.is_some_and(|at| at < self.not_before) {
            self.wait(now, Duration::ZERO);
        }
    }

    /// The least to wait when the server did not say how long.
    fn throttled(&self) -> Duration {
        self.timing.backoff_base.saturating_mul(THROTTLED)
    }

    /// What the server told, within bounds, and a little more at random.
    fn bounded(&mut self, told: Duration) -> Duration {
        let (least, most) = (self.timing.shortest_interval, self.timing.longest_wait);
        at_least(&mut self.rng, told.min(most).max(least))
    }
}

/// Whether the server closed without a reason of its own: neither going away nor failing (RFC 6455, section 7.4.1; IANA,
/// "WebSocket Close Code Number Registry").
fn is_unexplained(code: Option<u16>) -> bool {
    matches!(code, None | Some(1000 | 3000..))
}
