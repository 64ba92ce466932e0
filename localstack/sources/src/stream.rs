//! The records of a DynamoDB stream for a function: an event source mapping of Lambda.

mod batch;
mod deliver;
mod discard;
mod filter;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rollcall_gateway::Invoke;
use serde_json::Value;

use crate::queue::Queues;
use crate::task::Task;
use batch::Reader;
use deliver::Delivery;
pub use filter::{Filter, FilterError};

/// A record of a stream.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its sequence number.
    pub sequence: String,
    /// When the item was written, in milliseconds since 1970.
    pub created: u64,
    /// The record as `GetRecords` returns it: `eventID`, `eventName`, `dynamodb` and so on.
    pub json: Value,
}

/// Why records can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the stream can't be read: {0}")]
pub struct RecordsError(pub String);

/// Reads the records of a stream that has one shard.
pub trait Records: Send + Sync + 'static {
    /// The oldest records after this sequence number, or the oldest of all; `limit` at most. Records that were trimmed
    /// are skipped.
    ///
    /// # Errors
    /// If the stream can't be read. It will be tried again.
    fn after(&self, sequence: Option<&str>, limit: usize) -> BoxFuture<'static, Result<Vec<Record>, RecordsError>>;
}

/// A stream.
#[derive(Clone)]
pub struct Stream {
    /// Its ARN. Under this name and that of the function, it is remembered how far the stream was read.
    pub arn: String,
    /// The id of its shard.
    pub shard: String,
    /// Its records.
    pub records: Arc<dyn Records>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("arn", &self.arn).finish_non_exhaustive()
    }
}

/// How a function gets the records of a stream. Names and meanings are those of Lambda's event source mappings ("Lambda
/// parameters for Amazon DynamoDB event source mappings"). The starting position is `TRIM_HORIZON`: the oldest record.
#[derive(Clone, Debug)]
pub struct StreamSettings {
    /// The most records of an invocation.
    pub batch_size: usize,
    /// How long the mapping waits for further records until a batch is full (`MaximumBatchingWindowInSeconds`).
    pub window: Duration,
    /// The function gets the records that match one of these; all records if there is none.
    pub filters: Vec<Filter>,
    /// Whether the function reports which record failed first (`ReportBatchItemFailures`).
    pub report_failures: bool,
    /// Whether a batch that failed is tried again in two halves (`BisectBatchOnFunctionError`).
    pub bisect: bool,
    /// How old a record may be (`MaximumRecordAgeInSeconds`). Older ones are discarded.
    pub max_age: Option<Duration>,
    /// How often a batch that failed is tried again (`MaximumRetryAttempts`). Then it is discarded.
    pub max_retries: Option<u32>,
    /// The name of the queue that is told of discarded records (`DestinationConfig`).
    pub on_failure: Option<String>,
    /// How often the mapping looks for records. Lambda does so four times a second ("Polling and batching streams").
    pub poll_every: Duration,
    /// How long the mapping waits after a failure. The wait doubles with each further failure, up to 64 times. AWS does
    /// not say how long Lambda waits.
    pub pause: Duration,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            batch_size: 100,
            window: Duration::ZERO,
            filters: vec![],
            report_failures: false,
            bisect: false,
            max_age: None,
            max_retries: None,
            on_failure: None,
            poll_every: Duration::from_millis(250),
            pause: Duration::from_millis(500),
        }
    }
}

/// Invokes a function with the records of a stream, in their order and at least once. How far it has come is remembered
/// in the state of the queues. Dropping the mapping ends it; an invocation that is under way then may go on, and its
/// records come again.
#[derive(Debug)]
pub struct StreamMapping(Task);

impl StreamMapping {
    /// Invokes this function with the records of this stream. `queues` has the queue that is told of failures.
    pub fn start(
        stream: Stream,
        function: &str,
        settings: StreamSettings,
        queues: &Queues,
        invoke: Arc<dyn Invoke>,
    ) -> Self {
        let service = Arc::clone(&queues.service);
        let mut reader = Reader::new(stream.clone(), settings.clone());
        let delivery = Delivery::new(stream, function, settings, service, invoke);
        Self(Task::spawn(async move {
            reader.start_after(delivery.checkpoint().await);
            loop {
                let batch = reader.next().await;
                delivery.deliver(batch.records).await;
                delivery.done(&batch.through).await;
            }
        }))
    }

    /// Ends the mapping. After that, it begins no invocation.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}
