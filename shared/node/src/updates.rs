//! From the news of a firmware version to what became of it. No IO, no clock, no randomness of its own.
//!
//! One version is worked on at a time. Until the program has its image, another one takes its place; from then on the
//! server has to tell another one again. What became of a version is said until that is acknowledged; told once more after
//! that, the version is desired once more.

mod getting;

use std::{collections::VecDeque, time::Duration};

use rand::Rng;
use rollcall_wire::{FirmwareUrl, UpdateReport, UpdateStatus};
use serde::{Deserialize, Serialize};

use crate::{
    Timing,
    configs::clipped,
    download::Downloaded,
    firmware::{Image, Installed},
    schedule::full_jitter,
};
use getting::Getting;

const ROLLED_BACK: &str = "it does not run";
const WITHDRAWN: &str = "it is no longer desired";

/// What is to be done about firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Keep the record; tell [`Updates::kept`].
    Keep,
    /// Ask the program whether it takes this version; tell [`Updates::accepted`].
    Offer { version: String },
    /// Ask the server where the image is.
    Ask { version: String },
    /// Download it, instead of any other; tell [`Updates::downloaded`].
    Download(FirmwareUrl),
    /// Hand it to the program; tell [`Updates::installed`].
    Install(Image),
    /// No image is needed any more.
    Discard,
    /// There is something to say: [`Updates::report`].
    Say,
    /// This is what became of a version: it was acknowledged, or did not get so far.
    Settled(UpdateReport),
}

/// What must outlive the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UpdateRecord {
    /// The version that was about to be installed, until it is acknowledged what became of it.
    installing: Option<String>,
}

/// A report, and the attempt that it is about. The server forgets its own when it wants the version once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    number: u32,
    pub(crate) report: UpdateReport,
}

#[derive(Debug)]
enum Stage {
    Idle,
    /// The program is to be asked.
    Announced {
        version: String,
        at: Duration,
    },
    /// The program is asked.
    Offered {
        version: String,
    },
    Getting(Box<Getting>),
    /// That it is about to be installed is not on record yet.
    Committing(Image),
    /// The program has it.
    Installing {
        version: String,
    },
    /// Nothing is to be done before the node has restarted.
    Restarting,
    /// What the program reports as running says what became of it.
    Installed {
        version: String,
    },
}

/// What a run knows of firmware.
#[derive(Debug)]
pub(crate) struct Updates {
    record: UpdateRecord,
    stage: Stage,
    attempts: u32,
    /// How often the last version was desired once more.
    repeats: u32,
    /// What is to be said of the last version.
    own: Option<Attempt>,
    /// That is acknowledged.
    heard: bool,
    /// What the program last said that it runs.
    running: Option<String>,
    due: VecDeque<Due>,
}

impl Updates {
    /// Goes on from what was recorded.
    pub(crate) fn new(record: UpdateRecord) -> Self {
        let stage = record.installing.clone().map_or(Stage::Idle, |version| Stage::Installed { version });
        Self { record, stage, attempts: 0, repeats: 0, own: None, heard: false, running: None, due: VecDeque::new() }
    }

    pub(crate) fn record(&self) -> &UpdateRecord {
        &self.record
    }

    /// When [`tick`](Self::tick) has something to do next; `held`: a connection holds the node.
    pub(crate) fn deadline(&self, held: bool) -> Option<Duration> {
        match &self.stage {
            Stage::Announced { at, .. } => Some(*at),
            Stage::Getting(getting) if held => getting.deadline(),
            _ => None,
        }
    }

    /// What is due, if anything. Ask again until nothing is.
    ///
    /// Without a connection that holds the node, nothing is asked for and no download begun.
    pub(crate) fn tick(&mut self, timing: &Timing, rng: &mut impl Rng, now: Duration, held: bool) -> Option<Due> {
        if let Some(due) = self.due.pop_front() {
            return Some(due);
        }
        match &mut self.stage {
            Stage::Announced { version, at } if now >= *at => {
                let version = std::mem::take(version);
                self.offer(version);
            }
            Stage::Getting(getting) if held => match getting.next(timing, rng, now) {
                Ok(due) => return due,
                Err(why) => self.fail(&why),
            },
            _ => {}
        }
        self.due.pop_front()
    }

    /// The server named the version to run.
    pub(crate) fn hear(&mut self, timing: &Timing, rng: &mut impl Rng, now: Duration, version: String) {
        let repeated = self.own.as_ref().is_some_and(|own| own.report.version == version);
        let begun = match &self.stage {
            Stage::Idle => repeated && !self.heard,
            Stage::Announced { version: other, .. } | Stage::Offered { version: other } => *other == version,
            Stage::Getting(getting) => getting.version == version,
            Stage::Committing(_) | Stage::Installing { .. } | Stage::Restarting | Stage::Installed { .. } => true,
        };
        if begun {
            return;
        }
        self.repeats = if repeated { self.repeats + 1 } else { 0 };
        // What the server told for ever would otherwise be tried without a pause.
        let delay = match self.repeats.checked_sub(1) {
            Some(before) => full_jitter(rng, timing.backoff_base, timing.backoff_cap, before),
            None => Duration::ZERO,
        };
        self.stage = Stage::Announced { version, at: now + delay };
    }

