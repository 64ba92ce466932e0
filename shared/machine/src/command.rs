//! The command that a program executes.

use rollcall_wire::{CommandNews, CommandStatus, Json};

use crate::{
    promise::Promise,
    request::{Outbox, Request},
};

const NO_RESULT: &str = "the program gave no result";

/// A command to execute. Its start is recorded before the program gets it, so the program gets it only once.
///
/// It may be moved to another task or thread. The program finishes it with [`done`](Self::done) or
/// [`failed`](Self::failed); a command that is dropped without a result is reported as failed. The program gets the
/// next command after this one is finished.
#[derive(Debug)]
pub struct Command {
    news: CommandNews,
    promise: Promise,
}

impl Command {
    pub(crate) fn new(news: CommandNews, outbox: Outbox) -> Self {
        let promise = Promise::new(outbox, failed(news.command, NO_RESULT.to_owned()));
        Self { news, promise }
    }

    /// The number of the command. The server numbers the commands of a node from 1.
    pub fn number(&self) -> u64 {
        self.news.command
    }

    /// The name of the command: what the program is to do.
    pub fn name(&self) -> &str {
        &self.news.name
    }

    /// The arguments of the command; `null` if there are none. In the text, every number is as the server was given it;
    /// [`Json::read`] parses the text into a type.
    pub fn args(&self) -> &Json {
        &self.news.args
    }

    /// Reports the command as done, with at most the first
    /// [`COMMAND_OUTPUT_BYTES`](rollcall_wire::COMMAND_OUTPUT_BYTES) bytes of its output.
    ///
    /// A program that restarts because of the command (a reboot, for example) calls this first, and restarts on
    /// [`NodeEvent::CommandFinished`](crate::NodeEvent::CommandFinished): from then on the result is recorded.
    pub fn done(self, output: impl Into<String>) {
        let request = Request::Finished { command: self.number(), status: CommandStatus::Done, output: output.into() };
        self.promise.keep(request);
    }

    /// Reports the command as failed, with a reason for people to read.
    pub fn failed(self, why: impl Into<String>) {
        let request = failed(self.number(), why.into());
        self.promise.keep(request);
    }

    /// Reports the command as failed, because the program does not know it.
    pub fn unsupported(self) {
        let why = format!("this node knows no command {}", self.name());
        self.failed(why);
    }
}

fn failed(command: u64, why: String) -> Request {
    Request::Finished { command, status: CommandStatus::Failed, output: why }
}
