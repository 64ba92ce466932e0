//! The history of a node's configuration versions in DynamoDB.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::AttributeValue;
use rollcall_core::{DesiredConfig, History, ItemKey, NodeId, Remember, Slot};

use crate::dynamo::{DynamoStore, classify};
use crate::render::key;
use crate::store::StoreError;

impl DynamoStore {
    /// Stores a version and its document in a node's history; does nothing if the slot has a newer version.
    ///
    /// # Errors
    /// If it is not known whether the version is stored.
    pub async fn remember(&self, node: &NodeId, remember: &Remember) -> Result<(), StoreError> {
        let [version, hash] = remember.slot.names();
        let mut update = "SET #v = :v, #h = :h".to_owned();
        let mut request = self.client.update_item().table_name(&self.table).set_key(Some(key(node, &ItemKey::History)));
        if remember.keep {
            update += ", #rv = if_not_exists(#v, :v), #rh = if_not_exists(#h, :h)";
            let [version, hash] = Slot::Running.names();
            request = request.expression_attribute_names("#rv", version).expression_attribute_names("#rh", hash);
        }
        let request = request
            .condition_expression("attribute_not_exists(#v) OR #v < :v")
            .update_expression(update)
            .expression_attribute_names("#v", version)
            .expression_attribute_names("#h", hash)
            .expression_attribute_values(":v", AttributeValue::N(remember.config.version.to_string()))
            .expression_attribute_values(":h", AttributeValue::S(remember.config.sha256.clone()));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(()),
            Err(error) => Err(classify(error)),
        }
    }

    /// Reads a node's history.
    ///
    /// # Errors
    /// If it can't be read.
    pub async fn history(&self, node: &NodeId) -> Result<History, StoreError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(node, &ItemKey::History)))
            .consistent_read(true);
        let item = request.send().await.map_err(classify)?.item.unwrap_or_default();
        Slot::all().filter_map(|slot| Some(config(&item, slot).transpose()?.map(|config| (slot, config)))).collect()
    }
}

fn config(item: &HashMap<String, AttributeValue>, slot: Slot) -> Result<Option<DesiredConfig>, StoreError> {
    let [version, hash] = slot.names();
    match (item.get(&version), item.get(&hash)) {
        (None, None) => Ok(None),
        (Some(AttributeValue::N(number)), Some(AttributeValue::S(sha256))) => {
            let number = number.parse().map_err(|_| StoreError::Malformed(version))?;
            Ok(Some(DesiredConfig { version: number, sha256: sha256.clone() }))
        }
        _ => Err(StoreError::Malformed(version)),
    }
}
