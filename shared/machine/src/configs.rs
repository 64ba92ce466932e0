//! Configurations on the node, from the server's message to the reported outcome. No IO, no clock, no randomness of its
//! own.
//!
//! The node works on one configuration at a time. Until the program has been given it, a newer configuration replaces
//! it. After that, a newer one waits until this one is settled: proven, rejected or rolled back.

mod due;
mod getting;
#[cfg(test)]
mod tests;

use std::time::Duration;

use rand::Rng;
use rollcall_wire::{ConfigNews, ConfigReport, ConfigStatus};

use crate::{
    configuration::{Applied, Configuration},
    detail::clipped,
    document::FetchError,
    timing::Timing,
};
pub(crate) use due::Due;
use getting::Getting;

const ROLLED_BACK: &str = "rolled back: the server could not be reached";

#[derive(Debug)]
enum Stage {
    Idle,
    Getting(Getting),
    /// The program has been given the configuration and has not answered yet.
    Applying(Configuration),
    /// The program runs the configuration. It counts as applied once the server is reached over a new connection.
    Proving {
        configuration: Configuration,
        report: ConfigReport,
        by: Duration,
    },
}

/// The configurations of one run.
#[derive(Debug)]
pub(crate) struct Configs {
    stage: Stage,
    /// The highest version that the server or the program has named. Messages about versions up to it are ignored.
    seen: u64,
    /// The newest configuration that came while another one was being applied or proven.
    waiting: Option<ConfigNews>,
    /// The outcome of the last configuration that was settled in this run.
    own: Option<ConfigReport>,
    /// An outcome that [`tick`](Self::tick) has not returned yet.
    settled: Option<ConfigReport>,
    /// The last report of the program that names no unproven version.
    program: Option<ConfigReport>,
    /// The program takes no configurations.
    unsupported: bool,
}

impl Configs {
    pub(crate) fn new() -> Self {
        Self { stage: Stage::Idle, seen: 0, waiting: None, own: None, settled: None, program: None, unsupported: false }
    }

    /// When [`tick`](Self::tick) has something to do next; `held`: a connection holds the node.
    pub(crate) fn deadline(&self, held: bool) -> Option<Duration> {
        match &self.stage {
            Stage::Getting(getting) if held => getting.deadline(),
            Stage::Proving { by, .. } => Some(*by),
            _ => None,
        }
    }

