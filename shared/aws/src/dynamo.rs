//! The store in DynamoDB.

use std::ops::RangeInclusive;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update as WriteUpdate,
};
use futures_util::future::try_join_all;
use rollcall_core::{
    DUE_SHARDS, Deletion, Item, Key, NodeId, Outcome, PARTITION_KEY, SORT_KEY, Site, Table, Timestamp, Update,
};
use rollcall_service::{Beside, Order, Page, PageKey, Segment, Store, StoreError, Units, Written};

use crate::client::Clients;
use crate::render::{Rendered, item, key, key_of};

/// Items in two DynamoDB tables.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    pub(crate) client: Client,
    nodes: String,
    records: String,
}

impl DynamoStore {
    /// The items of this table of nodes, and of its table of records.
    pub fn new(client: Client, nodes: &str) -> Self {
        Self { client, nodes: Table::Nodes.name(nodes), records: Table::Records.name(nodes) }
    }

    /// The items of the tables that a function is configured with.
    pub fn open(clients: &Clients) -> Self {
        Self::new(clients.dynamo.clone(), &clients.settings.table)
    }
}

impl Store for DynamoStore {
    async fn write(&self, update: &Update) -> Result<Written, StoreError> {
        let rendered = Rendered::new(update);
        let answer = self
            .client
            .update_item()
            .table_name(self.name(update.key.table()))
            .set_key(Some(key(&update.key)))
            .set_condition_expression(rendered.condition)
            .update_expression(rendered.update)
            .set_expression_attribute_names(Some(rendered.names))
            .set_expression_attribute_values(Some(rendered.values).filter(|values| !values.is_empty()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(Written {
                outcome: Outcome::Applied { after: item(&answer.attributes.unwrap_or_default())? },
                units: answer.consumed_capacity.as_ref().map(units),
            }),
            Err(SdkError::ServiceError(refused)) if refused.err().is_conditional_check_failed_exception() => {
                let UpdateItemError::ConditionalCheckFailedException(refused) = refused.into_err() else {
                    return Err(StoreError::Malformed("a refusal".to_owned()));
                };
                let stored = refused.item.as_ref().map(item).transpose()?;
                Ok(Written { outcome: update.refused(stored), units: None })
            }
            Err(error) => Err(classify(error)),
        }
    }

    async fn transact(&self, updates: &[Update]) -> Result<bool, StoreError> {
        let items: Result<Vec<_>, _> = updates.iter().map(|update| self.part(update)).collect();
        match self.client.transact_write_items().set_transact_items(Some(items?)).send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if lost(error.err()) => Ok(false),
            Err(error) => Err(classify(error)),
        }
    }

    async fn delete(&self, deletion: &Deletion) -> Result<bool, StoreError> {
        let rendered = Rendered::condition(&deletion.condition);
        let answer = self
            .client
            .delete_item()
            .table_name(self.name(deletion.key.table()))
            .set_key(Some(key(&deletion.key)))
            .set_condition_expression(rendered.condition)
            .set_expression_attribute_names(Some(rendered.names).filter(|names| !names.is_empty()))
            .set_expression_attribute_values(Some(rendered.values).filter(|values| !values.is_empty()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(refused)) if refused.err().is_conditional_check_failed_exception() => {
                let DeleteItemError::ConditionalCheckFailedException(refused) = refused.into_err() else {
                    return Err(StoreError::Malformed("a refusal".to_owned()));
                };
                Ok(refused.item.is_none())
            }
            Err(error) => Err(classify(error)),
        }
    }

    async fn read(&self, which: &Key) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(self.name(which.table())).set_key(Some(key(which)));
        let get = get.consistent_read(true);
        get.send().await.map_err(classify)?.item.as_ref().map(item).transpose()
    }

    async fn range(&self, keys: RangeInclusive<Key>, order: Order, limit: i32) -> Result<Vec<(Key, Item)>, StoreError> {
        let (first, last) = keys.into_inner();
        let query = self.client.query().table_name(self.name(first.table())).limit(limit).consistent_read(true);
        let answer = query
            .key_condition_expression("#p = :p AND #s BETWEEN :from AND :to")
            .expression_attribute_names("#p", PARTITION_KEY)
            .expression_attribute_names("#s", SORT_KEY)
            .expression_attribute_values(":p", AttributeValue::S(first.partition()))
            .expression_attribute_values(":from", AttributeValue::S(first.sort()))
            .expression_attribute_values(":to", AttributeValue::S(last.sort()))
            .scan_index_forward(order == Order::Ascending)
            .send()
            .await
            .map_err(classify)?;
        answer.items().iter().map(|stored| Ok((key_of(stored)?, item(stored)?))).collect()
    }

    async fn page_of_all(&self, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        self.page_of_nodes(None, after, limit).await
    }

    async fn page_of_site(&self, site: &Site, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        self.page_of_index(site, after, limit).await
    }

    async fn page_of_segment(&self, segment: Segment, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        self.page_of_nodes(Some(segment), after, limit).await
    }

    async fn suspects(&self, ends: RangeInclusive<Timestamp>, limit: i32) -> Result<Vec<NodeId>, StoreError> {
        let shards = try_join_all((0..DUE_SHARDS).map(|shard| self.due_between(shard, &ends, limit)));
        Ok(shards.await?.concat())
    }

    async fn nodes(&self, nodes: &[NodeId]) -> Result<Vec<(NodeId, Item)>, StoreError> {
        self.read_all(Table::Nodes, nodes.iter().map(|node| Key::Node(node.clone()))).await
    }

    async fn beside(&self, what: Beside, nodes: &[NodeId]) -> Result<Vec<(NodeId, Item)>, StoreError> {
        self.read_all(Table::Records, nodes.iter().map(|node| what.key(node))).await
    }
}

impl DynamoStore {
    /// The name of a table.
    pub(crate) fn name(&self, table: Table) -> &str {
        match table {
            Table::Nodes => &self.nodes,
            Table::Records => &self.records,
        }
    }

    fn part(&self, update: &Update) -> Result<TransactWriteItem, StoreError> {
        let rendered = Rendered::new(update);
        let part = WriteUpdate::builder()
            .table_name(self.name(update.key.table()))
            .set_key(Some(key(&update.key)))
            .set_condition_expression(rendered.condition)
            .update_expression(rendered.update)
            .set_expression_attribute_names(Some(rendered.names))
            .set_expression_attribute_values(Some(rendered.values).filter(|values| !values.is_empty()))
            .build()
            .map_err(|error| StoreError::Rejected(Box::new(error)))?;
        Ok(TransactWriteItem::builder().update(part).build())
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

fn units(consumed: &ConsumedCapacity) -> Units {
    // `capacity_units` of a write are write units. Only some engines report read and write units separately.
    let read = consumed.read_capacity_units.unwrap_or_default();
    let write = consumed.write_capacity_units.or(consumed.capacity_units).unwrap_or_default();
    Units { write, read }
}

pub(crate) fn classify<E>(error: SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    match error.code() {
        Some(
            "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "LimitExceededException",
        ) => StoreError::Throttled(Box::new(error)),
        Some(_) if status.is_some_and(|status| (400..500).contains(&status)) => StoreError::Rejected(Box::new(error)),
        _ => StoreError::Unavailable(Box::new(error)),
    }
}
