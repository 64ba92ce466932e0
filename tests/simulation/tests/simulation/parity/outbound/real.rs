//! The real queue and the real stream of the local cloud, with a clock that the test sets.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Region};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rollcall_gateway::{Invoke, InvokeError};
use rollcall_simulation::alone::{Fate, Handed};
use rollcall_sources::{Queue, Queues, Record, Records, RecordsError, State, Stream, StreamMapping, StreamSettings};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

const MAIN: &str = "main.fifo";
const DISCARDED: &str = "discarded";
/// As `infra/template.yaml` has it.
const VISIBILITY: Duration = Duration::from_mins(9);
const BEGIN: u64 = 1_700_000_000_000;
/// How long what is to come may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Cloud {
    clock: Arc<AtomicU64>,
    queues: Queues,
    sqs: Client,
}

impl Cloud {
    pub(super) fn start() -> Self {
        let clock = Arc::new(AtomicU64::new(BEGIN));
        let now = Arc::clone(&clock);
        let state = State::memory(Arc::new(move || now.load(Ordering::SeqCst))).expect("a state");
        let queues = [MAIN, DISCARDED].map(|name| Queue { visibility: VISIBILITY, ..Queue::new(name) });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let queues = Queues::start(listener, queues.into(), state).expect("it listens");
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(queues.url());
        Self { clock, queues, sqs: Client::from_conf(config.build()) }
    }

    pub(super) fn pass(&self, time: Duration) {
        self.clock.fetch_add(time.as_millis().try_into().expect("hours"), Ordering::SeqCst);
    }

    fn url(&self) -> String {
        self.queues.queue_url(MAIN)
    }

    pub(super) async fn send(&self, group: &str, body: &str) {
        let sending = self.sqs.send_message().queue_url(self.url()).message_group_id(group);
        sending.message_deduplication_id(body).message_body(body).send().await.expect("it is sent");
    }

    pub(super) async fn receive(&self) -> Vec<Handed> {
        self.received(MAIN).await
    }

    async fn received(&self, queue: &str) -> Vec<Handed> {
        let receiving = self.sqs.receive_message().queue_url(self.queues.queue_url(queue)).max_number_of_messages(10);
        let received = receiving.send().await.expect("an answer").messages.unwrap_or_default();
        let handed = received.into_iter().filter_map(|message| Some((message.body?, message.receipt_handle?)));
        handed.collect()
    }

    /// Returns `false` if the receipt has expired.
    pub(super) async fn delete(&self, receipt: &str) -> bool {
        self.sqs.delete_message().queue_url(self.url()).receipt_handle(receipt).send().await.is_ok()
    }

    /// Returns `false` if the receipt has expired.
    pub(super) async fn postpone(&self, receipt: &str, by: u64) -> bool {
        let changing = self.sqs.change_message_visibility().queue_url(self.url()).receipt_handle(receipt);
        changing.visibility_timeout(by.try_into().expect("hours")).send().await.is_ok()
    }

    /// A stream of records with these names that a function is given.
    pub(super) fn stream(&self, names: &[String], batch_size: usize, retries: u32) -> Mapping<'_> {
        let records = names.iter().enumerate().map(|(place, name)| record(place, name)).collect();
        let stream =
            Stream { arn: "stream".to_owned(), shard: "shard".to_owned(), records: Arc::new(Written(records)) };
        let settings = StreamSettings {
            batch_size,
            report_failures: true,
            bisect: true,
            max_retries: Some(retries),
            on_failure: Some(DISCARDED.to_owned()),
            poll_every: Duration::from_millis(1),
            pause: Duration::ZERO,
            ..StreamSettings::default()
        };
        let (sender, invocations) = unbounded_channel();
        let function: Arc<dyn Invoke> = Arc::new(Function(sender));
        let mapping = StreamMapping::start(stream, "feed", settings, &self.queues, function);
        Mapping { cloud: self, task: mapping, invocations, current: None, names: names.to_vec() }
    }
}