    /// Whether the program takes the version of [`Due::Offer`]; `Err`: why not.
    pub(crate) fn accepted(&mut self, now: Duration, version: &str, accepted: Result<(), String>) {
        if !matches!(&self.stage, Stage::Offered { version: offered } if offered == version) {
            return;
        }
        match accepted {
            Ok(()) => {
                self.stage = Stage::Getting(Box::new(Getting::begun(now, version)));
                self.say(version.to_owned(), UpdateStatus::Downloading, None);
                self.due.push_back(Due::Say);
            }
            Err(why) => self.give_up(version.to_owned(), &why),
        }
    }

    /// The server said where an image is.
    pub(crate) fn located(&mut self, now: Duration, url: FirmwareUrl) {
        if let Stage::Getting(getting) = &mut self.stage
            && let Err(why) = getting.located(now, url)
        {
            self.fail(&why);
        }
    }

    /// The server has no image of this version for this node (any more).
    pub(crate) fn withdrawn(&mut self) {
        if matches!(&self.stage, Stage::Getting(getting) if getting.is_asking()) {
            self.fail(WITHDRAWN);
        }
    }

    /// How a download ended.
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
            Ok(None) => {}
            Ok(Some(image)) => {
                self.record.installing = Some(image.version.clone());
                self.stage = Stage::Committing(image);
                self.due.push_back(Due::Keep);
            }
            Err(why) => self.fail(&why),
        }
    }

    /// What came of keeping the record as it is now; `Err`: why it could not be.
    pub(crate) fn kept(&mut self, kept: &Result<(), String>) {
        if let Stage::Committing(image) = &self.stage {
            let image = image.clone();
            match kept {
                Ok(()) => {
                    self.stage = Stage::Installing { version: image.version.clone() };
                    self.due.push_back(Due::Install(image));
                }
                // What is not on record might be installed, and rolled back, for ever.
                Err(why) => self.fail(&format!("not recorded: {why}")),
            }
        }
    }

    /// What the program did with the image of [`Due::Install`].
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

    /// What to report, given what the program says that it runs.
    pub(crate) fn report(&mut self, running: Option<&str>) -> Option<Attempt> {
        self.running = running.map(str::to_owned);
        if let (Stage::Installed { version }, Some(running)) = (&self.stage, running) {
            let version = version.clone();
            if version == running {
                self.stage = Stage::Idle;
                self.say(version, UpdateStatus::Applied, None);
            } else {
                self.settle(version, UpdateStatus::RolledBack, ROLLED_BACK);
            }
        }
        self.own.clone()
    }

    /// A check-in that said this is acknowledged.
    pub(crate) fn acknowledged(&mut self, said: &Attempt) {
        if self.own.as_ref() != Some(said) || self.heard {
            return;
        }
        self.heard = true;
        let UpdateReport { version, status, .. } = &said.report;
        if *status == UpdateStatus::Applied {
            self.due.push_back(Due::Settled(said.report.clone()));
        }
        if *status != UpdateStatus::Downloading && self.record.installing.take_if(|it| it == version).is_some() {
            self.due.extend([Due::Keep, Due::Discard]);
        }
    }

    fn offer(&mut self, version: String) {
        self.attempts += 1;
        if self.running.as_ref() == Some(&version) {
            self.stage = Stage::Idle;
            self.say(version, UpdateStatus::Applied, None);
            self.due.push_back(Due::Say);
        } else {
            self.stage = Stage::Offered { version: version.clone() };
            self.due.push_back(Due::Offer { version });
        }
    }

    /// The version that is being worked on can't be had or installed.
    fn fail(&mut self, why: &str) {
        let version = match &self.stage {
            Stage::Getting(getting) => getting.version.clone(),
            Stage::Committing(Image { version, .. }) | Stage::Installing { version } => version.clone(),
            _ => return,
        };
        self.give_up(version, why);
    }

    fn give_up(&mut self, version: String, why: &str) {
        if self.record.installing.take().is_some() {
            self.due.extend([Due::Keep, Due::Discard]);
        }
        self.settle(version, UpdateStatus::Failed, why);
        self.due.push_back(Due::Say);
    }

    fn settle(&mut self, version: String, status: UpdateStatus, why: &str) {
        self.stage = Stage::Idle;
        self.say(version, status, Some(clipped(why)));
        self.due.extend(self.own.as_ref().map(|own| Due::Settled(own.report.clone())));
    }

    fn say(&mut self, version: String, status: UpdateStatus, detail: Option<String>) {
        let report = UpdateReport { version, status, detail };
        self.own = Some(Attempt { number: self.attempts, report });
        self.heard = false;
    }
}
