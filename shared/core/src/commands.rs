//! Commands: what a node is to do. They are queued, handed out one at a time and in order, and executed at most once.
//!
//! A node's item counts its commands. The transaction that stores a command also raises the count, and the new count is
//! the command's number. So commands are ordered by their numbers, and a node that remembers the number of the last
//! command that it began executes none twice.

use std::ops::RangeInclusive;

use crate::attribute::Attribute as A;
use crate::desired::Denied;
use crate::guard::Guard;
use crate::id::{CommandName, IdempotencyKey, NodeId, Timestamp};
use crate::item::{Item, Malformed, Value, malformed, number, text, time};
use crate::key::Key;
use crate::limits::{COMMANDS_OPEN, COMMANDS_SPAN};
use crate::node::Node;
use crate::policy::Seconds;
use crate::update::{Change, Update};

/// How long a command is kept after it expired, in seconds: a week, so that the application can still read its result.
const REMEMBERED: Seconds = 7 * 24 * 3600;

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
    fn as_str(self) -> &'static str {
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
    /// ([`CommandNumbers::result_of`]).
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

    /// Whether a result of the command would be stored: it was handed out, and has not ended. Whether it has expired
    /// does not matter.
    pub fn awaits_result(&self) -> bool {
        self.sent_at.is_some() && self.ended.is_none()
    }

    /// How long the command may still wait, in whole seconds. It is at least 1 until the command expires.
    pub fn expires_in(&self, now: Timestamp) -> Seconds {
        let left = self.expires_at.0.saturating_sub(now.0).div_ceil(1000);
        Seconds::try_from(left).unwrap_or(Seconds::MAX)
    }
}

/// The numbers of a node's commands, as the node's own item has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandNumbers {
    /// How many commands were ever queued. It is the number of the last one.
    pub queued: u64,
    /// All commands up to this number are over: each ended or expired.
    pub over: u64,
}

/// What is known of the command that a result is about, before the command is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultOf {
    /// The command may be open: the write of [`end`] finds out.
    OpenCommand,
    /// The command is over. If it expired after it was handed out, its result counts. If not, the result is a
    /// repetition or an invention, which is to cost no write. So the command is read first
    /// ([`Command::awaits_result`]).
    OverCommand,
    /// There was never such a command.
    NoCommand,
}

impl CommandNumbers {
    /// What is known of the command with this number.
    pub fn result_of(self, command: u64) -> ResultOf {
        if command == 0 || command > self.queued {
            ResultOf::NoCommand
        } else if command <= self.over {
            ResultOf::OverCommand
        } else {
            ResultOf::OpenCommand
        }
    }
}

/// A command to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queueing {
    /// The name, which says what to do.
    pub name: CommandName,
    /// The arguments, as JSON.
    pub args: String,
    /// How long the command may wait until the node begins it.
    pub expires_in: Seconds,
    /// The idempotency key of the request.
    pub key: IdempotencyKey,
    /// The SHA-256 of the request, in hexadecimal.
    pub request: String,
}

/// How many of a node's commands are open, as far as the node's own item tells. A command that was cancelled or has
/// expired counts as open there until the commands before it are over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    /// At most this many are open, which leaves room for another one.
    AtMost(u64),
    /// The commands with these numbers must be read to count those that are open.
    Among(RangeInclusive<u64>),
}

/// Whether a node may have another command.
///
/// # Errors
/// If the node may not have another command, whichever of these are open.
pub fn room(stored: &Node) -> Result<Room, Denied> {
    let Some(may_be_open) = stored.open_commands() else { return Ok(Room::AtMost(0)) };
    match may_be_open.end() + 1 - may_be_open.start() {
        count if count < COMMANDS_OPEN => Ok(Room::AtMost(count)),
        count if count < COMMANDS_SPAN => Ok(Room::Among(may_be_open)),
        _ => Err(Denied::QueueFull),
    }
}

