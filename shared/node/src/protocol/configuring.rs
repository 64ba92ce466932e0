//! Configurations: applied, proven over a new connection, or rolled back.

use std::time::Duration;

use rollcall_wire::{ConfigReport, ConfigStatus};

use super::{Action, Machine, parting::Farewell};
use crate::{Applied, DisconnectReason, FetchError, NodeEvent, configs::Due, schedule::up_to};

impl Machine {
    /// How the fetch of [`Action::Fetch`] ended.
    pub(crate) fn fetched(&mut self, now: Duration, version: u64, outcome: Result<String, FetchError>) {
        self.configs.fetched(&self.timing, &mut self.rng, now, version, outcome);
    }

    /// What the program did with the configuration of [`Action::Apply`].
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

    /// Does what is due about configurations.
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

    /// How long the proof of what is being applied waits. What was pushed may have reached a whole fleet at this moment,
    /// whose new connections must not all come at once. What an ack brought came in the node's own rhythm.
    ///
    /// Never longer than the proof itself may take: so long again may a node be cut off before it rolls back.
    fn until_proof(&mut self) -> Duration {
        if self.configs.applying().is_none_or(|version| version > self.pushed) {
            return Duration::ZERO;
        }
        up_to(&mut self.rng, self.cadence.spread.min(self.timing.proof_timeout))
    }

    /// Only a connection that is opened from now on shows that the server can be reached: at `begin`, unless the
    /// present one is to be replaced before that anyway.
    fn prove(&mut self, now: Duration, begin: Duration) {
        self.failures = 0;
        self.open_at = None;
        self.end_next(now, DisconnectReason::Replaced, Farewell::Close);
        match self.sessions.current.as_mut().and_then(|session| session.replacement.as_mut()) {
            Some(plan) if begin > now => plan.begin = plan.begin.min(begin),
            _ => self.open_at = Some(now.max(self.not_before)),
        }
    }

    /// What was on the way was begun with what is rolled back.
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
