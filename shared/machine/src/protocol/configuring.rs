//! The state machine's part for configurations: each is applied, and then proven over a new connection or rolled back.

use std::time::Duration;

use rollcall_wire::{ConfigReport, ConfigStatus};

use super::{action::Action, parting::Farewell, state::Machine};
use crate::{
    configs::Due,
    configuration::Applied,
    document::FetchError,
    event::{DisconnectReason, NodeEvent},
    schedule::up_to,
};

impl Machine {
    /// The fetch of [`Action::Fetch`] ended.
    pub(crate) fn fetched(&mut self, now: Duration, version: u64, outcome: Result<String, FetchError>) {
        self.configs.fetched(&self.timing, &mut self.rng, now, version, outcome);
    }

    /// The program answered about the configuration of [`Action::Apply`].
    pub(crate) fn applied(&mut self, now: Duration, applied: Applied) {
        if self.ended {
            return;
        }
        let begin = (now + self.until_proof()).max(self.not_before);
        if self.configs.applied(now, begin + self.timing.proof_timeout, applied) {
            self.prove(now, begin);
        }
        self.configure(now);
    }

    /// Performs every step for configurations that is due.
    pub(super) fn configure(&mut self, now: Duration) {
        while let Some(due) = self.configs.tick(now, self.may_ask()) {
            match due {
                Due::Ask => {
                    let current = self.sessions.current.as_ref().map(|session| session.link);
                    self.actions.extend(current.map(Action::AskForConfig));
                }
                Due::Fetch { version, sha256 } => self.actions.push_back(Action::Fetch { version, sha256 }),
                Due::Apply(configuration) => self.actions.push_back(Action::Apply(configuration)),
                Due::RollBack(configuration) => {
                    self.actions.push_back(Action::RollBack(configuration));
                    self.return_after_roll_back(now);
                }
                Due::Settled(report) => {
                    self.event(settled(report));
                    self.check_in_now(now);
                }
            }
        }
    }

    /// How long to wait before the proof of the configuration that is being applied. A pushed configuration may have
    /// reached a whole fleet at this moment, and the fleet must not open all its new connections at once. A
    /// configuration from an ack needs no wait, because each node gets its acks at another time.
    ///
    /// The wait is at most as long as the proof may take, because it adds to the time in which a node may be cut off
    /// before it rolls back.
    fn until_proof(&mut self) -> Duration {
        if self.configs.applying().is_none_or(|version| version > self.pushed) {
            return Duration::ZERO;
        }
        up_to(&mut self.rng, self.cadence.spread.min(self.timing.proof_timeout))
    }

    /// Plans the connection that proves the configuration. Only a connection that is opened from now on shows that the
    /// server can be reached. It is opened at `begin`, or earlier if the current connection is to be replaced earlier.
    fn prove(&mut self, now: Duration, begin: Duration) {
        self.failures = 0;
        self.open_at = None;
        self.end_next(now, DisconnectReason::Replaced, Farewell::Close);
        match self.sessions.current.as_mut().and_then(|session| session.replacement.as_mut()) {
            Some(plan) if begin > now => plan.begin = plan.begin.min(begin),
            _ => self.open_at = Some(now.max(self.not_before)),
        }
    }

    /// Drops the connection that is being opened, because it was begun with the configuration that is rolled back.
    fn return_after_roll_back(&mut self, now: Duration) {
        self.failures = 0;
        self.open_at = None;
        self.end_next(now, DisconnectReason::ReplacementFailed, Farewell::Drop);
        if self.sessions.current.is_none() {
            self.return_after_loss(now);
        }
    }
}

fn settled(report: ConfigReport) -> NodeEvent {
    let ConfigReport { version, status, detail } = report;
    match status {
        ConfigStatus::Rejected => NodeEvent::ConfigRejected { version, why: detail.unwrap_or_default() },
        ConfigStatus::Applied | ConfigStatus::Substituted => NodeEvent::ConfigApplied { version, substituted: detail },
    }
}
