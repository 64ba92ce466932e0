//! From a command that the server tells to its result, at most once. No IO, no clock.
//!
//! The server numbers a node's commands from 1 and tells the first that is open, again and again, until it has heard of
//! its end. So the number of the last command that was begun says of every other whether it may still be begun. It is on
//! record before the program hears of the command: whatever happens then, the command is not executed a second time.
//!
//! A server that lost its table counts from 1 again. Its commands can't be told from late repetitions of what was
//! executed long ago, so they are not executed: each is reported as failed, with the reason, until the count is above
//! that of the record, or the record is removed. The same report, about a repetition, changes nothing at the server.

use std::{collections::VecDeque, time::Duration};

use rollcall_wire::{COMMAND_OUTPUT_BYTES, CommandNews, CommandResult, CommandStatus, RESULTS};
use serde::{Deserialize, Serialize};

const RESTARTED: &str = "the node restarted while it ran";

/// What is to be done about commands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Due {
    /// Keep the record; tell [`Commands::kept`].
    Keep,
    /// Hand it to the program; tell [`Commands::finished`].
    Execute(CommandNews),
    /// This is what became of one: say it.
    Settled(CommandResult),
}

/// What must outlive the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommandRecord {
    /// The number of the last command that was begun; 0 if none was.
    begun: u64,
    /// What became of it, and of those before it whose results are not acknowledged; the oldest first.
    results: Vec<Known>,
}

/// A result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    result: CommandResult,
    /// It is to be said until it is acknowledged.
    owed: bool,
}

#[derive(Debug)]
enum Stage {
    Idle,
    /// That it is begun is not on record yet.
    Beginning(CommandNews),
    /// The program has it.
    Running {
        command: u64,
    },
}

/// What a run knows of commands.
#[derive(Debug)]
pub(crate) struct Commands {
    record: CommandRecord,
    stage: Stage,
    /// The last one that was told and not begun, and until when it may be.
    waiting: Option<(CommandNews, Duration)>,
    due: VecDeque<Due>,
}

impl Commands {
    /// Goes on from what was recorded.
    pub(crate) fn new(record: CommandRecord) -> Self {
        let mut commands = Self { record, stage: Stage::Idle, waiting: None, due: VecDeque::new() };
        let begun = commands.record.begun;
        if begun > 0 && commands.known(begun).is_none() {
            commands.settle(failed(begun, RESTARTED));
        }
        commands
    }

    pub(crate) fn record(&self) -> &CommandRecord {
        &self.record
    }

    /// What is due, if anything. Ask again until nothing is.
    pub(crate) fn tick(&mut self, now: Duration) -> Option<Due> {
        // A result that nobody acknowledges must not be lost for newer ones: those are told again.
        if matches!(self.stage, Stage::Idle) && self.results().len() < RESULTS {
            // The server sees by itself that one has expired.
            if let Some((news, _)) = self.waiting.take().filter(|(_, until)| now < *until) {
                self.record.begun = news.command;
                self.stage = Stage::Beginning(news);
                self.due.push_back(Due::Keep);
            }
        }
        self.due.pop_front()
    }

    /// The server named a command to execute.
    pub(crate) fn hear(&mut self, now: Duration, news: CommandNews) {
        if news.command <= self.record.begun {
            self.repeat(news.command);
        } else if self.waiting.as_ref().is_none_or(|(waiting, _)| waiting.command <= news.command) {
            let until = now + Duration::from_secs(news.expires_in_s.into());
            self.waiting = Some((news, until));
        }
    }

    /// What came of keeping the record as it is now; `Err`: why it could not be.
    pub(crate) fn kept(&mut self, kept: &Result<(), String>) {
        if let Stage::Beginning(news) = &self.stage {
            let news = news.clone();
            match kept {
                Ok(()) => {
                    self.stage = Stage::Running { command: news.command };
                    self.due.push_back(Due::Execute(news));
                }
                Err(why) => {
                    self.stage = Stage::Idle;
                    self.settle(failed(news.command, &format!("not executed, for that could not be recorded: {why}")));
                }
            }
        }
    }

    /// What became of the command of [`Due::Execute`].
    pub(crate) fn finished(&mut self, command: u64, status: CommandStatus, output: &str) {
        if matches!(self.stage, Stage::Running { command: running } if running == command) {
            self.stage = Stage::Idle;
            self.settle(result(command, status, output));
        }
    }

    /// What is to be said, the oldest first, in every check-in until one that said it is acknowledged.
    pub(crate) fn results(&self) -> Vec<&CommandResult> {
        self.record.results.iter().filter(|known| known.owed).map(|known| &known.result).collect()
    }

    /// A check-in that said what became of these is acknowledged.
    pub(crate) fn acknowledged(&mut self, commands: &[u64]) {
        if commands.is_empty() {
            return;
        }
        let begun = self.record.begun;
        for known in &mut self.record.results {
            known.owed &= !commands.contains(&known.result.command);
        }
        // Of the last one the result is kept, for the server may have it told once more.
        self.record.results.retain(|known| known.owed || known.result.command == begun);
        self.due.push_back(Due::Keep);
    }

    /// The server told a command again that was begun, or one before it.
    ///
    /// There is nothing to be said at once: what the server tells with every answer would make a check-in of every answer.
    fn repeat(&mut self, command: u64) {
        let under_way = !matches!(self.stage, Stage::Idle) && command == self.record.begun;
        if let Some(known) = self.known(command) {
            known.owed = true;
        } else if !under_way && self.results().len() < RESULTS {
            let begun = self.record.begun;
            let why = format!("not executed: {begun} was begun before, and numbers only rise");
            self.record.results.push(Known { result: failed(command, &why), owed: true });
        }
    }

    fn known(&mut self, command: u64) -> Option<&mut Known> {
        self.record.results.iter_mut().find(|known| known.result.command == command)
    }

    fn settle(&mut self, result: CommandResult) {
        let begun = self.record.begun;
        self.record.results.retain(|known| known.owed || known.result.command == begun);
        self.record.results.push(Known { result: result.clone(), owed: true });
        self.due.extend([Due::Keep, Due::Settled(result)]);
    }
}

fn failed(command: u64, why: &str) -> CommandResult {
    result(command, CommandStatus::Failed, why)
}

fn result(command: u64, status: CommandStatus, output: &str) -> CommandResult {
    let clipped = &output[..output.floor_char_boundary(COMMAND_OUTPUT_BYTES)];
    CommandResult { command, status, output: (!clipped.is_empty()).then(|| clipped.to_owned()) }
}
