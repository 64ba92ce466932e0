//! A node that polls, without IO: what docs/protocol.md, "Polling over HTTP", asks of its program. The reference node
//! does not poll, so this program is the simulation's own.

use rollcall_wire::{
    Ack, CheckIn, CommandNews, CommandResult, CommandStatus, ConfigNews, Health, RESULTS, UpdateReport, UpdateStatus,
};

use crate::draw::Draw;
use crate::flash::Flash;
use crate::kernel::{MS, Micros, S};

/// The wait after a 429 that names no time, and the greatest step of the back-off.
const SLOW_DOWN: Micros = 30 * S;
const BACKOFF_CAP: Micros = 60 * S;
/// How long the program waits after its token was refused for good, before it tries again all the same.
const FINAL: (Micros, Micros) = (60 * S, 600 * S);
/// How long after something that the server should know the next poll follows.
const AT_ONCE: Micros = 200 * MS;

/// What a polling program keeps over a restart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    /// The number of the last command that was begun, and its result.
    begun: u64,
    ended: Option<CommandResult>,
    /// Results that are not acknowledged.
    owed: Vec<CommandResult>,
    /// The version that is being installed, until the outcome is acknowledged.
    pub(crate) installing: Option<String>,
}

/// A run of a polling program.
#[derive(Debug, Default)]
pub(crate) struct Poller {
    seq: u64,
    failures: u32,
    /// The command that is being executed.
    running: Option<u64>,
    /// The highest configuration version that was seen.
    seen: u64,
    /// How far the update is, and what was said of versions that failed.
    update: Option<UpdateReport>,
    /// What the poll that is under way said.
    said: Option<CheckIn>,
}

/// What the world is to do for the program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Begin this command.
    Execute(u64, String),
    /// Run this document, or fetch it first.
    Configure(ConfigNews),
    /// Ask for the URL of this version.
    Locate(String),
    /// The firmware is proven.
    Proven,
}

impl Poller {
    /// A run that begins with what the flash has.
    pub(crate) fn new(flash: &mut Flash) -> Self {
        let update = flash.journal.installing.clone().map(|version| {
            let runs = flash.firmware == version;
            let (status, detail) = if runs {
                (UpdateStatus::Applied, None)
            } else {
                (UpdateStatus::RolledBack, Some("another version runs"))
            };
            UpdateReport { version, status, detail: detail.map(str::to_owned) }
        });
        // A command without a result was under way when the power failed.
        let journal = &mut flash.journal;
        if journal.begun > 0 && journal.ended.is_none() {
            let output = Some("the node restarted".to_owned());
            let result = CommandResult { command: journal.begun, status: CommandStatus::Failed, output };
            journal.owed.push(result.clone());
            journal.ended = Some(result);
        }
        let seen = flash.config.as_ref().map_or(0, |config| config.version);
        Self { seen, update, ..Self::default() }
    }

    /// The next check-in.
    pub(crate) fn compose(&mut self, flash: &Flash, uptime: Micros) -> CheckIn {
        self.seq += 1;
        let check_in = CheckIn {
            firmware: Some(flash.firmware.clone()),
            config: flash.config.clone(),
            update: self.update.clone(),
            health: Some(Health { uptime_s: Some(uptime / S), ..Health::default() }),
            results: flash.journal.owed.iter().take(RESULTS).cloned().collect(),
            ..CheckIn::idle(self.seq)
        };
        self.said = Some(check_in.clone());
        check_in
    }

    /// The poll was answered with an ack: when the next one is due, and what is to be done.
    pub(crate) fn acked(&mut self, flash: &mut Flash, ack: &Ack) -> (Micros, Vec<Wish>) {
        self.failures = 0;
        let mut wishes = vec![];
        if let Some(said) = self.said.take() {
            flash.journal.owed.retain(|owed| !said.results.contains(owed));
            self.reported(flash, said.update.as_ref(), &mut wishes);
        }
        if let Some(config) = ack.config.as_ref().filter(|config| config.version > self.seen) {
            self.seen = config.version;
            wishes.push(Wish::Configure(config.clone()));
        }
        if let Some(command) = &ack.command {
            self.command(flash, command, &mut wishes);
        }
        if let Some(firmware) = &ack.firmware {
            self.firmware(flash, &firmware.version, &mut wishes);
        }
        let owes = flash.journal.owed.len() > RESULTS || !wishes.is_empty();
        let next = if owes { AT_ONCE } else { Micros::from(ack.next_check_in_s) * S };
        (next, wishes)
    }

    /// The poll had another answer, or none (0): when the next one is due.
    pub(crate) fn failed(&mut self, status: u16, retry_after: Option<u64>, draw: &mut Draw) -> Micros {
        self.said = None;
        let step = (S << self.failures.min(10)).min(BACKOFF_CAP);
        self.failures += 1;
        let backoff = draw.below(step + 1);
        match (status, retry_after) {
            (401 | 403, _) => draw.between(FINAL.0, FINAL.1),
            (429, None) => SLOW_DOWN + backoff,
            (_, Some(seconds)) => (seconds * S).max(backoff) + draw.below(seconds * S / 4 + 1),
            (_, None) => backoff.max(S),
        }
    }

