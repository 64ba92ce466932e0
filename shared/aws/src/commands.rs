//! Commands in DynamoDB. They are queued in a transaction with the node's count of commands, and handed out one at a
//! time.

use std::ops::RangeInclusive;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update as WriteUpdate};
use rollcall_core::{
    Command, CommandNumbers, CommandState, Ended, Ending, Item, ItemKey, NodeId, Outcome, PARTITION_KEY, ResultOf,
    SORT_KEY, Timestamp, Update, end, first_open, over, partition_key, send,
};
use rollcall_wire::{COMMAND_OUTPUT_BYTES, CommandNews, CommandResult, CommandStatus, Json};

use crate::dynamo::{DynamoStore, classify};
use crate::render::{Rendered, item, key};
use crate::store::{Store as _, StoreError};

/// How many commands are read at once to find the one whose turn it is. It is the first one, unless commands before it
/// expired or were cancelled.
const AHEAD: i32 = 10;

impl DynamoStore {
    /// Makes several guarded writes, all or none. Returns whether the guards held.
    ///
    /// # Errors
    /// If it is not known whether the writes are stored.
    pub async fn transact(&self, updates: &[Update]) -> Result<bool, StoreError> {
        let items: Result<Vec<_>, _> = updates.iter().map(|update| self.part(update)).collect();
        match self.client.transact_write_items().set_transact_items(Some(items?)).send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if lost(error.err()) => Ok(false),
            Err(error) => Err(classify(error)),
        }
    }

    fn part(&self, update: &Update) -> Result<TransactWriteItem, StoreError> {
        let rendered = Rendered::new(update);
        let part = WriteUpdate::builder()
            .table_name(&self.table)
            .set_key(Some(key(&update.node, &update.item)))
            .set_condition_expression(rendered.condition)
            .update_expression(rendered.update)
            .set_expression_attribute_names(Some(rendered.names))
            .set_expression_attribute_values(Some(rendered.values).filter(|values| !values.is_empty()))
            .build()
            .map_err(|error| StoreError::Rejected(Box::new(error)))?;
        Ok(TransactWriteItem::builder().update(part).build())
    }

    /// Reads one of a node's items with a consistent read; `None` if there is no such item.
    ///
    /// # Errors
    /// If it can't be read.
    pub async fn read_item(&self, node: &NodeId, which: &ItemKey) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key(node, which))).consistent_read(true);
        get.send().await.map_err(classify)?.item.as_ref().map(item).transpose()
    }

    /// Reads the node's commands with these numbers, sorted: at most `limit` of them.
    ///
    /// # Errors
    /// If they can't be read.
    pub async fn commands(
        &self,
        node: &NodeId,
        numbers: RangeInclusive<u64>,
        limit: i32,
    ) -> Result<Vec<Command>, StoreError> {
        let sort_key = |number| AttributeValue::S(ItemKey::Command(number).sort_key());
        let query = self.client.query().table_name(&self.table).limit(limit).consistent_read(true);
        let answer = query
            .key_condition_expression("#p = :p AND #s BETWEEN :from AND :to")
            .expression_attribute_names("#p", PARTITION_KEY)
            .expression_attribute_names("#s", SORT_KEY)
            .expression_attribute_values(":p", AttributeValue::S(partition_key(node)))
            .expression_attribute_values(":from", sort_key(*numbers.start()))
            .expression_attribute_values(":to", sort_key(*numbers.end()))
            .send()
            .await
            .map_err(classify)?;
        answer.items().iter().map(command).collect()
    }

    /// The command that a node is to execute now: the first of these that is open. It is marked as sent, and the node's
    /// item notes that the commands before it are over.
    ///
    /// # Errors
    /// If the commands can't be read or marked.
    pub async fn next_command(
        &self,
        node: &NodeId,
        numbers: RangeInclusive<u64>,
        now: Timestamp,
    ) -> Result<Option<Command>, StoreError> {
        let (first, last) = numbers.into_inner();
        let mut from = first;
        while from <= last {
            let some = self.commands(node, from..=last, AHEAD).await?;
            let Some(open) = first_open(&some, now) else {
                // Numbers that are missing belong to commands that expired long ago and were deleted.
                let full = i32::try_from(some.len()) == Ok(AHEAD);
                from = if full { some.last().map_or(last, |command| command.number) + 1 } else { last + 1 };
                continue;
            };
            if open.number > first {
                let _ = self.write(&over(node, open.number - 1)).await?;
            }
            match self.write(&send(node, open.number, now)).await?.outcome {
                Outcome::Applied { .. } => return Ok(Some(open.clone())),
                Outcome::Refused { stored } => {
                    let stored = stored.map(|item| read(open.number, &item)).transpose()?;
                    if let Some(sent) = stored.filter(|command| command.state(now) == CommandState::Sent) {
                        return Ok(Some(sent));
                    }
                    // The command ended meanwhile.
                    from = open.number + 1;
                }
            }
        }
        let _ = self.write(&over(node, last)).await?;
        Ok(None)
    }

    /// Stores the results of commands. A result that is repeated, or that is of a command that was not sent, changes
    /// nothing. A result of a command that is over costs a read, and a write only if it is stored. A result of a
    /// command that was never queued costs nothing. Nothing is stored without `numbers`.
    ///
    /// # Errors
    /// If it is not known whether the results are stored.
    pub async fn end_commands(
        &self,
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
                ResultOf::OverCommand => self.awaits_result(node, number).await?,
                ResultOf::NoCommand => false,
            };
            if !may_count {
                continue;
            }
            let how = match result.status {
                CommandStatus::Done => Ending::Done,
                CommandStatus::Failed => Ending::Failed,
            };
            let output = result.output.as_deref().map(|output| {
                let kept = output.floor_char_boundary(COMMAND_OUTPUT_BYTES);
                output[..kept].to_owned()
            });
            let ended = Ended { at, how, output: output.filter(|output| !output.is_empty()) };
            let written = self.write(&end(node, number, &ended)).await?;
            let new = matches!(written.outcome, Outcome::Applied { .. });
            let outcome = if new { "ended" } else { "known" };
            tracing::info!(%node, number, status = ?result.status, outcome, "command");
        }
        Ok(())
    }

    /// Whether a result of this command would be stored. Not if the command was deleted.
    async fn awaits_result(&self, node: &NodeId, number: u64) -> Result<bool, StoreError> {
        let item = self.read_item(node, &ItemKey::Command(number)).await?;
        let command = item.map(|item| read(number, &item)).transpose()?;
        Ok(command.is_some_and(|command| command.awaits_result()))
    }
}

