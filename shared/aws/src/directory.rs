//! Nodes in lists: a page at a time.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use rollcall_core::{
    Attribute, INDEX_SITE, Item, NodeId, PARTITION_KEY, SORT_KEY, SORT_KEY_NODE, Site, node_of_partition_key,
    partition_key,
};

use crate::dynamo::{DynamoStore, classify};
use crate::render::{item, key};
use crate::store::StoreError;

/// How often keys that DynamoDB left out of an answer are asked for again, and the first pause before that.
const ROUNDS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// Nodes of one page, and after which key the next one begins.
pub type Page = (Vec<(NodeId, Item)>, Option<PageKey>);

/// The key of an item that a page ends with.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PageKey {
    /// The partition key.
    pub pk: String,
    /// The sort key.
    pub sk: String,
}

impl DynamoStore {
    /// Nodes of every site: those among the next `limit` items of the table.
    ///
    /// # Errors
    /// If they can't be read.
    pub async fn page_of_all(&self, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        let scan = self.scan_of_nodes().limit(limit).set_exclusive_start_key(after.map(|after| start(after, None)));
        let answer = scan.send().await.map_err(classify)?;
        let nodes = answer.items().iter().map(node).collect::<Result<_, _>>()?;
        Ok((nodes, answer.last_evaluated_key.as_ref().map(page_key).transpose()?))
    }

    /// Nodes of one site, from its index, read consistently.
    ///
    /// # Errors
    /// If they can't be read.
    pub async fn page_of_site(&self, site: &Site, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        let query = self.client.query().table_name(&self.table).index_name(INDEX_SITE).limit(limit);
        let query = query.key_condition_expression("#s = :s").expression_attribute_names("#s", Attribute::Site.name());
        let query = query.expression_attribute_values(":s", AttributeValue::S(site.as_str().to_owned()));
        let start = after.map(|after| start(after, Some(site)));
        let answer = query.set_exclusive_start_key(start).send().await.map_err(classify)?;
        let keys: Vec<_> = answer.items().iter().map(id).collect::<Result<_, _>>()?;
        let mut nodes = self.read_all(&keys).await?;
        // The index lags behind: who has left the site since is not in its list.
        nodes.retain(|(_, item)| item.get(&Attribute::Site) == Some(&site.as_str().into()));
        Ok((nodes, answer.last_evaluated_key.as_ref().map(page_key).transpose()?))
    }

    /// The items of these nodes, as far as they are there, in no particular order.
    async fn read_all(&self, nodes: &[NodeId]) -> Result<Vec<(NodeId, Item)>, StoreError> {
        let mut left: Vec<_> = nodes.iter().map(key).collect();
        let mut found = vec![];
        for round in 0..ROUNDS {
            if left.is_empty() {
                return Ok(found);
            }
            if round > 0 {
                tokio::time::sleep(PAUSE * 2_u32.pow(round - 1)).await;
            }
            let keys = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build();
            let keys = keys.map_err(|error| StoreError::Rejected(Box::new(error)))?;
            let answer =
                self.client.batch_get_item().request_items(&self.table, keys).send().await.map_err(classify)?;
            for items in answer.responses.unwrap_or_default().into_values() {
                found.extend(items.iter().map(node).collect::<Result<Vec<_>, _>>()?);
            }
            let unprocessed = answer.unprocessed_keys.unwrap_or_default().into_values();
            left = unprocessed.flat_map(|keys| keys.keys).collect();
        }
        Err(StoreError::Throttled("the table left keys unanswered".into()))
    }
}

fn node(stored: &HashMap<String, AttributeValue>) -> Result<(NodeId, Item), StoreError> {
    Ok((id(stored)?, item(stored)?))
}

fn id(stored: &HashMap<String, AttributeValue>) -> Result<NodeId, StoreError> {
    let id = node_of_partition_key(&text(stored, PARTITION_KEY)?).ok().flatten();
    id.ok_or_else(|| StoreError::Malformed(PARTITION_KEY.to_owned()))
}

fn text(stored: &HashMap<String, AttributeValue>, name: &str) -> Result<String, StoreError> {
    let text = stored.get(name).and_then(|value| value.as_s().ok());
    text.cloned().ok_or_else(|| StoreError::Malformed(name.to_owned()))
}

fn page_key(key: &HashMap<String, AttributeValue>) -> Result<PageKey, StoreError> {
    Ok(PageKey { pk: text(key, PARTITION_KEY)?, sk: text(key, SORT_KEY)? })
}

fn start(after: PageKey, site: Option<&Site>) -> HashMap<String, AttributeValue> {
    let mut key = HashMap::from([
        (PARTITION_KEY.to_owned(), AttributeValue::S(after.pk)),
        (SORT_KEY.to_owned(), AttributeValue::S(after.sk)),
    ]);
    key.extend(site.map(|site| (Attribute::Site.name().to_owned(), AttributeValue::S(site.as_str().to_owned()))));
    key
}

/// The key that a page ends with if it ends with this node.
impl From<&NodeId> for PageKey {
    fn from(node: &NodeId) -> Self {
        Self { pk: partition_key(node), sk: SORT_KEY_NODE.to_owned() }
    }
}
