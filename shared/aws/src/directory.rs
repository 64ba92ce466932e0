//! Lists of nodes, one page at a time.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use rollcall_core::{
    Attribute, INDEX_DUE, INDEX_SITE, Item, Key, NodeId, PARTITION_KEY, SORT_KEY, Site, Table, Timestamp,
};
use rollcall_service::{Page, PageKey, Segment, StoreError};

use crate::dynamo::{DynamoStore, classify};
use crate::render::{item, key, key_of, text};

/// How many requests are made for the keys of a page, since DynamoDB may leave keys out of an answer; and the first
/// pause between two requests.
const ROUNDS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

impl DynamoStore {
    /// The next nodes of one segment, or of the whole table.
    pub(crate) async fn page_of_nodes(
        &self,
        segment: Option<Segment>,
        after: Option<PageKey>,
        limit: i32,
    ) -> Result<Page, StoreError> {
        let number = |number: u64| i32::try_from(number).ok();
        let scan = self.client.scan().table_name(self.name(Table::Nodes)).limit(limit);
        let scan = scan.set_segment(segment.and_then(|segment| number(segment.index)));
        let scan = scan.set_total_segments(segment.and_then(|segment| number(segment.of)));
        let answer =
            scan.set_exclusive_start_key(after.map(|after| start(after, None))).send().await.map_err(classify)?;
        let nodes = answer.items().iter().map(node).collect::<Result<_, _>>()?;
        Ok((nodes, answer.last_evaluated_key.as_ref().map(page_key).transpose()?))
    }

    /// The next nodes of one site. The ids come from the index, the items from consistent reads.
    pub(crate) async fn page_of_index(
        &self,
        site: &Site,
        after: Option<PageKey>,
        limit: i32,
    ) -> Result<Page, StoreError> {
        let query = self.client.query().table_name(self.name(Table::Nodes)).index_name(INDEX_SITE).limit(limit);
        let query = query.key_condition_expression("#s = :s").expression_attribute_names("#s", Attribute::Site.name());
        let query = query.expression_attribute_values(":s", AttributeValue::S(site.as_str().to_owned()));
        let start = after.map(|after| start(after, Some(site)));
        let answer = query.set_exclusive_start_key(start).send().await.map_err(classify)?;
        let keys: Vec<_> = answer.items().iter().map(id).collect::<Result<_, _>>()?;
        let mut nodes = self.read_all(Table::Nodes, keys.into_iter().map(Key::Node)).await?;
        // The index is updated late: nodes that have left the site since are removed here.
        nodes.retain(|(_, item)| item.get(&Attribute::Site) == Some(&site.as_str().into()));
        // They are listed in the order of the index, since whoever stops half-way goes on behind one of them.
        nodes.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok((nodes, answer.last_evaluated_key.as_ref().map(page_key).transpose()?))
    }

    /// The suspected nodes of a shard whose grace period ends between these two instants.
    pub(crate) async fn due_between(
        &self,
        shard: u64,
        ends: &RangeInclusive<Timestamp>,
        limit: i32,
    ) -> Result<Vec<NodeId>, StoreError> {
        let query = self.client.query().table_name(self.name(Table::Nodes)).index_name(INDEX_DUE).limit(limit);
        let number = |number: u64| AttributeValue::N(number.to_string());
        let query = query
            .key_condition_expression("#shard = :shard AND #due BETWEEN :from AND :to")
            .expression_attribute_names("#shard", Attribute::DueShard.name())
            .expression_attribute_names("#due", Attribute::Due.name())
            .expression_attribute_values(":shard", number(shard))
            .expression_attribute_values(":from", number(ends.start().0))
            .expression_attribute_values(":to", number(ends.end().0));
        query.send().await.map_err(classify)?.items().iter().map(id).collect()
    }

    /// The nodes' items with these keys of one table, in no particular order. Those that are not there are left out.
    pub(crate) async fn read_all(
        &self,
        table: Table,
        keys: impl Iterator<Item = Key>,
    ) -> Result<Vec<(NodeId, Item)>, StoreError> {
        let mut left: Vec<_> = keys.map(|of| key(&of)).collect();
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
            let get = self.client.batch_get_item().request_items(self.name(table), keys);
            let answer = get.send().await.map_err(classify)?;
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
    key_of(stored)?.node().cloned().ok_or_else(|| StoreError::Malformed(SORT_KEY.to_owned()))
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