/// What gives the records to the function.
pub(super) struct Mapping<'a> {
    cloud: &'a Cloud,
    task: StreamMapping,
    invocations: UnboundedReceiver<Invocation>,
    current: Option<Invocation>,
    names: Vec<String>,
}

struct Invocation {
    event: Value,
    answer: oneshot::Sender<Result<Bytes, InvokeError>>,
}

impl Mapping<'_> {
    /// The names of the records that the function is given next; none if nothing comes.
    pub(super) async fn next(&mut self) -> Vec<String> {
        let next = tokio::time::timeout(PATIENCE, self.invocations.recv()).await;
        let Ok(Some(invocation)) = next else { return vec![] };
        let records = invocation.event["Records"].as_array().cloned().unwrap_or_default();
        self.current = Some(invocation);
        records.iter().filter_map(|record| Some(record["eventID"].as_str()?.to_owned())).collect()
    }

    /// The function returns.
    pub(super) fn returns(&mut self, fate: Fate) {
        let current = self.current.take().expect("an invocation");
        let failures = |failed: &[&Value]| {
            let failed: Vec<_> = failed.iter().map(|id| json!({"itemIdentifier": id})).collect();
            Ok(Bytes::from(json!({"batchItemFailures": failed}).to_string()))
        };
        let answer = match fate {
            Fate::Done => failures(&[]),
            Fate::From(place) => failures(&[&current.event["Records"][place]["dynamodb"]["SequenceNumber"]]),
            Fate::Fails => Err(InvokeError::Function { kind: "Broken".to_owned(), message: "it is broken".to_owned() }),
            Fate::Throttled => Err(InvokeError::Throttled),
        };
        let _ = current.answer.send(answer);
    }

    /// The names of the records that the queue of failures was told of, in batches; it waits for so many.
    pub(super) async fn discarded(&self, batches: usize) -> Vec<Vec<String>> {
        let (mut discarded, waiting) = (vec![], tokio::time::Instant::now());
        while discarded.len() < batches && waiting.elapsed() < PATIENCE {
            for (body, _) in self.cloud.received(DISCARDED).await {
                let told: Value = serde_json::from_str(&body).expect("JSON");
                let place = |name: &str| -> usize {
                    told["DDBStreamBatchInfo"][name].as_str().and_then(|place| place.parse().ok()).expect("a place")
                };
                discarded.push(self.names[place("startSequenceNumber")..=place("endSequenceNumber")].to_vec());
            }
            tokio::task::yield_now().await;
        }
        discarded
    }

    /// Ends it. Returns `true` if the function was not invoked again.
    pub(super) async fn stays_quiet(mut self) -> bool {
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.task.stop().await;
        self.invocations.try_recv().is_err()
    }
}

struct Function(UnboundedSender<Invocation>);

impl Invoke for Function {
    fn invoke(&self, _: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        let (answer, answered) = oneshot::channel();
        let event = serde_json::from_slice(&payload).expect("JSON");
        let _ = self.0.send(Invocation { event, answer });
        async move { answered.await.unwrap_or(Err(InvokeError::TimedOut)) }.boxed()
    }
}

struct Written(Vec<Record>);

fn record(place: usize, name: &str) -> Record {
    let sequence = format!("{place:021}");
    let dynamodb = json!({"SequenceNumber": sequence, "SizeBytes": 10});
    Record { sequence, created: BEGIN, json: json!({"eventID": name, "dynamodb": dynamodb}) }
}

impl Records for Written {
    fn after(&self, sequence: Option<&str>, limit: usize) -> BoxFuture<'static, Result<Vec<Record>, RecordsError>> {
        let later = self.0.iter().filter(|record| sequence.is_none_or(|sequence| record.sequence.as_str() > sequence));
        let later: Vec<_> = later.take(limit).cloned().collect();
        async move { Ok(later) }.boxed()
    }
}
