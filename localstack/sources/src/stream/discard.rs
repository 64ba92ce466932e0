//! Telling a queue of records that were discarded.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Record;
use super::deliver::Delivery;
use crate::queue::{Attributes, Message, send};
use crate::state::uuid;
use crate::{ACCOUNT, REGION};

/// The function has failed too often.
pub(super) const WHY_RETRIES: &str = "RetryAttemptsExhausted";
/// The records are too old. AWS does not document this value.
pub(super) const WHY_AGE: &str = "RecordAgeExceeded";

/// Records that are discarded.
pub(super) struct Discarded<'a> {
    pub(super) records: &'a [Record],
    pub(super) why: &'static str,
    /// How often the function was invoked with them.
    pub(super) invocations: u32,
}

impl Delivery {
    pub(super) async fn discard(&self, discarded: Discarded<'_>) {
        let count = discarded.records.len();
        tracing::warn!(function = self.function, count, why = discarded.why, "records of a stream are discarded");
        let Some(queue) = &self.settings.on_failure else { return };
        let Ok(id) = uuid() else { return };
        let document = self.document(&discarded, &id).to_string();
        let telling = async {
            let queue = self.service.named(queue)?;
            let is_fifo = queue.is_fifo();
            let message = Message {
                body: document,
                attributes: Attributes::new(),
                // On AWS, the queue must be a standard queue.
                group: is_fifo.then(|| self.function.clone()),
                deduplication: is_fifo.then_some(id),
                delay: None,
            };
            self.service.change(queue, move |state, now, queue| send(state, now, queue, message)).await
        };
        if let Err(refusal) = telling.await {
            tracing::error!(queue, "a queue is not told of discarded records: {}", refusal.message);
        }
    }

    /// What Lambda sends to a destination ("Retain discarded records for a DynamoDB event source in Lambda").
    fn document(&self, discarded: &Discarded<'_>, id: &str) -> Value {
        let ends = (discarded.records.first(), discarded.records.last());
        let sequence = |record: Option<&Record>| record.map(|record| record.sequence.clone()).unwrap_or_default();
        let arrival = |record: Option<&Record>| text(record.map(|record| record.created).unwrap_or_default());
        let mut document = json!({
            "requestContext": {
                "requestId": id,
                "functionArn": format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", self.function),
                "condition": discarded.why,
                "approximateInvokeCount": discarded.invocations,
            },
            "version": "1.0",
            "timestamp": text(self.service.state.now()),
            "DDBStreamBatchInfo": {
                "shardId": self.stream.shard,
                "startSequenceNumber": sequence(ends.0),
                "endSequenceNumber": sequence(ends.1),
                "approximateArrivalOfFirstRecord": arrival(ends.0),
                "approximateArrivalOfLastRecord": arrival(ends.1),
                "batchSize": discarded.records.len(),
                "streamArn": self.stream.arn,
            },
        });
        if discarded.invocations > 0 {
            document["responseContext"] =
                json!({"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"});
        }
        document
    }
}

/// A time in milliseconds since 1970 as RFC 3339.
fn text(time: u64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time) * 1_000_000);
    time.unwrap_or(OffsetDateTime::UNIX_EPOCH).format(&Rfc3339).unwrap_or_default()
}