/// Whether a transaction was refused by a guard, or by another transaction that was under way.
fn lost(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        return matches!(error, TransactWriteItemsError::TransactionInProgressException(_));
    };
    let mut codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    codes.clone().any(|code| code != "None")
        && codes.all(|code| matches!(code, "None" | "ConditionalCheckFailed" | "TransactionConflict"))
}

fn command(stored: &std::collections::HashMap<String, AttributeValue>) -> Result<Command, StoreError> {
    let key = stored.get(SORT_KEY).and_then(|key| key.as_s().ok());
    let number = key.and_then(|key| ItemKey::command_of_sort_key(key));
    let number = number.ok_or_else(|| StoreError::Malformed(SORT_KEY.to_owned()))?;
    read(number, &item(stored)?)
}

fn read(number: u64, item: &Item) -> Result<Command, StoreError> {
    Command::read(number, item).map_err(|error| StoreError::Malformed(error.attribute.name().to_owned()))
}

/// A command as the node is told it. Its arguments are the stored text, with every number as it was written.
///
/// # Errors
/// If the stored arguments are not JSON, which no rule writes.
pub fn command_news(command: &Command, now: Timestamp) -> Result<CommandNews, StoreError> {
    let malformed = |_| StoreError::Malformed(rollcall_core::Attribute::CommandArgs.name().to_owned());
    Ok(CommandNews {
        command: command.number,
        name: command.name.clone(),
        args: Json::parse(&command.args).map_err(malformed)?,
        expires_in_s: command.expires_in(now),
    })
}
