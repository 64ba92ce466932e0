//! Records of a DynamoDB stream, as Lambda passes them on (AWS Lambda Developer Guide, "Using AWS Lambda with Amazon
//! DynamoDB").

use std::collections::HashMap;

use rollcall_core::{Attribute, Item, Key, PARTITION_KEY, SORT_KEY, Timestamp, Value};
use rollcall_service::{Change, StoreError, Unreadable};
use serde::{Deserialize, Serialize};

/// The records of an invocation.
#[derive(Debug, Deserialize)]
pub struct StreamEvent {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
struct Record {
    dynamodb: Written,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    keys: Stored,
    new_image: Option<Stored>,
    old_image: Option<Stored>,
    sequence_number: String,
    /// In seconds since 1970.
    #[serde(default)]
    approximate_creation_date_time: f64,
}

/// An item: each attribute has its type and its value.
type Stored = HashMap<String, serde_json::Map<String, serde_json::Value>>;

/// Which record failed first: it and those behind it come again.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchReply {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

impl StreamEvent {
    /// The records that are of nodes: what was written, or the sequence number of a record that is unreadable and why.
    pub fn changes(&self) -> Vec<Result<Change, Unreadable>> {
        let change = |record: &Record| record.dynamodb.change().transpose();
        self.records.iter().filter_map(change).collect()
    }

    /// The answer that says that the record with this sequence number failed, if one did.
    pub fn reply(failed: Option<&str>) -> BatchReply {
        let failure = |sequence: &str| Failure { item_identifier: sequence.to_owned() };
        BatchReply { batch_item_failures: failed.map(failure).into_iter().collect() }
    }
}

impl Written {
    /// What was written of a node; `None` if the item is not a node's own.
    fn change(&self) -> Result<Option<Change>, Unreadable> {
        self.read().map_err(|error| Unreadable { sequence: self.sequence_number.clone(), error })
    }

    fn read(&self) -> Result<Option<Change>, StoreError> {
        let text = |name: &str| self.keys.get(name).and_then(|value| value.get("S")?.as_str());
        let malformed = || StoreError::Malformed(PARTITION_KEY.to_owned());
        let (partition, sort) = text(PARTITION_KEY).zip(text(SORT_KEY)).ok_or_else(malformed)?;
        let Some(Key::Node(node)) = Key::read(partition, sort).map_err(|_| malformed())? else { return Ok(None) };
        let image = |image: &Option<Stored>| image.as_ref().map(item).transpose();
        let (was, is) = (image(&self.old_image)?, image(&self.new_image)?);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an instant that is out of range is none"
        )]
        let at = Timestamp((self.approximate_creation_date_time * 1000.0) as u64);
        Ok(Some(Change { node, sequence: self.sequence_number.clone(), at, was, is }))
    }
}

fn item(stored: &Stored) -> Result<Item, StoreError> {
    let known = Attribute::ALL.iter().filter_map(|attribute| Some((*attribute, stored.get(attribute.name())?)));
    let read = known.map(|(attribute, value)| {
        let text = |kind: &str| value.get(kind).and_then(serde_json::Value::as_str);
        let number = text("N").and_then(|number| number.parse().ok()).map(Value::Number);
        let value = text("S").map(|text| Value::Text(text.to_owned())).or(number);
        value.map(|value| (attribute, value)).ok_or_else(|| StoreError::Malformed(attribute.name().to_owned()))
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(images: &serde_json::Value) -> StreamEvent {
        let mut written = json!({
            "Keys": {"pk": {"S": "node#ap-1"}, "sk": {"S": "node"}},
            "SequenceNumber": "17",
            "ApproximateCreationDateTime": 1_700_000_000.0
        });
        written.as_object_mut().expect("an object").extend(images.as_object().expect("an object").clone());
        serde_json::from_value(json!({"Records": [{"eventName": "MODIFY", "dynamodb": written}]})).expect("an event")
    }

    #[test]
    fn a_record_says_what_a_node_was_and_is() {
        let event = event(&json!({"OldImage": {"s": {"N": "1"}, "pk": {"S": "x"}}, "NewImage": {"m": {"S": ""}}}));
        let [Ok(change)] = &event.changes()[..] else { panic!("one change") };
        assert_eq!((change.node.as_str(), &*change.sequence, change.at.0), ("ap-1", "17", 1_700_000_000_000));
        assert_eq!(change.was, Some(Item::from([(Attribute::Seen, Value::Number(1))])));
        assert_eq!(change.is, Some(Item::from([(Attribute::Announces, "".into())])));
    }

    #[test]
    fn an_image_that_no_rule_writes_is_unreadable() {
        let event = event(&json!({"NewImage": {"s": {"BOOL": true}}}));
        let [Err(Unreadable { sequence, error })] = &event.changes()[..] else { panic!("one record") };
        assert!(sequence == "17" && matches!(error, StoreError::Malformed(_)), "{error:?}");
    }
}
