//! Firmware updates on the node, from the server's message to the reported outcome. No IO, no clock, no randomness of
//! its own.
//!
//! The node works on one version at a time. Until the image of a version is complete, another version replaces it, except
//! while the program makes the image of a delta. After that, another version is ignored; the server names it again later. The outcome of a version is reported until
//! it is acknowledged. If the server names the same version after that, the update is attempted once more.

mod due;
mod getting;

use std::{collections::VecDeque, time::Duration};

use rand::Rng;
use rollcall_wire::{FirmwareUrl, UpdateReport, UpdateStatus};
use serde::{Deserialize, Serialize};

use crate::{
    detail::clipped, download::Downloaded, firmware::Image, request::Installed, schedule::full_jitter, timing::Timing,
    trust::Distrust,
};
pub(crate) use due::Due;
use getting::{Getting, Got};

/// The longest version that is taken from the server, in bytes. A check-in with a longer one might fit no message. The
/// server desires none of more than 32 bytes.
const VERSION_BYTES: usize = 256;

const ROLLED_BACK: &str = "another version runs";
const WITHDRAWN: &str = "it is no longer desired";

/// The part of the state that is kept over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UpdateRecord {
    /// The version whose installation was about to begin, until its outcome is acknowledged.
    installing: Option<String>,
    /// The version whose image was about to be made of a delta, until its outcome is acknowledged. If that ended the run, the
    /// image is downloaded in the next one.
    #[serde(default)]
    making: Option<String>,
}

/// A report and the number of its attempt. The number tells two attempts at the same version apart: the server removes
/// the report of the first one when the version is desired once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    number: u32,
    pub(crate) report: UpdateReport,
}

#[derive(Debug)]
enum Stage {
    Idle,
    /// The program is to be asked at this time.
    Announced {
        version: String,
        at: Duration,
    },
    /// The program was asked and has not answered yet.
    Offered {
        version: String,
    },
    Getting(Box<Getting>),
    /// The start of the installation is not recorded yet.
    Committing(Image),
    /// The program has the image and has not answered yet.
    Installing {
        version: String,
    },
    /// The program is going to restart the node. Nothing is done until then.
    Restarting,
    /// The installation has ended. The version that the program reports as running shows the outcome.
    Installed {
        version: String,
    },
}

/// The firmware updates of one run.
#[derive(Debug)]
pub(crate) struct Updates {
    record: UpdateRecord,
    stage: Stage,
    attempts: u32,
    /// How often in a row the same version was desired once more.
    repeats: u32,
    /// The report of the last version.
    own: Option<Attempt>,
    /// Whether the server has acknowledged that report.
    own_acked: bool,
    /// The version that runs, by the program's last report.
    running: Option<String>,
    due: VecDeque<Due>,
}

impl Updates {
    /// Continues from the record of the run before.
    pub(crate) fn new(record: UpdateRecord) -> Self {
        let stage = record.installing.clone().map_or(Stage::Idle, |version| Stage::Installed { version });
        let due = VecDeque::new();
        Self { record, stage, attempts: 0, repeats: 0, own: None, own_acked: false, running: None, due }
    }

    pub(crate) fn record(&self) -> &UpdateRecord {
        &self.record
    }

    /// When [`tick`](Self::tick) has something to do next; `held`: a connection holds the node.
    pub(crate) fn deadline(&self, held: bool) -> Option<Duration> {
        match &self.stage {
            Stage::Announced { at, .. } => Some(*at),
            Stage::Getting(getting) if held || getting.is_making() => getting.deadline(),
            _ => None,
        }
    }

    /// The next step that is due, if any. The caller calls this until it returns `None`.
    ///
    /// Without a connection that holds the node, no question is asked and no download is begun.
    pub(crate) fn tick(&mut self, timing: &Timing, rng: &mut impl Rng, now: Duration, held: bool) -> Option<Due> {
        if let Some(due) = self.due.pop_front() {
            return Some(due);
        }
        match &mut self.stage {
            Stage::Announced { version, at } if now >= *at => {
                let version = std::mem::take(version);
                self.offer(version);
            }
            Stage::Getting(getting) if held || getting.is_making() => match getting.next(timing, rng, now) {
                Ok(due) => return due,
                Err(why) => self.fail(&why),
            },
            _ => {}
        }
        self.due.pop_front()
    }

