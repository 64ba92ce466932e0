//! Queues with a clock that a test sets, a function that a test answers for, and a stream that a test writes.

use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Region};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as System, QueueAttributeName as Attribute};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rollcall_gateway::{Invoke, InvokeError};
use rollcall_sources::{DeadLetters, Now, Queue, Queues, Record, Records, RecordsError, State};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

pub(crate) const MAIN: &str = "main.fifo";
pub(crate) const DEAD: &str = "dead.fifo";
/// A standard queue.
pub(crate) const PLAIN: &str = "plain";
/// Tests begin at this time.
pub(crate) const BEGIN: u64 = 1_700_000_000_000;

pub(crate) struct Cloud {
    clock: Arc<AtomicU64>,
    pub(crate) state: State,
    pub(crate) queues: Queues,
    pub(crate) sqs: Client,
}

impl Cloud {
    pub(crate) fn start() -> Self {
        let clock = Arc::new(AtomicU64::new(BEGIN));
        let state = State::memory(now(&clock)).unwrap();
        Self::with(clock, state)
    }

    pub(crate) fn open(file: &Path, time: u64) -> Self {
        let clock = Arc::new(AtomicU64::new(time));
        let state = State::open(file, now(&clock)).unwrap();
        Self::with(clock, state)
    }

    fn with(clock: Arc<AtomicU64>, state: State) -> Self {
        let dead_letters = Some(DeadLetters { queue: DEAD.to_owned(), max_receives: 2 });
        let queues = vec![Queue { dead_letters, ..Queue::new(MAIN) }, Queue::new(DEAD), Queue::new(PLAIN)];
        let queues = Queues::start(TcpListener::bind("127.0.0.1:0").unwrap(), queues, state.clone()).unwrap();
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(queues.url());
        Self { clock, state, queues, sqs: Client::from_conf(config.build()) }
    }

    pub(crate) fn url(&self, queue: &str) -> String {
        self.queues.queue_url(queue)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.clock.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
        self.state.clock_was_set();
    }

    /// Sends a message whose body is its deduplication id, too. Returns its sequence number.
    pub(crate) async fn send(&self, group: &str, body: &str) -> String {
        let sending = self.sqs.send_message().queue_url(self.url(MAIN)).message_group_id(group);
        let sent = sending.message_deduplication_id(body).message_body(body).send().await.unwrap();
        sent.sequence_number().unwrap().to_owned()
    }

    /// Receives up to ten messages with all of their attributes.
    pub(crate) async fn receive(&self, queue: &str) -> Vec<Message> {
        let receiving = self.sqs.receive_message().queue_url(self.url(queue)).max_number_of_messages(10);
        let receiving = receiving.message_system_attribute_names(System::All).message_attribute_names("All");
        receiving.send().await.unwrap().messages.unwrap_or_default()
    }

    pub(crate) async fn delete(&self, message: &Message) {
        let deleting = self.sqs.delete_message().queue_url(self.url(MAIN));
        deleting.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
    }

    /// The numbers of messages that are visible, and in flight.
    pub(crate) async fn counts(&self, queue: &str) -> [String; 2] {
        let names = [Attribute::ApproximateNumberOfMessages, Attribute::ApproximateNumberOfMessagesNotVisible];
        let asking = self.sqs.get_queue_attributes().queue_url(self.url(queue)).attribute_names(Attribute::All);
        let attributes = asking.send().await.unwrap().attributes.unwrap();
        names.map(|name| attributes[&name].clone())
    }

    /// Waits until the queue has these numbers of messages, visible and in flight.
    pub(crate) async fn until(&self, queue: &str, counts: [&str; 2]) {
        while self.counts(queue).await != counts {
            tokio::task::yield_now().await;
        }
    }
}

fn now(clock: &Arc<AtomicU64>) -> Now {
    let clock = Arc::clone(clock);
    Arc::new(move || clock.load(Ordering::SeqCst))
}

pub(crate) fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body().unwrap()).collect()
}

pub(crate) fn attribute<'a>(message: &'a Message, name: &System) -> &'a str {
    &message.attributes().unwrap()[name]
}

/// An invocation, which the test answers.
pub(crate) struct Invocation {
    pub(crate) event: Value,
    answer: oneshot::Sender<Result<Bytes, InvokeError>>,
}

impl Invocation {
    pub(crate) fn answer(self, answer: &Value) {
        let _ = self.answer.send(Ok(Bytes::from(answer.to_string())));
    }

    pub(crate) fn succeed(self) {
        self.answer(&Value::Null);
    }

    /// Reports these items as failed.
    pub(crate) fn report(self, failed: &[&str]) {
        let failed: Vec<_> = failed.iter().map(|id| json!({"itemIdentifier": id})).collect();
        self.answer(&json!({"batchItemFailures": failed}));
    }

    pub(crate) fn fail(self) {
        self.fail_with(InvokeError::Function { kind: "Broken".to_owned(), message: "it is broken".to_owned() });
    }

    pub(crate) fn fail_with(self, error: InvokeError) {
        let _ = self.answer.send(Err(error));
    }

    /// A field of each record, as text.
    pub(crate) fn each(&self, pointer: &str) -> Vec<String> {
        let records = self.event["Records"].as_array().unwrap().iter();
        records.map(|record| record.pointer(pointer).unwrap().as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) struct Function(UnboundedSender<Invocation>);

/// A function, and its invocations.
pub(crate) fn function() -> (Arc<dyn Invoke>, UnboundedReceiver<Invocation>) {
    let (sender, invocations) = unbounded_channel();
    (Arc::new(Function(sender)), invocations)
}

impl Invoke for Function {
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        assert_eq!(function, "works");
        let (answer, answered) = oneshot::channel();
        let event = serde_json::from_slice(&payload).unwrap();
        let _ = self.0.send(Invocation { event, answer });
        async move { answered.await.unwrap_or(Err(InvokeError::TimedOut)) }.boxed()
    }
}

/// A stream that a test writes.
#[derive(Default)]
pub(crate) struct Written(Mutex<Vec<Record>>);

impl Written {
    /// Adds a record of an item with this name.
    pub(crate) fn add(&self, name: &str, event: &str, created: u64) {
        let mut records = self.0.lock().unwrap();
        let sequence = format!("{:021}", 100 + records.len());
        let image = json!({"pk": {"S": name}});
        let dynamodb = json!({
            "Keys": image, "NewImage": image, "SequenceNumber": sequence, "SizeBytes": 10,
            "StreamViewType": "NEW_AND_OLD_IMAGES", "ApproximateCreationDateTime": 1_700_000_000,
        });
        let json = json!({
            "eventID": name, "eventName": event, "eventVersion": "1.1", "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1", "dynamodb": dynamodb,
        });
        records.push(Record { sequence, created, json });
    }

    pub(crate) fn inserted(names: &[&str]) -> Arc<Self> {
        let written = Self::default();
        for name in names {
            written.add(name, "INSERT", BEGIN);
        }
        Arc::new(written)
    }
}

impl Records for Written {
    fn after(&self, sequence: Option<&str>, limit: usize) -> BoxFuture<'static, Result<Vec<Record>, RecordsError>> {
        let records = self.0.lock().unwrap();
        let later = records.iter().filter(|record| sequence.is_none_or(|sequence| record.sequence.as_str() > sequence));
        let later = later.take(limit).cloned().collect();
        async move { Ok(later) }.boxed()
    }
}
