//! Commands: handed out one at a time, and ended by their results.

use std::ops::RangeInclusive;

use rollcall_core::{
    Attribute, Command, CommandNumbers, CommandState, Ended, Ending, Item, Key, NodeId, Outcome, ResultOf, Timestamp,
    end, first_open, over, send, surely_past,
};
use rollcall_wire::{COMMAND_OUTPUT_BYTES, CommandNews, CommandResult, CommandStatus, Json};

use crate::store::{Order, Store, StoreError};

/// How many commands are read at once to find the one whose turn it is. It is the first one, unless commands before it
/// expired or were cancelled.
const AHEAD: i32 = 10;
/// How many commands are read at once to find all that are open.
const PAGE: i32 = 100;

/// The node's commands with these numbers, sorted: at most `limit` of them.
///
/// # Errors
/// If they can't be read.
pub(crate) async fn commands(
    store: &impl Store,
    node: &NodeId,
    numbers: RangeInclusive<u64>,
    limit: i32,
) -> Result<Vec<Command>, StoreError> {
    in_order(store, node, numbers, Order::Ascending, limit).await
}

/// The node's commands up to this number, the newest first: at most `limit` of them.
///
/// # Errors
/// If they can't be read.
pub(crate) async fn newest(
    store: &impl Store,
    node: &NodeId,
    up_to: u64,
    limit: i32,
) -> Result<Vec<Command>, StoreError> {
    in_order(store, node, 1..=up_to, Order::Descending, limit).await
}

async fn in_order(
    store: &impl Store,
    node: &NodeId,
    numbers: RangeInclusive<u64>,
    order: Order,
    limit: i32,
) -> Result<Vec<Command>, StoreError> {
    let (first, last) = numbers.into_inner();
    let keys = Key::Command(node.clone(), first)..=Key::Command(node.clone(), last);
    let items = store.range(keys, order, limit).await?;
    let numbered = items.iter().filter_map(|(key, item)| match key {
        Key::Command(_, number) => Some(read(*number, item)),
        _ => None,
    });
    numbered.collect()
}

/// The open ones among the node's commands with these numbers, sorted: as many as may be open.
///
/// # Errors
/// If they can't be read.
pub(crate) async fn open_commands(
    store: &impl Store,
    node: &NodeId,
    numbers: RangeInclusive<u64>,
    now: Timestamp,
) -> Result<Vec<Command>, StoreError> {
    let (mut from, last) = numbers.into_inner();
    let mut open = vec![];
    while from <= last {
        let some = commands(store, node, from..=last, PAGE).await?;
        // Numbers that are missing belong to commands that expired long ago and were deleted.
        let Some(end) = some.last() else { break };
        from = end.number + 1;
        open.extend(some.into_iter().filter(|command| command.is_open(now)));
    }
    Ok(open)
}

/// The time of an event by two clocks: that of the host of API Gateway that noticed it, and its handler's. One of them
/// may be wrong. docs/adr/0013
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) earliest: Timestamp,
    pub(crate) latest: Timestamp,
}

impl Times {
    pub(crate) fn of(at: Timestamp, now: Timestamp) -> Self {
        Self { earliest: at.min(now), latest: at.max(now) }
    }
}

/// The command that a node is to execute now: the first of these that is open. It is marked as sent, and the node's
/// item notes that the commands before it are over. A command counts as expired only if both clocks say so, since that
/// note is for good; and as open likewise. A command that the clocks differ about is left for the next time.
///
/// # Errors
/// If the commands can't be read or marked.
pub(crate) async fn next_command(
    store: &impl Store,
    node: &NodeId,
    numbers: RangeInclusive<u64>,
    times: Times,
) -> Result<Option<Command>, StoreError> {
    let now = times.latest;
    let (first, last) = numbers.into_inner();
    let mut from = first;
    while from <= last {
        let some = commands(store, node, from..=last, AHEAD).await?;
        let Some(open) = first_open(&some, times.earliest) else {
            // Numbers that are missing belong to commands that expired long ago and were deleted.
            let full = i32::try_from(some.len()) == Ok(AHEAD);
            from = if full { some.last().map_or(last, |command| command.number) + 1 } else { last + 1 };
            continue;
        };
        if open.number > first {
            let _ = store.write(&over(node, open.number - 1)).await?;
        }
        if !open.is_open(now) {
            return Ok(None);
        }
        match store.write(&send(node, open.number, now)).await?.outcome {
            Outcome::Applied { .. } => return Ok(Some(open.clone())),
            Outcome::Refused { stored, .. } => {
                let stored = stored.map(|item| read(open.number, &item)).transpose()?;
                if let Some(sent) = stored.filter(|command| command.state(now) == CommandState::Sent) {
                    return Ok(Some(sent));
                }
                // The command ended meanwhile.
                from = open.number + 1;
            }
        }
    }
    let _ = store.write(&over(node, last)).await?;
    Ok(None)
}