    /// The server named the version to run.
    pub(crate) fn hear(&mut self, timing: &Timing, rng: &mut impl Rng, now: Duration, version: String) {
        if version.len() > VERSION_BYTES {
            tracing::warn!(bytes = version.len(), "the server named a firmware version that is too long");
            return;
        }
        let repeated = self.own.as_ref().is_some_and(|own| own.report.version == version);
        let begun = match &self.stage {
            Stage::Idle => repeated && !self.own_acked,
            Stage::Announced { version: other, .. } | Stage::Offered { version: other } => *other == version,
            Stage::Getting(getting) => getting.version == version || getting.is_making(),
            Stage::Committing(_) | Stage::Installing { .. } | Stage::Restarting | Stage::Installed { .. } => true,
        };
        if begun {
            return;
        }
        self.repeats = if repeated { self.repeats + 1 } else { 0 };
        // If the server names a failing version again and again, the attempts must not follow each other without a
        // pause.
        let delay = match self.repeats.checked_sub(1) {
            Some(before) => full_jitter(rng, timing.backoff_base, timing.backoff_cap, before),
            None => Duration::ZERO,
        };
        self.stage = Stage::Announced { version, at: now + delay };
    }

    /// The program answered whether it takes the version of [`Due::Offer`]. `Err`: why it does not.
    /// `base`: the version whose image it has.
    pub(crate) fn accepted(
        &mut self,
        now: Duration,
        version: &str,
        accepted: Result<(), String>,
        base: Option<String>,
    ) {
        if !matches!(&self.stage, Stage::Offered { version: offered } if offered == version) {
            return;
        }
        match accepted {
            Ok(()) => {
                let base = base.filter(|_| self.record.making.as_deref() != Some(version));
                self.stage = Stage::Getting(Box::new(Getting::new(now, version, base)));
                self.set_report(version.to_owned(), UpdateStatus::Downloading, None);
                self.due.push_back(Due::Say);
            }
            Err(why) => self.give_up(version.to_owned(), &why),
        }
    }

    /// The server sent the URL of an image.
    pub(crate) fn located(&mut self, now: Duration, url: FirmwareUrl) {
        if let Stage::Getting(getting) = &mut self.stage
            && let Err(why) = getting.located(now, url)
        {
            self.fail(&why);
        }
    }

    /// The server answered that the version is not, or no longer, desired for this node.
    pub(crate) fn withdrawn(&mut self) {
        if matches!(&self.stage, Stage::Getting(getting) if getting.is_asking()) {
            self.fail(WITHDRAWN);
        }
    }

    /// The program answered about the delta of [`Due::Make`]. `Err`: why it could make no image of it.
    pub(crate) fn made(&mut self, now: Duration, attempt: u32, outcome: Result<(), String>) {
        if let Stage::Getting(getting) = &mut self.stage
            && attempt == self.attempts
        {
            self.due.extend(getting.made(now, outcome));
        }
    }

    /// A download or a check ended with this outcome.
    pub(crate) fn downloaded(
        &mut self,
        timing: &Timing,
        rng: &mut impl Rng,
        now: Duration,
        version: &str,
        outcome: Downloaded,
    ) {
        let Stage::Getting(getting) = &mut self.stage else { return };
        if getting.version != version {
            return;
        }
        match getting.downloaded(timing, rng, now, outcome) {
            Ok(Got::Nothing) => {}
            Ok(Got::Due(due)) => self.due.push_back(*due),
            Ok(Got::Delta) => {
                self.record.making = Some(version.to_owned());
                self.due.push_back(Due::Keep);
            }
            Ok(Got::Image(image)) => {
                self.record.installing = Some(image.version.clone());
                self.stage = Stage::Committing(image);
                self.due.push_back(Due::Keep);
            }
            Err(why) => self.fail(&why),
        }
    }

    /// The image of this version is not trusted. It is not downloaded, and the version is given up: its description never
    /// changes.
    pub(crate) fn distrusted(&mut self, version: &str, why: Distrust) {
        if matches!(&self.stage, Stage::Getting(getting) if getting.version == version) {
            self.fail(&why.to_string());
        }
    }

