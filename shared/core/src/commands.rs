//! Something for a node to do: queued, handed out one at a time and in order, executed at most once.
//!
//! A node's commands are numbered by its item, which counts them as they are queued, in one transaction with the command
//! itself. So the number is the order; and a node needs to remember one number to execute no command twice.

use std::ops::RangeInclusive;

use crate::attribute::{Attribute as A, Item, ItemKey, Value};
use crate::desired::Denied;
use crate::guard::Guard;
use crate::id::{CommandName, IdempotencyKey, NodeId, Timestamp};
use crate::limits::{COMMANDS_OPEN, COMMANDS_SPAN};
use crate::node::{Malformed, Node, malformed, number, text, time};
use crate::policy::Seconds;
use crate::update::{Change, Update};

/// How long a command is remembered after it expired, in seconds: a week, for whoever asks what became of it.
const REMEMBERED: Seconds = 7 * 24 * 3600;

/// A command, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its number: the node's commands are counted from 1.
    pub number: u64,
    /// What to do.
    pub name: String,
    /// With what, as JSON.
    pub args: String,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// Until when it may be begun.
    pub expires_at: Timestamp,
    /// When it was first handed out.
    pub sent_at: Option<Timestamp>,
    /// How it ended.
    pub ended: Option<Ended>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When that was heard.
    pub at: Timestamp,
    /// How.
    pub how: Ending,
    /// What it said.
    pub output: Option<String>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It did what it was for.
    Done,
    /// It did not.
    Failed,
    /// It was taken back before it was handed out.
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

/// How a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandState {
    /// It waits for its turn.
    Queued,
    /// It was handed out, and nothing was heard of it yet.
    Sent,
    /// It ended.
    Ended(Ending),
    /// Its time was over before anything was heard of it. If the node had begun it, its result still counts.
    Expired,
}

impl Command {
    /// Reads a stored item.
    ///
    /// # Errors
    /// If an attribute is of a type, or in a combination, that no rule writes.
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

    /// How it stands at this time.
    pub fn state(&self, now: Timestamp) -> CommandState {
        match (&self.ended, self.sent_at) {
            (Some(ended), _) => CommandState::Ended(ended.how),
            (None, _) if self.expires_at <= now => CommandState::Expired,
            (None, Some(_)) => CommandState::Sent,
            (None, None) => CommandState::Queued,
        }
    }

    /// Whether it may still be begun, or was and is not over.
    pub fn is_open(&self, now: Timestamp) -> bool {
        matches!(self.state(now), CommandState::Queued | CommandState::Sent)
    }

    /// How long it may still wait, in whole seconds, of which there is at least one while it has not expired.
    pub fn expires_in(&self, now: Timestamp) -> Seconds {
        let left = self.expires_at.0.saturating_sub(now.0).div_ceil(1000);
        Seconds::try_from(left).unwrap_or(Seconds::MAX)
    }
}

/// A command to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queueing {
    /// What to do.
    pub name: CommandName,
    /// With what, as JSON.
    pub args: String,
    /// How long it may wait until it is begun.
    pub expires_in: Seconds,
    /// What the request is named with.
    pub key: IdempotencyKey,
    /// The SHA-256 of what the request says.
    pub request: String,
}

/// How many of a node's commands are open, as far as the node itself tells: what was cancelled or has expired counts there
/// until its turn would have come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    /// At most so many, and that leaves room for another one.
    AtMost(u64),
    /// Those of these that are open when they are looked at.
    Among(RangeInclusive<u64>),
}

/// Whether a node may have another command.
///
/// # Errors
/// If it may not, whichever of its commands are open.
pub fn room(stored: &Node) -> Result<Room, Denied> {
    let Some(may_be_open) = stored.open_commands() else { return Ok(Room::AtMost(0)) };
    match may_be_open.end() + 1 - may_be_open.start() {
        count if count < COMMANDS_OPEN => Ok(Room::AtMost(count)),
        count if count < COMMANDS_SPAN => Ok(Room::Among(may_be_open)),
        _ => Err(Denied::QueueFull),
    }
}

/// The number that a command gets, and the writes that queue it: all of them or none. They are refused if another one was
/// queued since the node was read, or the key is taken. `open`: how many are open, seen after the node was read (see
/// [`room`]); until one is queued, there can only be fewer.
///
/// # Errors
/// If the node may not have another one.
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
            update(node, ItemKey::Node, counted, vec![Change::Set(A::CommandsQueued, number.into())]),
            update(node, ItemKey::Command(number), Guard::Missing(A::CommandName), command),
            update(node, ItemKey::Queued(queueing.key.clone()), Guard::Missing(A::CommandNumber), key),
        ],
    ))
}

/// The number of the command that was queued with a key before; nothing if that request said something else.
///
/// # Errors
/// If the stored item is unreadable.
pub fn queued_before(item: &Item, request: &str) -> Result<Option<u64>, Malformed> {
    let command = number(item, A::CommandNumber)?.ok_or_else(|| malformed(A::CommandNumber))?;
    Ok((text(item, A::RequestHash)? == Some(request)).then_some(command))
}

/// The first of these commands that is open, the earliest first.
pub fn first_open(commands: &[Command], now: Timestamp) -> Option<&Command> {
    commands.iter().find(|command| command.is_open(now))
}

/// Notes that a command is handed out. From then on it can't be taken back.
pub fn send(node: &NodeId, command: u64, now: Timestamp) -> Update {
    let guard = Guard::All(vec![Guard::Exists(A::CommandName), Guard::Missing(A::EndedAt), Guard::Missing(A::SentAt)]);
    update(node, ItemKey::Command(command), guard, vec![Change::Set(A::SentAt, now.0.into())])
}

/// Notes what a node said of a command that it was handed. What it said first counts.
pub fn end(node: &NodeId, command: u64, ended: &Ended) -> Update {
    let guard = Guard::All(vec![Guard::Exists(A::SentAt), Guard::Missing(A::EndedAt)]);
    let mut changes =
        vec![Change::Set(A::EndedAt, ended.at.0.into()), Change::Set(A::Ending, ended.how.as_str().into())];
    changes.extend(ended.output.as_deref().map(|output| Change::Set(A::Output, output.into())));
    update(node, ItemKey::Command(command), guard, changes)
}

/// Takes back a command that was not handed out yet.
pub fn cancel(node: &NodeId, command: u64, now: Timestamp) -> Update {
    let guard = Guard::All(vec![Guard::Exists(A::CommandName), Guard::Missing(A::SentAt), Guard::Missing(A::EndedAt)]);
    let changes =
        vec![Change::Set(A::EndedAt, now.0.into()), Change::Set(A::Ending, Ending::Cancelled.as_str().into())];
    update(node, ItemKey::Command(command), guard, changes)
}

/// Notes on the node that its commands are over up to this number.
pub fn over(node: &NodeId, up_to: u64) -> Update {
    let guard = Guard::Any(vec![Guard::Missing(A::CommandsOver), Guard::Less(A::CommandsOver, up_to.into())]);
    update(node, ItemKey::Node, guard, vec![Change::Set(A::CommandsOver, up_to.into())])
}

fn update(node: &NodeId, item: ItemKey, guard: Guard, changes: Vec<Change>) -> Update {
    // What was written by an earlier try, whose answer was lost, shows when it is read again.
    Update { node: node.clone(), item, guard, already_applied: Guard::Any(vec![]), changes }
}

#[cfg(test)]
#[path = "commands_tests.rs"]
mod tests;
