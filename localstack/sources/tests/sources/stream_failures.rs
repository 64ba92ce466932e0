//! What a mapping does with records that fail.

use std::sync::Arc;
use std::time::Duration;

use rollcall_gateway::{Invoke, InvokeError};
use rollcall_sources::{StreamMapping, StreamSettings};
use serde_json::{Value, json};

use crate::stream::{ARN, settings, stream};
use crate::support::{BEGIN, Cloud, PLAIN, Written, function};

const NAME: &str = "/eventID";

fn start(cloud: &Cloud, names: &[&str], settings: StreamSettings, invoke: Arc<dyn Invoke>) -> StreamMapping {
    StreamMapping::start(stream(Written::inserted(names)), "works", settings, &cloud.queues, invoke)
}

/// What the queue of failures was told.
async fn told(cloud: &Cloud) -> Value {
    cloud.until(PLAIN, ["1", "0"]).await;
    serde_json::from_str(cloud.receive(PLAIN).await[0].body().unwrap()).unwrap()
}

#[tokio::test]
async fn a_batch_that_fails_comes_again_and_later_records_wait_for_it() {
    let cloud = Cloud::start();
    let (invoke, mut invocations) = function();
    let _mapping = start(&cloud, &["1", "2", "3"], StreamSettings { batch_size: 2, ..settings() }, invoke);
    for _ in 0..5 {
        let invocation = invocations.recv().await.unwrap();
        assert_eq!(invocation.each(NAME), ["1", "2"]);
        invocation.fail();
    }
    invocations.recv().await.unwrap().succeed();
    assert_eq!(invocations.recv().await.unwrap().each(NAME), ["3"]);
}

#[tokio::test]
async fn after_a_report_of_failures_only_the_first_of_them_and_what_follows_comes_again() {
    let cloud = Cloud::start();
    let (invoke, mut invocations) = function();
    let settings = StreamSettings { report_failures: true, ..settings() };
    let _mapping = start(&cloud, &["1", "2", "3", "4"], settings, invoke);
    let invocation = invocations.recv().await.unwrap();
    let sequences = invocation.each("/dynamodb/SequenceNumber");
    invocation.report(&[&sequences[3], &sequences[1]]);
    let again = invocations.recv().await.unwrap();
    assert_eq!(again.each(NAME), ["2", "3", "4"]);
    again.report(&["what"]);
    assert_eq!(invocations.recv().await.unwrap().each(NAME), ["2", "3", "4"]);
}

#[tokio::test]
async fn what_a_function_processed_before_the_first_failure_does_not_come_again_after_a_restart() {
    let cloud = Cloud::start();
    let settings = StreamSettings { report_failures: true, ..settings() };
    let written = Written::inserted(&["1", "2"]);
    let (invoke, mut invocations) = function();
    let mapping = StreamMapping::start(stream(Arc::clone(&written)), "works", settings.clone(), &cloud.queues, invoke);
    let invocation = invocations.recv().await.unwrap();
    let sequences = invocation.each("/dynamodb/SequenceNumber");
    invocation.report(&[&sequences[1]]);
    assert_eq!(invocations.recv().await.unwrap().each(NAME), ["2"]);
    mapping.stop().await;
    let (invoke, mut invocations) = function();
    let _mapping = StreamMapping::start(stream(written), "works", settings, &cloud.queues, invoke);
    assert_eq!(invocations.recv().await.unwrap().each(NAME), ["2"]);
}

#[tokio::test]
async fn a_batch_is_halved_until_the_record_that_fails_is_alone_and_the_others_are_processed_in_order() {
    let cloud = Cloud::start();
    let (invoke, mut invocations) = function();
    let on_failure = Some(PLAIN.to_owned());
    let settings = StreamSettings { bisect: true, max_retries: Some(1), on_failure, ..settings() };
    let _mapping = start(&cloud, &["1", "2", "bad", "4"], settings, invoke);
    let mut seen = vec![];
    loop {
        let invocation = invocations.recv().await.unwrap();
        let names = invocation.each(NAME);
        seen.push(names.join(" "));
        if names.contains(&"bad".to_owned()) {
            invocation.fail();
        } else {
            invocation.succeed();
        }
        if names == ["4"] {
            break;
        }
    }
    // The record alone is tried again once, since halving does not count as trying again.
    assert_eq!(seen, ["1 2 bad 4", "1 2", "bad 4", "bad", "bad", "4"]);
    assert_eq!(told(&cloud).await["DDBStreamBatchInfo"]["startSequenceNumber"], "000000000000000000102");
}

#[tokio::test]
async fn a_batch_that_was_tried_too_often_is_discarded_and_the_queue_of_failures_is_told() {
    let cloud = Cloud::start();
    let (invoke, mut invocations) = function();
    let on_failure = Some(PLAIN.to_owned());
    let settings = StreamSettings { batch_size: 2, max_retries: Some(2), on_failure, ..settings() };
    let _mapping = start(&cloud, &["1", "2", "3"], settings, invoke);
    for _ in 0..3 {
        let invocation = invocations.recv().await.unwrap();
        assert_eq!(invocation.each(NAME), ["1", "2"]);
        invocation.fail();
    }
    assert_eq!(invocations.recv().await.unwrap().each(NAME), ["3"]);
    let told = told(&cloud).await;
    let expected = json!({
        "requestContext": {
            "requestId": told["requestContext"]["requestId"],
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:works",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2023-11-14T22:13:20Z",
        "DDBStreamBatchInfo": {
            "shardId": "shard",
            "startSequenceNumber": "000000000000000000100",
            "endSequenceNumber": "000000000000000000101",
            "approximateArrivalOfFirstRecord": "2023-11-14T22:13:20Z",
            "approximateArrivalOfLastRecord": "2023-11-14T22:13:20Z",
            "batchSize": 2,
            "streamArn": ARN,
        },
    });
    assert_eq!(told, expected);
}

#[tokio::test]
async fn records_that_are_too_old_are_discarded_and_younger_ones_of_their_batch_are_not() {
    let cloud = Cloud::start();
    let written = Written::inserted(&["old"]);
    written.add("young", "INSERT", BEGIN + 1000);
    let (invoke, mut invocations) = function();
    let on_failure = Some(PLAIN.to_owned());
    let settings = StreamSettings { max_age: Some(Duration::from_mins(1)), on_failure, ..settings() };
    let _mapping = StreamMapping::start(stream(written), "works", settings, &cloud.queues, invoke);
    let invocation = invocations.recv().await.unwrap();
    assert_eq!(invocation.each(NAME), ["old", "young"]);
    cloud.pass(Duration::from_secs(61));
    invocation.fail();
    assert_eq!(invocations.recv().await.unwrap().each(NAME), ["young"]);
    let told = told(&cloud).await;
    assert_eq!(told["requestContext"]["condition"], "RecordAgeExceeded");
    assert_eq!(told["DDBStreamBatchInfo"]["batchSize"], 1);
}

#[tokio::test]
async fn an_invocation_that_is_refused_does_not_count_as_a_try() {
    let cloud = Cloud::start();
    let (invoke, mut invocations) = function();
    let _mapping = start(&cloud, &["1"], StreamSettings { max_retries: Some(0), ..settings() }, invoke);
    for error in [InvokeError::Throttled, InvokeError::Unavailable("it is starting".to_owned())] {
        invocations.recv().await.unwrap().fail_with(error);
    }
    let invocation = invocations.recv().await.unwrap();
    assert_eq!(invocation.each(NAME), ["1"]);
    invocation.succeed();
}
