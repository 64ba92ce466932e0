//! The state machine's part for firmware: the image is asked for, downloaded and installed, and the outcome is
//! reported.

use std::time::Duration;

use rollcall_wire::{UpdateReport, UpdateStatus};

use super::{action::Action, state::Machine};
use crate::{download::Downloaded, event::NodeEvent, request::Installed, trust::Distrust, updates::Due};

impl Machine {
    /// The program answered whether it takes the version of [`Action::Offer`]. `Err`: why it does not.
    /// `base`: the version whose image it has.
    pub(crate) fn accepted(
        &mut self,
        now: Duration,
        version: &str,
        accepted: Result<(), String>,
        base: Option<String>,
    ) {
        if !self.ended {
            self.updates.accepted(now, version, accepted, base);
            self.update(now);
        }
    }

    /// The program answered about the delta of [`Action::Make`]. `Err`: why it could make no image of it.
    pub(crate) fn made(&mut self, now: Duration, attempt: u32, outcome: Result<(), String>) {
        if !self.ended {
            self.updates.made(now, attempt, outcome);
            self.update(now);
        }
    }

    /// The download of [`Action::Download`] ended, or the check of [`Action::Check`].
    pub(crate) fn downloaded(&mut self, now: Duration, version: &str, outcome: Downloaded) {
        self.updates.downloaded(&self.timing, &mut self.rng, now, version, outcome);
    }

    /// The image of [`Action::Download`] is not downloaded, because it is not trusted.
    pub(crate) fn distrusted(&mut self, now: Duration, version: &str, why: Distrust) {
        if !self.ended {
            self.updates.distrusted(version, why);
            self.update(now);
        }
    }

    /// The program answered about the image of [`Action::Install`].
    pub(crate) fn installed(&mut self, now: Duration, version: &str, outcome: Installed) {
        if !self.ended {
            self.updates.installed(version, outcome);
            self.update(now);
        }
    }

    /// Performs every step for firmware that is due.
    pub(super) fn update(&mut self, now: Duration) {
        let current = self.sessions.current.as_ref().map(|session| session.link);
        let may_ask = self.may_ask();
        while let Some(due) = self.updates.tick(&self.timing, &mut self.rng, now, may_ask) {
            match due {
                Due::Keep => self.actions.push_back(Action::Keep),
                Due::Offer { version } => self.actions.push_back(Action::Offer { version }),
                Due::Ask { version, from } => {
                    self.actions.extend(current.map(|link| Action::AskForFirmware { link, version, from }));
                }
                Due::Download { image, target } => self.actions.push_back(Action::Download { image, target }),
                Due::Make(delta) => self.actions.push_back(Action::Make(delta)),
                Due::Check { target, file } => self.actions.push_back(Action::Check { target, file }),
                Due::Whole { version, why } => {
                    self.actions.push_back(Action::Event(NodeEvent::DeltaFailed { version, why }));
                }
                Due::Install(image) => self.actions.push_back(Action::Install(image)),
                Due::Discard => self.actions.push_back(Action::Discard),
                Due::Say => self.check_in_now(now),
                Due::Settled(report) => self.actions.extend(settled(report).map(Action::Event)),
            }
        }
    }
}

fn settled(report: UpdateReport) -> Option<NodeEvent> {
    let UpdateReport { version, status, detail } = report;
    match status {
        UpdateStatus::Downloading => None,
        UpdateStatus::Applied => Some(NodeEvent::UpdateApplied { version }),
        UpdateStatus::Failed => Some(NodeEvent::UpdateFailed { version, why: detail.unwrap_or_default() }),
        UpdateStatus::RolledBack => Some(NodeEvent::UpdateRolledBack { version }),
    }
}
