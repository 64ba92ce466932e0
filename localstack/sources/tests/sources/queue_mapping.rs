//! A function gets the messages of a queue.

use std::time::Duration;

use rollcall_sources::{QueueMapping, QueueSettings};
use serde_json::json;

use crate::support::{BEGIN, Cloud, DEAD, MAIN, function};

const SETTINGS: QueueSettings = QueueSettings { batch_size: 10, concurrency: 4, report_failures: true };
const VISIBILITY: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_function_gets_messages_as_lambda_gives_them_and_what_it_has_processed_is_deleted() {
    let cloud = Cloud::start();
    let (invoke, mut invocations) = function();
    let _mapping = QueueMapping::start(&cloud.queues, MAIN, "works", SETTINGS, invoke);
    let sequence = cloud.send("a", "hello").await;
    let invocation = invocations.recv().await.unwrap();
    let record = &invocation.event["Records"][0];
    assert_eq!(invocation.event["Records"].as_array().unwrap().len(), 1);
    let attributes = json!({
        "ApproximateReceiveCount": "1", "ApproximateFirstReceiveTimestamp": BEGIN.to_string(),
        "SentTimestamp": BEGIN.to_string(), "SenderId": "000000000000", "SequenceNumber": sequence,
        "MessageGroupId": "a", "MessageDeduplicationId": "hello",
    });
    assert_eq!(record["attributes"], attributes);
    let expected = json!({
        "messageId": record["messageId"], "receiptHandle": record["receiptHandle"], "body": "hello",
        "attributes": attributes, "messageAttributes": {}, "md5OfBody": "5d41402abc4b2a76b9719d911017c592",
        "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:main.fifo",
        "awsRegion": "us-east-1",
    });
    assert_eq!(record, &expected);
    invocation.succeed();
    cloud.until(MAIN, ["0", "0"]).await;
}

#[tokio::test]
async fn groups_are_worked_on_in_parallel_and_each_in_its_order() {
    let cloud = Cloud::start();
    let (invoke, mut invocations) = function();
    let settings = QueueSettings { batch_size: 1, ..SETTINGS };
    let _mapping = QueueMapping::start(&cloud.queues, MAIN, "works", settings, invoke);
    for (group, body) in [("a", "a1"), ("a", "a2"), ("b", "b1")] {
        cloud.send(group, body).await;
    }
    let first = invocations.recv().await.unwrap();
    let other = invocations.recv().await.unwrap();
    assert_eq!([first.each("/body"), other.each("/body")], [["a1"], ["b1"]]);
    first.succeed();
    let second = invocations.recv().await.unwrap();
    assert_eq!(second.each("/body"), ["a2"]);
    second.succeed();
    other.succeed();
    cloud.until(MAIN, ["0", "0"]).await;
}

#[tokio::test]
async fn there_are_never_more_invocations_at_a_time_than_the_mapping_allows() {
    let cloud = Cloud::start();
    let (invoke, mut invocations) = function();
    let settings = QueueSettings { batch_size: 1, concurrency: 1, ..SETTINGS };
    let _mapping = QueueMapping::start(&cloud.queues, MAIN, "works", settings, invoke);
    cloud.send("a", "a").await;
    cloud.send("b", "b").await;
    let first = invocations.recv().await.unwrap();
    cloud.until(MAIN, ["1", "1"]).await;
    first.succeed();
    let second = invocations.recv().await.unwrap();
    assert_eq!(second.each("/body"), ["b"]);
    assert_eq!(cloud.counts(MAIN).await, ["0", "1"], "the first message was deleted before the second was taken");
}

#[tokio::test]
async fn what_a_function_reports_as_failed_comes_again_after_its_visibility_timeout() {
    let cloud = Cloud::start();
    for body in ["1", "2"] {
        cloud.send("a", body).await;
    }
    let (invoke, mut invocations) = function();
    let _mapping = QueueMapping::start(&cloud.queues, MAIN, "works", SETTINGS, invoke);
    let invocation = invocations.recv().await.unwrap();
    let ids = invocation.each("/messageId");
    invocation.report(&[&ids[1]]);
    cloud.until(MAIN, ["0", "1"]).await;
    cloud.pass(VISIBILITY);
    let again = invocations.recv().await.unwrap();
    assert_eq!(again.each("/body"), ["2"]);
    assert_eq!(again.each("/attributes/ApproximateReceiveCount"), ["2"]);
}

#[tokio::test]
async fn a_function_may_choose_when_a_message_that_failed_comes_again() {
    let cloud = Cloud::start();
    cloud.send("a", "1").await;
    let (invoke, mut invocations) = function();
    let _mapping = QueueMapping::start(&cloud.queues, MAIN, "works", SETTINGS, invoke);
    let invocation = invocations.recv().await.unwrap();
    let changing = cloud.sqs.change_message_visibility().queue_url(cloud.url(MAIN)).visibility_timeout(1);
    changing.receipt_handle(&invocation.each("/receiptHandle")[0]).send().await.unwrap();
    let ids = invocation.each("/messageId");
    invocation.report(&[&ids[0]]);
    cloud.pass(Duration::from_secs(1));
    assert_eq!(invocations.recv().await.unwrap().each("/body"), ["1"]);
}

#[tokio::test]
async fn a_batch_whose_function_fails_or_reports_something_unknown_comes_again_as_a_whole() {
    let cloud = Cloud::start();
    for body in ["1", "2"] {
        cloud.send("a", body).await;
    }
    let (invoke, mut invocations) = function();
    let settings = QueueSettings { concurrency: 1, ..SETTINGS };
    let _mapping = QueueMapping::start(&cloud.queues, MAIN, "works", settings, invoke);
    let invocation = invocations.recv().await.unwrap();
    assert_eq!(invocation.each("/body"), ["1", "2"]);
    invocation.report(&["what"]);
    // With one invocation at a time, this one begins when the mapping is done with the other.
    cloud.send("b", "other").await;
    invocations.recv().await.unwrap().succeed();
    cloud.until(MAIN, ["0", "2"]).await;
    cloud.pass(VISIBILITY);
    let again = invocations.recv().await.unwrap();
    assert_eq!(again.each("/body"), ["1", "2"]);
    again.fail();
    // The third receipt is one too many.
    cloud.pass(VISIBILITY);
    cloud.until(DEAD, ["2", "0"]).await;
    assert_eq!(cloud.counts(MAIN).await, ["0", "0"]);
}

#[tokio::test]
async fn after_a_mapping_has_been_stopped_messages_stay_in_the_queue() {
    let cloud = Cloud::start();
    let (invoke, mut invocations) = function();
    let mapping = QueueMapping::start(&cloud.queues, MAIN, "works", SETTINGS, invoke);
    cloud.send("a", "1").await;
    let invocation = invocations.recv().await.unwrap();
    mapping.stop().await;
    invocation.succeed();
    assert!(invocations.recv().await.is_none(), "nobody can invoke any more");
    assert_eq!(cloud.counts(MAIN).await, ["0", "1"]);
}
