//! A command, as it is stored: what a node is to do.

use crate::attribute::Attribute as A;
use crate::item::{Item, Malformed, malformed, text, time};
use crate::policy::Seconds;
use crate::timestamp::Timestamp;

/// A command, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The command's number. A node's commands are counted from 1.
    pub number: u64,
    /// The name, which says what to do.
    pub name: String,
    /// The arguments, as JSON.
    pub args: String,
    /// When the command was queued.
    pub queued_at: Timestamp,
    /// Until when the node may begin the command.
    pub expires_at: Timestamp,
    /// When the command was first handed out.
    pub sent_at: Option<Timestamp>,
    /// How the command ended; `None` if it has not.
    pub ended: Option<Ended>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Ended {
    /// When Rollcall got the result, or the application cancelled the command.
    pub at: Timestamp,
    pub how: Ending,
    /// The output that the node reported.
    pub output: Option<String>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The command succeeded.
    Done,
    /// The command failed.
    Failed,
    /// The command was cancelled before it was handed out.
    Cancelled,
}

impl Ending {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Done, Self::Failed, Self::Cancelled].into_iter().find(|ending| ending.as_str() == text)
    }
}

/// The state of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandState {
    /// The command waits for its turn.
    Queued,
    /// The command was handed out, and no result has come yet.
    Sent,
    /// The command ended.
    Ended(Ending),
    /// The command expired before a result came. If it was handed out, its result is still stored
    /// ([`CommandNumbers::result_of`](crate::CommandNumbers::result_of)).
    Expired,
}

impl Command {
    /// Reads a command from its stored item.
    ///
    /// # Errors
    /// If an attribute that every command has is missing, or an attribute has a value that no rule writes.
    pub fn read(command: u64, item: &Item) -> Result<Self, Malformed> {
        let must = |attribute| move || malformed(attribute);
        let ended = match time(item, A::EndedAt)? {
            None => None,
            Some(at) => Some(Ended {
                at,
                how: text(item, A::Ending)?.and_then(Ending::read).ok_or_else(must(A::Ending))?,
                output: text(item, A::Output)?.map(str::to_owned),
            }),
        };
        Ok(Self {
            number: command,
            name: text(item, A::CommandName)?.ok_or_else(must(A::CommandName))?.to_owned(),
            args: text(item, A::CommandArgs)?.ok_or_else(must(A::CommandArgs))?.to_owned(),
            queued_at: time(item, A::QueuedAt)?.ok_or_else(must(A::QueuedAt))?,
            expires_at: time(item, A::ExpiresAt)?.ok_or_else(must(A::ExpiresAt))?,
            sent_at: time(item, A::SentAt)?,
            ended,
        })
    }

    /// The command's state at this time.
    pub fn state(&self, now: Timestamp) -> CommandState {
        match (&self.ended, self.sent_at) {
            (Some(ended), _) => CommandState::Ended(ended.how),
            (None, _) if self.expires_at <= now => CommandState::Expired,
            (None, Some(_)) => CommandState::Sent,
            (None, None) => CommandState::Queued,
        }
    }

    /// Whether the command is queued or sent, and has not expired.
    pub fn is_open(&self, now: Timestamp) -> bool {
        matches!(self.state(now), CommandState::Queued | CommandState::Sent)
    }

    /// How long the command may still wait, in whole seconds. It is at least 1 until the command expires.
    pub fn expires_in(&self, now: Timestamp) -> Seconds {
        let left = self.expires_at.0.saturating_sub(now.0).div_ceil(1000);
        Seconds::try_from(left).unwrap_or(Seconds::MAX)
    }
}
