//! The store in DynamoDB.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    ConsumedCapacity, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
};
use rollcall_core::{Item, ItemKey, NodeId, Outcome, Update};

use crate::client::Clients;
use crate::render::{Rendered, item, key};
use crate::store::{Store, StoreError, Units, Written};

/// Node items in a DynamoDB table.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    pub(crate) client: Client,
    pub(crate) table: String,
}

impl DynamoStore {
    /// The items of this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// The items of the table that a function is configured with.
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
            .table_name(&self.table)
            .set_key(Some(key(&update.node, &update.item)))
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

    async fn read(&self, node: &NodeId) -> Result<Option<Item>, StoreError> {
        self.read_item(node, &ItemKey::Node).await
    }
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
