//! The writes of commands. Commands are queued, handed out one at a time and in order, and executed at most once.
//!
//! A node's item counts its commands. The transaction that stores a command also raises the count, and the new count is
//! the command's number. So commands are ordered by their numbers, and a node that remembers the number of the last
//! command that it began executes none twice.

use std::ops::RangeInclusive;

use crate::admission::{not_revoked, registered};
use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::command::{Command, Ended, Ending};
use crate::denied::Denied;
use crate::guard::Guard;
use crate::id::{CommandName, IdempotencyKey, NodeId};
use crate::item::{Item, Malformed, Value, malformed, number, text};
use crate::key::Key;
use crate::limits::{COMMANDS_OPEN, COMMANDS_SPAN};
use crate::node::Node;
use crate::policy::Seconds;
use crate::timestamp::Timestamp;
use crate::update::{Change, Update};

/// How long a command is kept after it expired, in seconds: a week, so that the application can still read its result.
pub(crate) const REMEMBERED: Seconds = 7 * 24 * 3600;

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
    let queued_as = Guard::same(A::CommandsQueued, (stored.commands_queued > 0).then(|| stored.commands_queued.into()));
    let counted = vec![registered(), not_revoked(), Clause::new(Because::CommandsChanged, queued_as)];
    let new = Clause::new(Because::NumberTaken, Guard::Missing(A::CommandName));
    let unused = Clause::new(Because::KeyTaken, Guard::Missing(A::CommandNumber));
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
            update(Key::Command(node.clone(), number), vec![new], command),
            update(Key::Queued(node.clone(), queueing.key.clone()), vec![unused], key),
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
    update(Key::Command(node.clone(), command), is_queued(), vec![Change::Set(A::SentAt, now.0.into())])
}

/// The write that stores the result of a command. It is refused unless the command was handed out and has no result
/// yet, so the first result counts.
pub fn end(node: &NodeId, command: u64, ended: &Ended) -> Update {
    let mut changes =
        vec![Change::Set(A::EndedAt, ended.at.0.into()), Change::Set(A::Ending, ended.how.as_str().into())];
    changes.extend(ended.output.as_deref().map(|output| Change::Set(A::Output, output.into())));
    update(Key::Command(node.clone(), command), is_sent(), changes)
}

/// Whether [`end`] would store a result of this command: it was handed out, and has not ended. Whether it has expired
/// does not matter.
pub fn awaits_result(command: &Item) -> bool {
    is_sent().iter().all(|clause| clause.guard.holds(command))
}

/// The write that cancels a command. It is refused if the command was handed out or has ended.
pub fn cancel(node: &NodeId, command: u64, now: Timestamp) -> Update {
    let changes =
        vec![Change::Set(A::EndedAt, now.0.into()), Change::Set(A::Ending, Ending::Cancelled.as_str().into())];
    update(Key::Command(node.clone(), command), is_queued(), changes)
}

/// The write that notes on the node that all commands up to this number are over.
pub fn over(node: &NodeId, up_to: u64) -> Update {
    let further = Guard::Any(vec![Guard::Missing(A::CommandsOver), Guard::Less(A::CommandsOver, up_to.into())]);
    let clauses = vec![Clause::new(Because::OverAlready, further)];
    update(Key::Node(node.clone()), clauses, vec![Change::Set(A::CommandsOver, up_to.into())])
}

fn is_queued() -> Vec<Clause> {
    vec![
        Clause::new(Because::NoCommand, Guard::Exists(A::CommandName)),
        Clause::new(Because::Ended, Guard::Missing(A::EndedAt)),
        Clause::new(Because::Sent, Guard::Missing(A::SentAt)),
    ]
}

fn is_sent() -> Vec<Clause> {
    vec![
        Clause::new(Because::NotSent, Guard::Exists(A::SentAt)),
        Clause::new(Because::Ended, Guard::Missing(A::EndedAt)),
    ]
}

fn update(key: Key, clauses: Vec<Clause>, changes: Vec<Change>) -> Update {
    // A repeated write whose first answer was lost is refused. Callers find what the first one wrote in the item that
    // they read next.
    let update = Update { key, clauses, already_applied: Guard::NEVER, changes };
    if matches!(update.key, Key::Node(_)) { update.marked() } else { update }
}

#[cfg(test)]
#[path = "commands_tests.rs"]
mod tests;
