//! Commands: begun once, and their results said until that is acknowledged.

use std::time::Duration;

use rollcall_wire::CommandStatus;

use super::{Action, Machine};
use crate::{NodeEvent, commands::Due};

impl Machine {
    /// What became of the command of [`Action::Execute`], and what it said.
    pub(crate) fn finished(&mut self, now: Duration, command: u64, status: CommandStatus, output: &str) {
        if !self.ended {
            self.commands.finished(command, status, output);
            self.command(now);
        }
    }

    /// Does what is due about commands.
    pub(super) fn command(&mut self, now: Duration) {
        while let Some(due) = self.commands.tick(now) {
            match due {
                Due::Keep => self.actions.push_back(Action::Keep),
                Due::Execute(news) => self.actions.push_back(Action::Execute(news)),
                Due::Settled(result) => {
                    self.event(NodeEvent::CommandFinished(result));
                    self.check_in_now(now);
                }
            }
        }
    }
}
