//! The stream and the queues of the local cloud invoke the functions that declare them as triggers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as Http;
use hyper_util::rt::TokioExecutor;
use rollcall_aws::{create_tables, local_dynamo_client};
use rollcall_gateway::{Invoke, InvokeError};
use rollcall_sources::Queues;
use rollcall_stack::{DEAD_LETTERS, EmbeddedDynamo, Function, Origins, QUEUE, Sources, Trigger, listen, start_queues};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const TABLE: &str = "nodes";

const FUNCTIONS: [Function; 2] = [
    Function {
        name: "reads-stream",
        triggers: &[Trigger::Stream {
            batch_size: 1,
            window: Duration::ZERO,
            filters: &[r#"{"dynamodb": {"NewImage": {"mark": {"S": [{"exists": true}]}}}}"#],
            report_failures: true,
            bisect: true,
            max_age: None,
            max_retries: Some(3),
        }],
        variables: &[],
    },
    Function {
        name: "reads-queue",
        triggers: &[Trigger::Queue { batch_size: 10, concurrency: 2, report_failures: true }],
        variables: &[],
    },
];

/// Passes on what functions are invoked with, and lets them succeed.
struct Heard(UnboundedSender<(String, Value)>);

impl Invoke for Heard {
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        let _ = self.0.send((function.to_owned(), serde_json::from_slice(&payload).unwrap()));
        async { Ok(Bytes::from("null")) }.boxed()
    }
}

struct Cloud {
    engine: EmbeddedDynamo,
    queues: Queues,
    sources: Sources,
    heard: UnboundedReceiver<(String, Value)>,
}

impl Cloud {
    async fn start(data: Option<&Path>) -> Self {
        let engine = EmbeddedDynamo::start(listen(0, "a test", "none").unwrap(), data).unwrap();
        create_tables(&local_dynamo_client(&engine.url()), TABLE).await.unwrap();
        let queues = start_queues(data).unwrap();
        let (sender, heard) = unbounded_channel();
        let invoke: Arc<dyn Invoke> = Arc::new(Heard(sender));
        let every = Duration::from_mins(1);
        let origins = Origins { stream: engine.stream(TABLE).unwrap(), queues: &queues, every: [every; 2] };
        let sources = Sources::start(&FUNCTIONS, &origins, &invoke).unwrap();
        Self { engine, queues, sources, heard }
    }

    async fn write(&self, item: &str, mark: bool) {
        write(&local_dynamo_client(&self.engine.url()), item, mark).await;
    }

    async fn stop(mut self) {
        self.sources.stop().await;
        self.queues.stop().await;
        self.engine.stop();
    }

    /// The next record of the stream that the function gets.
    async fn record(&mut self) -> Value {
        let (function, mut event) = self.heard.recv().await.unwrap();
        assert_eq!((function.as_str(), event["Records"].as_array().unwrap().len()), ("reads-stream", 1));
        event["Records"][0].take()
    }
}

async fn write(client: &Client, item: &str, mark: bool) {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let putting = client.put_item().table_name(TABLE).item("pk", text(item)).item("sk", text("n"));
    let putting = if mark { putting.item("mark", text("m")) } else { putting };
    putting.send().await.unwrap();
}

fn name(record: &Value) -> &str {
    record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap()
}

