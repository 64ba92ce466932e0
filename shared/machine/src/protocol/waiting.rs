//! Waits that the server causes: it asked the node to slow down, or another device took over the node.

use std::time::Duration;

use rollcall_wire::ByeReason;

use super::state::Machine;
use crate::{
    event::{DisconnectReason, NodeEvent},
    link::LinkId,
    schedule::{at_least, full_jitter, up_to},
};

/// HTTP status "Too Many Requests" (RFC 6585, section 4).
const TOO_MANY_REQUESTS: u16 = 429;

/// HTTP status "Service Unavailable", for which `Retry-After` is defined as well (RFC 9110, section 10.2.3).
const UNAVAILABLE: u16 = 503;

/// How many first steps of the back-off to wait at least when the server asked the node to slow down without a time.
const THROTTLED: u32 = 30;

/// How long a connection attempt that this node gave up may still take over the node: no handshake takes longer.
const HANDSHAKE_OVER: Duration = Duration::from_mins(1);

impl Machine {
    /// The server asked the node to send nothing for this long; `None`: it named no time.
    pub(super) fn slow_down(&mut self, now: Duration, retry_after_s: Option<u32>) {
        let requested = retry_after_s.map_or(self.throttled(), |s| Duration::from_secs(s.into()));
        let delay = self.bounded(requested);
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
            (TOO_MANY_REQUESTS | UNAVAILABLE, Some(requested)) => self.bounded(requested),
            (TOO_MANY_REQUESTS, None) => {
                let (base, cap) = (self.timing.backoff_base, self.timing.backoff_cap);
                self.throttled() + full_jitter(&mut self.rng, base, cap, self.failures)
            }
            _ => return,
        };
        self.stay_away(now, now + wait);
    }

    /// The server said that the node is not registered, or refused it, which may have that reason. The application may
    /// register it at any time: its tables may be about to be restored.
    pub(super) fn excluded(&mut self, now: Duration) {
        let most = self.timing.longest_wait / 2;
        let step =
            2_u32.checked_pow(self.exclusions).and_then(|factor| self.timing.unregistered_base.checked_mul(factor));
        let step = step.map_or(most, |step| step.min(most));
        self.exclusions = self.exclusions.saturating_add(1);
        let wait = step + up_to(&mut self.rng, step / 2);
        self.stay_away(now, now + wait);
    }

    /// The attempt to open a connection ended without an answer. The server may have accepted the connection all the
    /// same.
    pub(super) fn gave_up_handshake(&mut self, now: Duration) {
        self.stray_until = now + HANDSHAKE_OVER;
    }

    /// A connection ended for this reason. If another device may have taken over the node, this node waits before it
    /// reconnects.
    pub(super) fn suspect(&mut self, now: Duration, link: LinkId, reason: &DisconnectReason) {
        let explicit = match reason {
            DisconnectReason::Bye { reason: ByeReason::Superseded } => true,
            DisconnectReason::NotConnected => false,
            DisconnectReason::Closed { code, .. } if is_unexplained(*code) => false,
            _ => return,
        };
        if self.is_own_doing(now, link) {
            return;
        }
        let held = self.held_since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        if let Some(delay) = self.rivals.took(&self.timing, &mut self.rng, explicit, held) {
            self.superseded = explicit;
            self.stay_away(now, now + delay);
        }
    }

    /// Whether a newer connection of this run may have taken over the node from this one.
    pub(super) fn is_own_doing(&self, now: Duration, link: LinkId) -> bool {
        link.0 < self.newest.0 || now < self.stray_until
    }

    /// Opens no connection before `until`. The time for the proof of a configuration begins only then: the server
    /// answered, so it can be reached.
    fn stay_away(&mut self, now: Duration, until: Duration) {
        self.not_before = self.not_before.max(until);
        self.configs.postpone(self.not_before + self.timing.proof_timeout);
        if self.open_at.is_some_and(|at| at < self.not_before) {
            self.wait(now, Duration::ZERO);
        }
    }

    /// The shortest wait when the server named no time.
    fn throttled(&self) -> Duration {
        self.timing.backoff_base.saturating_mul(THROTTLED)
    }

    /// The time that the server asked for, within the bounds of [`Timing`](crate::timing::Timing), plus jitter.
    fn bounded(&mut self, requested: Duration) -> Duration {
        let (least, most) = (self.timing.shortest_interval, self.timing.longest_wait);
        at_least(&mut self.rng, requested.min(most).max(least))
    }
}

/// Whether the close code gives no reason such as going away or a failure (RFC 6455, section 7.4.1; IANA, "WebSocket
/// Close Code Number Registry").
fn is_unexplained(code: Option<u16>) -> bool {
    matches!(code, None | Some(1000 | 3000..))
}