/// Notes that the commands before the first open one are over, if none before the node's own requests has. Returns
/// whether there was one. Such a note is for good, so that a wrong clock must not make it too early: a command counts as
/// open for as long as the clocks of two hosts may differ.
///
/// # Errors
/// If the commands can't be read, or it is not known whether the note is stored.
pub(crate) async fn note_over(
    store: &impl Store,
    node: &NodeId,
    numbers: CommandNumbers,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if numbers.over >= numbers.queued {
        return Ok(false);
    }
    let first = numbers.over + 1;
    let some = commands(store, node, first..=numbers.queued, AHEAD).await?;
    let up_to = match first_open(&some, surely_past(now)) {
        Some(open) => open.number - 1,
        // Numbers that are missing belong to commands that expired long ago and were deleted.
        None if i32::try_from(some.len()) == Ok(AHEAD) => some.last().map_or(numbers.queued, |command| command.number),
        None => numbers.queued,
    };
    if up_to < first {
        return Ok(false);
    }
    let written = store.write(&over(node, up_to)).await?;
    Ok(matches!(written.outcome, Outcome::Applied { .. }))
}

/// Stores the results of commands. A result that is repeated, or that is of a command that was not sent, changes
/// nothing. A result of a command that is over costs a read, and a write only if it is stored. A result of a command
/// that was never queued costs nothing. Nothing is stored without `numbers`.
///
/// # Errors
/// If it is not known whether the results are stored.
pub(crate) async fn end_commands(
    store: &impl Store,
    node: &NodeId,
    results: &[CommandResult],
    numbers: Option<CommandNumbers>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let Some(numbers) = numbers else { return Ok(()) };
    for result in results {
        let number = result.command;
        let may_count = match numbers.result_of(number) {
            ResultOf::OpenCommand => true,
            ResultOf::OverCommand => awaits_result(store, node, number).await?,
            ResultOf::NoCommand => false,
        };
        if !may_count {
            continue;
        }
        let written = store.write(&end(node, number, &ended(result, at))).await?;
        let new = matches!(written.outcome, Outcome::Applied { .. });
        let outcome = if new { "ended" } else { "known" };
        tracing::info!(%node, number, status = ?result.status, outcome, "command");
    }
    Ok(())
}

fn ended(result: &CommandResult, at: Timestamp) -> Ended {
    let how = match result.status {
        CommandStatus::Done => Ending::Done,
        CommandStatus::Failed => Ending::Failed,
    };
    let output = result.output.as_deref().map(|output| {
        let kept = output.floor_char_boundary(COMMAND_OUTPUT_BYTES);
        output[..kept].to_owned()
    });
    Ended { at, how, output: output.filter(|output| !output.is_empty()) }
}

/// Whether a result of this command would be stored. Not if the command was deleted.
async fn awaits_result(store: &impl Store, node: &NodeId, number: u64) -> Result<bool, StoreError> {
    let item = store.read(&Key::Command(node.clone(), number)).await?;
    Ok(item.is_some_and(|item| rollcall_core::awaits_result(&item)))
}

fn read(number: u64, item: &Item) -> Result<Command, StoreError> {
    Ok(Command::read(number, item)?)
}

/// A command as the node is told it. Its arguments are the stored text, with every number as it was written.
///
/// # Errors
/// If the stored arguments are not JSON, which no rule writes.
pub(crate) fn command_news(command: &Command, now: Timestamp) -> Result<CommandNews, StoreError> {
    let malformed = |_| StoreError::Malformed(Attribute::CommandArgs.name().to_owned());
    Ok(CommandNews {
        command: command.number,
        name: command.name.clone(),
        args: Json::parse(&command.args).map_err(malformed)?,
        expires_in_s: command.expires_in(now),
    })
}
