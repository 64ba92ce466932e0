//! The state machine's part for commands: each is begun once, and its result is reported until it is acknowledged.

use std::time::Duration;

use rollcall_wire::CommandStatus;

use super::{action::Action, state::Machine};
use crate::{commands::Due, event::NodeEvent};

impl Machine {
    /// The program finished the command of [`Action::Execute`].
    pub(crate) fn finished(&mut self, now: Duration, command: u64, status: CommandStatus, output: &str) {
        if !self.ended {
            self.commands.finished(command, status, output);
            self.command(now);
        }
    }

    /// Performs every step for commands that is due.
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
