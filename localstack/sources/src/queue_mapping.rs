//! The messages of a queue for a function: an event source mapping of Lambda.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rollcall_gateway::Invoke;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::REGION;
use crate::queue::{Attributes, Queue, Queues, Received, Service, arn, delete, of_body};
use crate::report::Report;
use crate::task::Task;

/// How long a receiver waits for messages: SQS's most.
const WAIT: Duration = Duration::from_secs(20);
/// How long a mapping waits after a failure of the queue.
const PAUSE: Duration = Duration::from_secs(1);

/// How a function gets the messages of a queue. Names and meanings are those of Lambda's event source mappings.
#[derive(Clone, Debug)]
pub struct QueueSettings {
    /// The most messages of an invocation, from 1 to 10.
    pub batch_size: usize,
    /// The most invocations at a time. Messages of one group are never in two invocations.
    pub concurrency: usize,
    /// Whether the function reports which messages failed (`ReportBatchItemFailures`). If it does not, it has processed
    /// the whole batch, or nothing.
    pub report_failures: bool,
}

/// Invokes a function with the messages of a queue. Messages that were processed are deleted. Messages that failed
/// become visible again when their visibility timeout ends, which the function may change. Dropping the mapping ends
/// it; an invocation that is under way then may go on, and its messages stay in the queue.
#[derive(Debug)]
pub struct QueueMapping(Task);

impl QueueMapping {
    /// Invokes this function with the messages of the queue of this name. A queue that the server does not have gives
    /// no messages.
    pub fn start(
        queues: &Queues,
        queue: &str,
        function: &str,
        settings: QueueSettings,
        invoke: Arc<dyn Invoke>,
    ) -> Self {
        let service = Arc::clone(&queues.service);
        let (queue, function) = (queue.to_owned(), function.to_owned());
        Self(Task::spawn(async move {
            match service.named(&queue) {
                Ok(queue) => {
                    let mapping = Mapping { queue: queue.clone(), service, function, settings, invoke };
                    Arc::new(mapping).run().await;
                }
                Err(refusal) => tracing::error!(queue, function, "a function gets no messages: {}", refusal.message),
            }
        }))
    }

    /// Ends the mapping. After that, it begins no invocation.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}

struct Mapping {
    queue: Queue,
    service: Arc<Service>,
    function: String,
    settings: QueueSettings,
    invoke: Arc<dyn Invoke>,
}

impl Mapping {
    async fn run(self: Arc<Self>) {
        let free = Arc::new(Semaphore::new(self.settings.concurrency.max(1)));
        // The invocations end with this task.
        let mut invocations = JoinSet::new();
        while let Ok(place) = Arc::clone(&free).acquire_owned().await {
            while invocations.try_join_next().is_some() {}
            let (size, visibility) = (self.settings.batch_size.clamp(1, 10), self.queue.visibility);
            match self.service.receive(&self.queue, size, visibility, WAIT).await {
                Ok(messages) if messages.is_empty() => {}
                Ok(messages) => {
                    let mapping = Arc::clone(&self);
                    invocations.spawn(async move {
                        mapping.deliver(messages).await;
                        drop(place);
                    });
                }
                // The failure is logged already.
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn deliver(&self, messages: Vec<Received>) {
        let records: Vec<_> = messages.iter().map(|message| record(message, &self.queue)).collect();
        let event = Bytes::from(json!({"Records": records}).to_string());
        let report = match self.invoke.invoke(&self.function, event).await {
            Ok(answer) if self.settings.report_failures => {
                Report::read(&answer, messages.iter().map(|message| message.id.as_str()))
            }
            Ok(_) => Report::Done,
            Err(error) => {
                tracing::warn!(%error, function = self.function, "a batch of messages failed");
                Report::AllFailed
            }
        };
        let is_done = |message: &Received| match &report {
            Report::Done => true,
            Report::Failed(ids) => !ids.contains(&message.id),
            Report::AllFailed => false,
        };
        let receipts: Vec<_> =
            messages.iter().filter(|message| is_done(message)).map(|message| message.receipt.clone()).collect();
        let deleting = self.service.change(&self.queue, move |state, now, queue| {
            for receipt in receipts {
                if let Err(refusal) = delete(state, now, queue, &receipt) {
                    tracing::warn!("a message that was processed comes again: {}", refusal.message);
                }
            }
            Ok(())
        });
        // If the state is broken, that is logged already, and the messages come again.
        let _ = deleting.await;
    }
}

/// A message as Lambda gives it to functions (AWS Lambda Developer Guide, "Using Lambda with Amazon SQS").
fn record(message: &Received, queue: &Queue) -> Value {
    let system: Map<_, _> =
        message.system.iter().map(|(name, value)| ((*name).to_owned(), Value::String(value.clone()))).collect();
    json!({
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": system,
        "messageAttributes": attributes(&message.attributes),
        "md5OfBody": of_body(&message.body),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn(&queue.name),
        "awsRegion": REGION,
    })
}

fn attributes(attributes: &Attributes) -> Map<String, Value> {
    let shown = attributes.iter().map(|(name, attribute)| {
        let mut shown = json!({"stringListValues": [], "binaryListValues": [], "dataType": attribute.data_type});
        for (field, value) in [("stringValue", &attribute.string_value), ("binaryValue", &attribute.binary_value)] {
            if let Some(value) = value {
                shown[field] = Value::String(value.clone());
            }
        }
        (name.clone(), shown)
    });
    shown.collect()
}