    /// The next step that is due, if any. The caller calls this until it returns `None`.
    ///
    /// Without a connection that holds the node, nothing is fetched and nothing is applied: a failure would say nothing
    /// about the configuration.
    pub(crate) fn tick(&mut self, now: Duration, held: bool) -> Option<Due> {
        if let Some(report) = self.settled.take() {
            return Some(Due::Settled(report));
        }
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Proving { configuration, by, .. } if now >= by => {
                self.reject(now, configuration.version, ROLLED_BACK);
                Some(Due::RollBack(configuration))
            }
            Stage::Getting(mut getting) if held => {
                let next = getting.next(now);
                self.stage = match &next {
                    Some(Due::Apply(configuration)) => Stage::Applying(configuration.clone()),
                    _ => Stage::Getting(getting),
                };
                next
            }
            stage => {
                self.stage = stage;
                None
            }
        }
    }

    /// The server named the configuration to run.
    pub(crate) fn hear(&mut self, now: Duration, news: ConfigNews) {
        let questions = match &self.stage {
            Stage::Getting(getting) if getting.is_answered_by(&news) => getting.questions,
            _ if news.version <= self.seen => return,
            _ => 0,
        };
        self.seen = news.version;
        if self.unsupported {
            return;
        }
        match self.stage {
            Stage::Idle | Stage::Getting(_) => self.begin(now, news, questions),
            Stage::Applying(_) | Stage::Proving { .. } => self.waiting = Some(news),
        }
    }

    /// The server answered that it has no configuration for this node, or no longer has one.
    pub(crate) fn withdrawn(&mut self) {
        if matches!(self.stage, Stage::Getting(_)) {
            self.stage = Stage::Idle;
        }
    }

    /// A fetch ended with this outcome.
    pub(crate) fn fetched(
        &mut self,
        timing: &Timing,
        rng: &mut impl Rng,
        now: Duration,
        version: u64,
        outcome: Result<String, FetchError>,
    ) {
        let Stage::Getting(getting) = &mut self.stage else { return };
        if getting.version == version
            && let Err(why) = getting.fetched(timing, rng, now, outcome)
        {
            self.reject(now, version, &why);
        }
    }

    /// The program answered about the configuration of [`Due::Apply`]. Returns whether a proof is needed, which then
    /// has time until `by`.
    pub(crate) fn applied(&mut self, now: Duration, by: Duration, applied: Applied) -> bool {
        let configuration = match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Applying(configuration) => configuration,
            stage => {
                self.stage = stage;
                return false;
            }
        };
        let version = configuration.version;
        let report = match applied {
            Applied::Unsupported => {
                self.unsupported = true;
                self.waiting = None;
                return false;
            }
            Applied::Rejected(why) => {
                self.reject(now, version, &why);
                return false;
            }
            Applied::Applied => ConfigReport { version, status: ConfigStatus::Applied, detail: None },
            Applied::Substituted(with) => {
                ConfigReport { version, status: ConfigStatus::Substituted, detail: Some(clipped(&with)) }
            }
        };
        self.stage = Stage::Proving { configuration, report, by };
        true
    }

    /// The version that the program is applying.
    pub(crate) fn applying(&self) -> Option<u64> {
        match &self.stage {
            Stage::Applying(configuration) => Some(configuration.version),
            _ => None,
        }
    }

    /// Gives a proof that is under way time until `until`, because the node may connect only later.
    pub(crate) fn postpone(&mut self, until: Duration) {
        if let Stage::Proving { by, .. } = &mut self.stage {
            *by = until.max(*by);
        }
    }

    /// Whether a configuration runs that is not proven yet.
    pub(crate) fn is_proving(&self) -> bool {
        matches!(self.stage, Stage::Proving { .. })
    }

    /// The server was reached over a connection that was opened after the program applied its configuration.
    pub(crate) fn proved(&mut self, now: Duration) {
        if let Stage::Proving { report, .. } = &self.stage {
            let report = report.clone();
            self.settle(now, report);
        }
    }

    /// The run is over. Returns the configuration to roll back, if one is not proven.
    pub(crate) fn abandon(&mut self) -> Option<Configuration> {
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Proving { configuration, .. } => Some(configuration),
            _ => None,
        }
    }

    /// The report for a check-in, given the program's own report. A version that is not proven yet is not reported,
    /// even if the program reports it.
    pub(crate) fn report(&mut self, program: Option<ConfigReport>) -> Option<ConfigReport> {
        let named = program.as_ref().map_or(0, |report| report.version);
        let unproven = match &self.stage {
            Stage::Applying(configuration) | Stage::Proving { configuration, .. } => Some(configuration.version),
            Stage::Idle | Stage::Getting(_) => None,
        };
        self.seen = self.seen.max(named);
        self.waiting.take_if(|news| news.version <= named);
        if matches!(&self.stage, Stage::Getting(getting) if getting.version <= named) {
            self.stage = Stage::Idle;
        }
        if unproven != Some(named) {
            self.program = program;
        }
        match (&self.program, &self.own) {
            (Some(program), Some(own)) if program.version < own.version => Some(own.clone()),
            (Some(program), _) => Some(program.clone()),
            (None, own) => own.clone(),
        }
    }

    fn begin(&mut self, now: Duration, news: ConfigNews, questions: u32) {
        let version = news.version;
        match Getting::new(now, news, questions) {
            Ok(getting) => self.stage = Stage::Getting(getting),
            Err(why) => self.reject(now, version, &why),
        }
    }

    fn reject(&mut self, now: Duration, version: u64, why: &str) {
        let detail = Some(clipped(why));
        self.settle(now, ConfigReport { version, status: ConfigStatus::Rejected, detail });
    }

    fn settle(&mut self, now: Duration, report: ConfigReport) {
        self.own = Some(report.clone());
        self.settled = Some(report);
        self.stage = Stage::Idle;
        if let Some(news) = self.waiting.take() {
            self.begin(now, news, 0);
        }
    }
}