#[tokio::test]
async fn a_function_gets_the_writes_of_nodes_that_its_filter_lets_through_in_their_order() {
    let mut cloud = Cloud::start(None).await;
    for (item, mark) in [("a", true), ("b", false), ("c", true)] {
        cloud.write(item, mark).await;
    }
    cloud.write("a", true).await;
    let first = cloud.record().await;
    let image = json!({"pk": {"S": "a"}, "sk": {"S": "n"}, "mark": {"S": "m"}});
    assert_eq!(first["dynamodb"]["NewImage"], image);
    assert_eq!(first["dynamodb"]["Keys"], json!({"pk": {"S": "a"}, "sk": {"S": "n"}}));
    assert_eq!(first["dynamodb"]["StreamViewType"], "NEW_AND_OLD_IMAGES");
    assert!(first["dynamodb"]["SizeBytes"].is_u64() && first["dynamodb"]["ApproximateCreationDateTime"].is_number());
    assert_eq!(
        [&first["eventName"], &first["eventSource"], &first["awsRegion"]],
        ["INSERT", "aws:dynamodb", "us-east-1"]
    );
    let arn = first["eventSourceARN"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:dynamodb:us-east-1:000000000000:table/nodes/stream/"), "{arn}");
    assert_eq!(name(&cloud.record().await), "c");
    let last = cloud.record().await;
    assert_eq!((&last["eventName"], &last["dynamodb"]["OldImage"]), (&json!("MODIFY"), &image));
    cloud.stop().await;
}

#[tokio::test]
async fn with_a_data_folder_a_restart_skips_no_write_and_repeats_none() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut cloud = Cloud::start(Some(&data)).await;
    cloud.write("a", true).await;
    cloud.write("b", true).await;
    assert_eq!(name(&cloud.record().await), "a");
    // Before the second batch, it is remembered that the first one was processed.
    assert_eq!(name(&cloud.record().await), "b");
    cloud.sources.stop().await;
    cloud.sources = Sources::default();
    cloud.write("c", true).await;
    cloud.stop().await;
    let mut cloud = Cloud::start(Some(&data)).await;
    let mut seen = name(&cloud.record().await).to_owned();
    // It may not have been remembered yet that the second one was processed.
    if seen == "b" {
        name(&cloud.record().await).clone_into(&mut seen);
    }
    assert_eq!(seen, "c");
    cloud.stop().await;
}

#[tokio::test]
async fn a_data_folder_without_a_stream_gets_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let engine = EmbeddedDynamo::start(listen(0, "a test", "none").unwrap(), Some(&data)).unwrap();
    let client = local_dynamo_client(&engine.url());
    let mut creating = client.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
    for (attribute, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let defined = AttributeDefinition::builder().attribute_name(attribute).attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name(attribute).key_type(kind);
        creating = creating.attribute_definitions(defined.build().unwrap()).key_schema(key.build().unwrap());
    }
    creating.send().await.unwrap();
    assert!(engine.stream(TABLE).is_err());
    write(&client, "old", true).await;
    drop(engine);
    let mut cloud = Cloud::start(Some(&data)).await;
    cloud.write("new", true).await;
    assert_eq!(name(&cloud.record().await), "new");
    // Another start leaves the stream as it is.
    let arn = cloud.engine.stream(TABLE).unwrap().arn;
    create_tables(&local_dynamo_client(&cloud.engine.url()), TABLE).await.unwrap();
    assert_eq!(cloud.engine.stream(TABLE).unwrap().arn, arn);
    cloud.stop().await;
}

#[tokio::test]
async fn a_function_gets_the_messages_of_the_main_queue() {
    let mut cloud = Cloud::start(None).await;
    let message = json!({
        "QueueUrl": cloud.queues.queue_url(QUEUE), "MessageBody": "hello", "MessageGroupId": "a",
        "MessageDeduplicationId": "1",
    });
    let request = http::Request::post(cloud.queues.url()).header("x-amz-target", "AmazonSQS.SendMessage");
    let request = request.body(Full::from(message.to_string())).unwrap();
    let http = Http::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let answer = http.request(request).await.unwrap();
    let (status, body) = (answer.status(), answer.into_body().collect().await.unwrap().to_bytes());
    assert!(status.is_success(), "{body:?}");
    let (function, event) = cloud.heard.recv().await.unwrap();
    assert_eq!((function.as_str(), &event["Records"][0]["body"]), ("reads-queue", &json!("hello")));
    assert!(cloud.queues.queue_url(DEAD_LETTERS).ends_with("rollcall-dead-letters.fifo"));
    cloud.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_engine_in_memory_leaves_no_file_even_while_it_runs() {
    let mut cloud = Cloud::start(None).await;
    cloud.write("a", true).await;
    assert_eq!(name(&cloud.record().await), "a");
    let links = || {
        let files = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|file| file.ok()?.path().read_link().ok());
        files.map(|file| file.display().to_string()).filter(|file| file.contains("/rollcall-")).collect::<Vec<_>>()
    };
    // Other tests start engines, too, and delete their files when they have opened them.
    while !links().iter().all(|file| file.ends_with(" (deleted)")) {
        tokio::task::yield_now().await;
    }
    assert!(links().len() >= 2, "the engine has its file and its log open: {:?}", links());
    cloud.stop().await;
}

