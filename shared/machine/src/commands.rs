//! Commands on the node, from the server's message to the reported result. A command is executed at most once. No IO
//! and no clock.
//!
//! The server numbers the commands of a node from 1. It sends the first open command again and again until it has
//! received the result. The node records the number of the last command that it began; only commands with a higher
//! number may still be begun. The number is recorded before the program gets the command. So the command is not
//! executed a second time, even if the node restarts.
//!
//! A server that lost its table numbers commands from 1 again. The node can't tell these commands from late repetitions
//! of commands that it executed long ago, so it does not execute them. It reports each one as failed, with the reason,
//! until the server's numbers are above the recorded one, or the record is removed. If the command is a late
//! repetition, the server ignores this report, because it has a result already.

use std::{collections::VecDeque, time::Duration};

use rollcall_wire::{COMMAND_OUTPUT_BYTES, CommandNews, CommandResult, CommandStatus, RESULTS};
use serde::{Deserialize, Serialize};

const RESTARTED: &str = "the node restarted while it ran";

/// The next step in the handling of commands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Due {
    /// Write the record, then call [`Commands::kept`].
    Keep,
    /// Hand the command to the program. When the program has finished it, call [`Commands::finished`].
    Execute(CommandNews),
    /// A command has this result: report it.
    Settled(CommandResult),
}

/// The part of the state that is kept over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommandRecord {
    /// The number of the last command that was begun; 0 if none was.
    begun: u64,
    /// The result of that command, and the results of earlier commands that are not acknowledged; the oldest first.
    results: Vec<Known>,
}

/// A result, and whether it must still be reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    result: CommandResult,
    /// Every check-in reports the result until one is acknowledged.
    owed: bool,
}

#[derive(Debug)]
enum Stage {
    Idle,
    /// The start of this command is not recorded yet.
    Beginning(CommandNews),
    /// The program executes this command.
    Running {
        command: u64,
    },
}

/// The commands of one run.
#[derive(Debug)]
pub(crate) struct Commands {
    record: CommandRecord,
    stage: Stage,
    /// The newest command that the server sent and that was not begun, and when it expires.
    waiting: Option<(CommandNews, Duration)>,
    due: VecDeque<Due>,
}

impl Commands {
    /// Continues from the record of the run before.
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

    /// The next step that is due, if any. The caller calls this until it returns `None`.
    pub(crate) fn tick(&mut self, now: Duration) -> Option<Due> {
        // While too many results are not acknowledged, no command is begun, so that no result is dropped for a newer
        // one. The server sends the command again.
        if matches!(self.stage, Stage::Idle) && self.results().len() < RESULTS {
            // An expired command is dropped without a report: the server computes its expiry by itself.
            if let Some((news, _)) = self.waiting.take().filter(|(_, until)| now < *until) {
                self.record.begun = news.command;
                self.stage = Stage::Beginning(news);
                self.due.push_back(Due::Keep);
            }
        }
        self.due.pop_front()
    }

    /// The server sent a command to execute.
    pub(crate) fn hear(&mut self, now: Duration, news: CommandNews) {
        if news.command <= self.record.begun {
            self.repeat(news.command);
        } else if self.waiting.as_ref().is_none_or(|(waiting, _)| waiting.command <= news.command) {
            let until = now + Duration::from_secs(news.expires_in_s.into());
            self.waiting = Some((news, until));
        }
    }

    /// The record was written as it is now. `Err`: why it could not be written.
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
                    self.settle(failed(news.command, &format!("not executed: its start could not be recorded: {why}")));
                }
            }
        }
    }

    /// The program finished the command of [`Due::Execute`].
    pub(crate) fn finished(&mut self, command: u64, status: CommandStatus, output: &str) {
        if matches!(self.stage, Stage::Running { command: running } if running == command) {
            self.stage = Stage::Idle;
            self.settle(result(command, status, output));
        }
    }

    /// The results that every check-in reports until one that carried them is acknowledged; the oldest first.
    pub(crate) fn results(&self) -> Vec<&CommandResult> {
        self.record.results.iter().filter(|known| known.owed).map(|known| &known.result).collect()
    }

    /// A check-in that carried the results of these commands is acknowledged.
    pub(crate) fn acknowledged(&mut self, commands: &[u64]) {
        if commands.is_empty() {
            return;
        }
        let begun = self.record.begun;
        for known in &mut self.record.results {
            known.owed &= !commands.contains(&known.result.command);
        }
        // The result of the last command is kept: the server may send that command once more.
        self.record.results.retain(|known| known.owed || known.result.command == begun);
        self.due.push_back(Due::Keep);
    }

    /// The server sent the last command that was begun once more, or a command with a lower number.
    ///
    /// The result is reported with the next regular check-in. If it were reported at once, every answer that carries
    /// the command would cause another check-in.
    fn repeat(&mut self, command: u64) {
        let under_way = !matches!(self.stage, Stage::Idle) && command == self.record.begun;
        if let Some(known) = self.known(command) {
            known.owed = true;
        } else if !under_way && self.results().len() < RESULTS {
            let begun = self.record.begun;
            let why = format!("not executed: command {begun} was begun before, and command numbers only rise");
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
