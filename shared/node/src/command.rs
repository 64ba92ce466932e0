//! What a program executes.

use rollcall_wire::{CommandNews, CommandStatus, Json};
use tokio::sync::mpsc::WeakUnboundedSender;

use crate::promise::{Promise, Request};

const NO_RESULT: &str = "the program gave no result";

/// A command to execute, now and only now: that it was begun is on record, and it will not be handed out again.
///
/// It may be moved to another task or thread, and is finished by [`done`](Self::done) or [`failed`](Self::failed), or by
/// dropping it, which is reported as a failure. The next one comes after that.
#[derive(Debug)]
pub struct Command {
    news: CommandNews,
    promise: Promise,
}

impl Command {
    pub(crate) fn new(news: CommandNews, requests: WeakUnboundedSender<Request>) -> Self {
        let promise = Promise::new(requests, failed(news.command, NO_RESULT.to_owned()));
        Self { news, promise }
    }

    /// Its number: the server counts a node's commands from 1.
    pub fn number(&self) -> u64 {
        self.news.command
    }

    /// What to do.
    pub fn name(&self) -> &str {
        &self.news.name
    }

    /// With what: `null` if nothing was said. Its text has every number as the server was given it;
    /// [`Json::read`](crate::wire::Json::read) makes it a type of yours.
    pub fn args(&self) -> &Json {
        &self.news.args
    }

    /// It did what it was for. The first [`COMMAND_OUTPUT_BYTES`](crate::wire::COMMAND_OUTPUT_BYTES) of what it said are
    /// reported.
    ///
    /// A program that is to restart for it (a reboot, say) says so first, and restarts at
    /// [`NodeEvent::CommandFinished`](crate::NodeEvent::CommandFinished): from then on the result is on record.
    pub fn done(self, output: impl Into<String>) {
        let request = Request::Finished { command: self.number(), status: CommandStatus::Done, output: output.into() };
        self.promise.keep(request);
    }

    /// It did not: why, for people.
    pub fn failed(self, why: impl Into<String>) {
        let request = failed(self.number(), why.into());
        self.promise.keep(request);
    }

    /// The program has no such command, which is reported as a failure.
    pub fn unsupported(self) {
        let why = format!("this node knows no command {}", self.name());
        self.failed(why);
    }
}

fn failed(command: u64, why: String) -> Request {
    Request::Finished { command, status: CommandStatus::Failed, output: why }
}