    /// The record was written as it is now. `Err`: why it could not be written.
    pub(crate) fn kept(&mut self, timing: &Timing, now: Duration, kept: &Result<(), String>) {
        if let Stage::Getting(getting) = &mut self.stage {
            self.due.extend(getting.kept(timing, now, self.attempts, kept));
        }
        if let Stage::Committing(image) = &self.stage {
            let image = image.clone();
            match kept {
                Ok(()) => {
                    self.stage = Stage::Installing { version: image.version.clone() };
                    self.due.push_back(Due::Install(image));
                }
                // Without a record, a version that is rolled back after each restart would be installed again and
                // again.
                Err(why) => self.fail(&format!("not recorded: {why}")),
            }
        }
    }

    /// The program answered about the image of [`Due::Install`].
    pub(crate) fn installed(&mut self, version: &str, outcome: Installed) {
        if !matches!(&self.stage, Stage::Installing { version: installing } if installing == version) {
            return;
        }
        match outcome {
            Installed::Runs => {
                self.stage = Stage::Installed { version: version.to_owned() };
                self.due.push_back(Due::Say);
            }
            Installed::Restarts => self.stage = Stage::Restarting,
            Installed::Failed(why) => self.fail(&why),
        }
    }

    /// The report for a check-in, given the version that runs by the program's own report.
    pub(crate) fn report(&mut self, running: Option<&str>) -> Option<Attempt> {
        self.running = running.map(str::to_owned);
        if let (Stage::Installed { version }, Some(running)) = (&self.stage, running) {
            let version = version.clone();
            if version == running {
                self.stage = Stage::Idle;
                self.set_report(version, UpdateStatus::Applied, None);
            } else {
                self.settle(version, UpdateStatus::RolledBack, ROLLED_BACK);
            }
        }
        self.own.clone()
    }

    /// A check-in that carried this report is acknowledged.
    pub(crate) fn acknowledged(&mut self, attempt: &Attempt) {
        if self.own.as_ref() != Some(attempt) || self.own_acked {
            return;
        }
        self.own_acked = true;
        let UpdateReport { version, status, .. } = &attempt.report;
        if *status == UpdateStatus::Applied {
            self.due.push_back(Due::Settled(attempt.report.clone()));
        }
        if *status != UpdateStatus::Downloading {
            let made = self.record.making.take_if(|it| it == version);
            let installed = self.record.installing.take_if(|it| it == version);
            self.due.extend(made.or(installed.clone()).map(|_| Due::Keep));
            self.due.extend(installed.map(|_| Due::Discard));
        }
    }

    fn offer(&mut self, version: String) {
        self.attempts += 1;
        if self.running.as_ref() == Some(&version) {
            self.stage = Stage::Idle;
            self.set_report(version, UpdateStatus::Applied, None);
            self.due.push_back(Due::Say);
        } else {
            self.stage = Stage::Offered { version: version.clone() };
            self.due.push_back(Due::Offer { version });
        }
    }

    /// The image of the current version can't be obtained or installed.
    fn fail(&mut self, why: &str) {
        let version = match &self.stage {
            Stage::Getting(getting) => getting.version.clone(),
            Stage::Committing(Image { version, .. }) | Stage::Installing { version } => version.clone(),
            _ => return,
        };
        self.give_up(version, why);
    }

    fn give_up(&mut self, version: String, why: &str) {
        let (made, installed) = (self.record.making.take(), self.record.installing.take());
        self.due.extend(made.or(installed.clone()).map(|_| Due::Keep));
        self.due.extend(installed.map(|_| Due::Discard));
        self.settle(version, UpdateStatus::Failed, why);
        self.due.push_back(Due::Say);
    }

    fn settle(&mut self, version: String, status: UpdateStatus, why: &str) {
        self.stage = Stage::Idle;
        self.set_report(version, status, Some(clipped(why)));
        self.due.extend(self.own.as_ref().map(|own| Due::Settled(own.report.clone())));
    }

    fn set_report(&mut self, version: String, status: UpdateStatus, detail: Option<String>) {
        let report = UpdateReport { version, status, detail };
        self.own = Some(Attempt { number: self.attempts, report });
        self.own_acked = false;
    }
}