    /// The program has done a command.
    pub(crate) fn ended(&mut self, flash: &mut Flash, status: CommandStatus, output: &str) {
        let Some(command) = self.running.take() else { return };
        let result = CommandResult { command, status, output: Some(output.to_owned()) };
        flash.journal.owed.push(result.clone());
        flash.journal.ended = Some(result);
    }

    /// The image of a version can't be had or installed.
    pub(crate) fn gave_up(&mut self, version: &str, why: &str) {
        let (status, detail) = (UpdateStatus::Failed, Some(why.to_owned()));
        self.update = Some(UpdateReport { version: version.to_owned(), status, detail });
    }

    /// Whether this version is the one that is being downloaded.
    pub(crate) fn downloads(&self, version: &str) -> bool {
        let downloading = |update: &&UpdateReport| update.status == UpdateStatus::Downloading;
        self.update.as_ref().filter(downloading).is_some_and(|update| update.version == version)
    }

    fn reported(&mut self, flash: &mut Flash, said: Option<&UpdateReport>, wishes: &mut Vec<Wish>) {
        let Some(said) = said.filter(|said| self.update.as_ref() == Some(*said)) else { return };
        match said.status {
            UpdateStatus::Downloading => return,
            UpdateStatus::Applied => wishes.push(Wish::Proven),
            UpdateStatus::Failed | UpdateStatus::RolledBack => {}
        }
        (self.update, flash.journal.installing) = (None, None);
    }

    fn command(&mut self, flash: &mut Flash, news: &CommandNews, wishes: &mut Vec<Wish>) {
        let journal = &mut flash.journal;
        if news.command > journal.begun {
            if self.running.is_none() && journal.owed.len() < RESULTS {
                (journal.begun, journal.ended) = (news.command, None);
                self.running = Some(news.command);
                wishes.push(Wish::Execute(news.command, news.name.clone()));
            }
            return;
        }
        let known = journal.ended.clone().filter(|ended| ended.command == news.command);
        let is_owed = journal.owed.iter().any(|owed| owed.command == news.command);
        if self.running != Some(news.command) && !is_owed {
            let output = Some("this node has no result of it".to_owned());
            let lost = CommandResult { command: news.command, status: CommandStatus::Failed, output };
            journal.owed.push(known.unwrap_or(lost));
        }
    }

    fn firmware(&mut self, flash: &Flash, version: &str, wishes: &mut Vec<Wish>) {
        let knows = self.update.as_ref().is_some_and(|update| update.version == version);
        if !knows && flash.firmware != version && flash.journal.installing.is_none() {
            let status = UpdateStatus::Downloading;
            self.update = Some(UpdateReport { version: version.to_owned(), status, detail: None });
            wishes.push(Wish::Locate(version.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use rollcall_wire::Json;

    use super::*;

    fn ack(command: Option<u64>) -> Ack {
        let command = command.map(|command| CommandNews {
            command,
            name: "locate".to_owned(),
            args: Json::default(),
            expires_in_s: 60,
        });
        Ack {
            seq: 1,
            next_check_in_s: 300,
            reconnect_within_s: 6600,
            spread_s: 30,
            config: None,
            command,
            firmware: None,
        }
    }

    #[test]
    fn a_command_is_executed_once_and_its_result_is_stated_until_it_is_acknowledged() {
        let mut flash = Flash::default();
        let mut poller = Poller::new(&mut flash);
        poller.compose(&flash, 0);
        assert_eq!(poller.acked(&mut flash, &ack(Some(1))).1, [Wish::Execute(1, "locate".to_owned())]);
        poller.compose(&flash, 0);
        assert_eq!(poller.acked(&mut flash, &ack(Some(1))), (300 * S, vec![]), "it is being executed");
        poller.ended(&mut flash, CommandStatus::Done, "");
        assert_eq!(poller.compose(&flash, 0).results.len(), 1);
        poller.failed(503, None, &mut Draw::of(1, crate::draw::Who::Index, 0));
        assert_eq!(poller.compose(&flash, 0).results.len(), 1, "nobody has acknowledged it");
        poller.acked(&mut flash, &ack(None));
        assert_eq!(poller.compose(&flash, 0).results.len(), 0);
    }

    #[test]
    fn a_command_that_was_under_way_when_the_power_failed_has_failed() {
        let mut flash = Flash::default();
        let mut poller = Poller::new(&mut flash);
        poller.compose(&flash, 0);
        poller.acked(&mut flash, &ack(Some(3)));
        let mut poller = Poller::new(&mut flash);
        let results = poller.compose(&flash, 0).results;
        assert_eq!(
            results.iter().map(|result| (result.command, result.status)).collect::<Vec<_>>(),
            [(3, CommandStatus::Failed)]
        );
    }
}