/// The number of a new command, and the writes that queue it. Either all of them are made or none. They are refused if
/// the node was revoked or another command was queued since the node was read, or if the idempotency key is taken.
///
/// `open` is how many commands are open, counted after the node was read (see [`room`]). Until another command is
/// queued, the true number can only be lower.
///
/// # Errors
/// If the node may not have another command.
pub fn queue(
    node: &NodeId,
    stored: &Node,
    open: u64,
    queueing: &Queueing,
    now: Timestamp,
) -> Result<(u64, [Update; 3]), Denied> {
    if open >= COMMANDS_OPEN {
        return Err(Denied::QueueFull);
    }
    let number = stored.commands_queued + 1;
    let expires_at = now.plus_seconds(queueing.expires_in);
    let forget_at = Value::from(expires_at.plus_seconds(REMEMBERED).0 / 1000);
    let count = Guard::same(A::CommandsQueued, (stored.commands_queued > 0).then(|| stored.commands_queued.into()));
    let counted = Guard::All(vec![Guard::Exists(A::CredentialVersion), Guard::Missing(A::Revoked), count]);
    let command = vec![
        Change::Set(A::CommandName, queueing.name.as_str().into()),
        Change::Set(A::CommandArgs, queueing.args.as_str().into()),
        Change::Set(A::QueuedAt, now.0.into()),
        Change::Set(A::ExpiresAt, expires_at.0.into()),
        Change::Set(A::ForgetAt, forget_at.clone()),
    ];
    let key = vec![
        Change::Set(A::CommandNumber, number.into()),
        Change::Set(A::RequestHash, queueing.request.as_str().into()),
        Change::Set(A::ForgetAt, forget_at),
    ];
    Ok((
        number,
        [
            update(Key::Node(node.clone()), counted, vec![Change::Set(A::CommandsQueued, number.into())]),
            update(Key::Command(node.clone(), number), Guard::Missing(A::CommandName), command),
            update(Key::Queued(node.clone(), queueing.key.clone()), Guard::Missing(A::CommandNumber), key),
        ],
    ))
}

/// The number of the command that was queued with an idempotency key before; `None` if that request was another one.
///
/// # Errors
/// If the stored item is unreadable.
pub fn queued_before(item: &Item, request: &str) -> Result<Option<u64>, Malformed> {
    let command = number(item, A::CommandNumber)?.ok_or_else(|| malformed(A::CommandNumber))?;
    Ok((text(item, A::RequestHash)? == Some(request)).then_some(command))
}

/// The first of these commands that is open. They must be sorted by their numbers.
pub fn first_open(commands: &[Command], now: Timestamp) -> Option<&Command> {
    commands.iter().find(|command| command.is_open(now))
}

/// The write that marks a command as handed out. From then on it can't be cancelled.
pub fn send(node: &NodeId, command: u64, now: Timestamp) -> Update {
    let guard = Guard::All(vec![Guard::Exists(A::CommandName), Guard::Missing(A::EndedAt), Guard::Missing(A::SentAt)]);
    update(Key::Command(node.clone(), command), guard, vec![Change::Set(A::SentAt, now.0.into())])
}

/// The write that stores the result of a command. It is refused unless the command was handed out and has no result
/// yet, so the first result counts.
pub fn end(node: &NodeId, command: u64, ended: &Ended) -> Update {
    let guard = Guard::All(vec![Guard::Exists(A::SentAt), Guard::Missing(A::EndedAt)]);
    let mut changes =
        vec![Change::Set(A::EndedAt, ended.at.0.into()), Change::Set(A::Ending, ended.how.as_str().into())];
    changes.extend(ended.output.as_deref().map(|output| Change::Set(A::Output, output.into())));
    update(Key::Command(node.clone(), command), guard, changes)
}

/// The write that cancels a command. It is refused if the command was handed out or has ended.
pub fn cancel(node: &NodeId, command: u64, now: Timestamp) -> Update {
    let guard = Guard::All(vec![Guard::Exists(A::CommandName), Guard::Missing(A::SentAt), Guard::Missing(A::EndedAt)]);
    let changes =
        vec![Change::Set(A::EndedAt, now.0.into()), Change::Set(A::Ending, Ending::Cancelled.as_str().into())];
    update(Key::Command(node.clone(), command), guard, changes)
}

/// The write that notes on the node that all commands up to this number are over.
pub fn over(node: &NodeId, up_to: u64) -> Update {
    let guard = Guard::Any(vec![Guard::Missing(A::CommandsOver), Guard::Less(A::CommandsOver, up_to.into())]);
    update(Key::Node(node.clone()), guard, vec![Change::Set(A::CommandsOver, up_to.into())])
}

fn update(key: Key, guard: Guard, changes: Vec<Change>) -> Update {
    // A repeated write whose first answer was lost is refused. Callers find what the first one wrote in the item that
    // they read next.
    Update { key, guard, already_applied: Guard::NEVER, changes }
}

#[cfg(test)]
#[path = "commands_tests.rs"]
mod tests;