/// The number of updates a second that 32 clients get done, in each of five seconds. They write their requests
/// themselves: a client of the SDK takes longer than the engine.
fn updates(url: &str) -> Vec<usize> {
    use std::io::{Read as _, Write as _};
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
    let (done, over) = (&AtomicUsize::new(0), &AtomicBool::new(false));
    let address = url.strip_prefix("http://").unwrap();
    std::thread::scope(|scope| {
        for number in 0..32 {
            scope.spawn(move || {
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                stream.set_nodelay(true).unwrap();
                for count in (0_u64..).take_while(|_| !over.load(Relaxed)) {
                    let body = json!({
                        "TableName": TABLE, "Key": {"pk": {"S": format!("{number}/{}", count % 100)}, "sk": {"S": "n"}},
                        "UpdateExpression": "SET n = :n, filler = :f",
                        "ExpressionAttributeValues": {":n": {"N": count.to_string()}, ":f": {"S": "x".repeat(500)}},
                    });
                    let (body, signed) = (body.to_string(), "Credential=a/20260101/us-east-1/dynamodb/aws4_request");
                    let head = format!(
                        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: \
                         DynamoDB_20120810.UpdateItem\r\nX-Amz-Date: 20260101T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 \
                         {signed}, SignedHeaders=host, Signature=a\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    );
                    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
                    let mut answer = [0; 4096];
                    let size = stream.read(&mut answer).unwrap();
                    assert!(answer[..size].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..size]));
                    done.fetch_add(1, Relaxed);
                }
            });
        }
        let second = || {
            #[allow(clippy::disallowed_methods, reason = "a measurement takes time")]
            std::thread::sleep(Duration::from_secs(1));
            done.swap(0, Relaxed)
        };
        let seconds = (0..5).map(|_| second()).collect();
        over.store(true, Relaxed);
        seconds
    })
}

async fn measured(url: String) -> Vec<usize> {
    tokio::task::spawn_blocking(move || updates(&url)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a test: updates a second with and without a stream"]
#[allow(clippy::print_stdout)]
async fn updates_a_second() {
    let listen = || listen(0, "a test", "none").unwrap();
    for streamed in [false, true] {
        let (listener, database) =
            (tokio::net::TcpListener::from_std(listen()).unwrap(), dynoxide::Database::memory().unwrap());
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener.into_std().unwrap()).unwrap();
                tokio::time::timeout(Duration::from_secs(10), dynoxide::server::serve_on(listener, database)).await
            })
        });
        let client = local_dynamo_client(&url);
        create_tables(&client, TABLE).await.unwrap();
        if !streamed {
            let off = aws_sdk_dynamodb::types::StreamSpecification::builder().stream_enabled(false).build().unwrap();
            client.update_table().table_name(TABLE).stream_specification(off).send().await.unwrap();
        }
        println!("the engine in memory, no index, stream {streamed}: {:?}", measured(url.clone()).await);
        drop(serving);
    }
    let folder = tempfile::tempdir().unwrap();
    for data in [None, Some(folder.path().join("data"))] {
        let engine = EmbeddedDynamo::start(listen(), data.as_deref()).unwrap();
        create_tables(&local_dynamo_client(&engine.url()), TABLE).await.unwrap();
        println!("the local cloud with its stream, data folder {}: {:?}", data.is_some(), measured(engine.url()).await);
    }
}
