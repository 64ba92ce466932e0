//! A function gets the records of a stream.

use std::sync::Arc;
use std::time::Duration;

use rollcall_sources::{Filter, FilterError, Stream, StreamMapping, StreamSettings};
use serde_json::{Value, json};

use crate::support::{BEGIN, Cloud, Written, function};

pub(crate) const ARN: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/nodes/stream/1";

pub(crate) fn stream(records: Arc<Written>) -> Stream {
    Stream { arn: ARN.to_owned(), shard: "shard".to_owned(), records }
}

/// Settings with short waits.
pub(crate) fn settings() -> StreamSettings {
    let short = Duration::from_millis(1);
    StreamSettings { poll_every: short, pause: short, ..StreamSettings::default() }
}

const NAME: &str = "/eventID";

#[tokio::test]
async fn a_function_gets_records_as_lambda_gives_them_in_their_order_from_the_oldest_on() {
    let cloud = Cloud::start();
    let written = Written::inserted(&["1", "2", "3"]);
    let (invoke, mut invocations) = function();
    let settings = StreamSettings { batch_size: 2, ..settings() };
    let _mapping = StreamMapping::start(stream(Arc::clone(&written)), "works", settings, &cloud.queues, invoke);
    let first = invocations.recv().await.unwrap();
    assert_eq!(first.each(NAME), ["1", "2"]);
    let image = json!({"pk": {"S": "1"}});
    let expected = json!({
        "eventID": "1", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1", "eventSourceARN": ARN,
        "dynamodb": {
            "Keys": image, "NewImage": image, "SequenceNumber": "000000000000000000100", "SizeBytes": 10,
            "StreamViewType": "NEW_AND_OLD_IMAGES", "ApproximateCreationDateTime": 1_700_000_000,
        },
    });
    assert_eq!(first.event["Records"][0], expected);
    first.succeed();
    let second = invocations.recv().await.unwrap();
    assert_eq!(second.each(NAME), ["3"]);
    second.succeed();
    written.add("4", "MODIFY", BEGIN);
    assert_eq!(invocations.recv().await.unwrap().each(NAME), ["4"]);
}

#[tokio::test]
async fn a_mapping_waits_for_its_window_until_a_batch_is_full() {
    let cloud = Cloud::start();
    let written = Written::inserted(&["1"]);
    let (invoke, mut invocations) = function();
    let settings = StreamSettings { batch_size: 3, window: Duration::from_hours(1), ..settings() };
    let _mapping = StreamMapping::start(stream(Arc::clone(&written)), "works", settings, &cloud.queues, invoke);
    written.add("2", "INSERT", BEGIN);
    tokio::task::yield_now().await;
    written.add("3", "INSERT", BEGIN);
    assert_eq!(invocations.recv().await.unwrap().each(NAME), ["1", "2", "3"]);
}

#[tokio::test]
async fn a_mapping_does_not_wait_longer_than_its_window() {
    let cloud = Cloud::start();
    let (invoke, mut invocations) = function();
    let settings = StreamSettings { window: Duration::from_millis(5), ..settings() };
    let _mapping = StreamMapping::start(stream(Written::inserted(&["1"])), "works", settings, &cloud.queues, invoke);
    assert_eq!(invocations.recv().await.unwrap().each(NAME), ["1"]);
}

#[tokio::test]
async fn a_mapping_goes_on_where_it_was_stopped_and_what_was_not_processed_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sources.sqlite");
    let written = Written::inserted(&["1", "2"]);
    let settings = StreamSettings { batch_size: 1, ..settings() };
    let cloud = Cloud::open(&file, BEGIN);
    let (invoke, mut invocations) = function();
    let mapping = StreamMapping::start(stream(Arc::clone(&written)), "works", settings.clone(), &cloud.queues, invoke);
    invocations.recv().await.unwrap().succeed();
    assert_eq!(invocations.recv().await.unwrap().each(NAME), ["2"]);
    mapping.stop().await;
    cloud.queues.stop().await;
    drop(cloud.state);
    let cloud = Cloud::open(&file, BEGIN);
    let (invoke, mut invocations) = function();
    let _mapping = StreamMapping::start(stream(written), "works", settings, &cloud.queues, invoke);
    assert_eq!(invocations.recv().await.unwrap().each(NAME), ["2"]);
}

#[tokio::test]
async fn a_mapping_remembers_records_that_match_no_filter_as_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sources.sqlite");
    let removals = |filters: &[&str]| StreamSettings {
        filters: filters.iter().map(|filter| Filter::parse(filter).unwrap()).collect(),
        ..settings()
    };
    let written = Written::inserted(&["1"]);
    written.add("2", "REMOVE", BEGIN);
    written.add("3", "INSERT", BEGIN);
    let cloud = Cloud::open(&file, BEGIN);
    let (invoke, mut invocations) = function();
    let only = removals(&[r#"{"eventName": ["REMOVE"]}"#]);
    let mapping = StreamMapping::start(stream(Arc::clone(&written)), "works", only, &cloud.queues, invoke);
    let invocation = invocations.recv().await.unwrap();
    assert_eq!(invocation.each(NAME), ["2"]);
    invocation.succeed();
    written.add("4", "REMOVE", BEGIN);
    // With this invocation, all records up to the third are remembered.
    assert_eq!(invocations.recv().await.unwrap().each(NAME), ["4"]);
    mapping.stop().await;
    cloud.queues.stop().await;
    drop(cloud.state);
    let cloud = Cloud::open(&file, BEGIN);
    let (invoke, mut invocations) = function();
    let _mapping = StreamMapping::start(stream(written), "works", settings(), &cloud.queues, invoke);
    assert_eq!(invocations.recv().await.unwrap().each(NAME), ["4"]);
}

fn matches(pattern: &str, record: &Value) -> bool {
    Filter::parse(pattern).unwrap().matches(record)
}

#[test]
fn a_filter_matches_what_lambda_says_it_matches() {
    let record = json!({
        "eventName": "MODIFY",
        "dynamodb": {"NewImage": {"mark": {"S": "online/1"}, "count": {"N": "5"}, "tags": {"SS": ["a", "b"]}}, "SizeBytes": 50},
    });
    for (pattern, expected) in [
        (r#"{"eventName": ["INSERT", "MODIFY"]}"#, true),
        (r#"{"eventName": ["REMOVE"]}"#, false),
        (r#"{"dynamodb": {"NewImage": {"mark": {"S": [{"exists": true}]}}}}"#, true),
        (r#"{"dynamodb": {"NewImage": {"other": {"S": [{"exists": true}]}}}}"#, false),
        (r#"{"dynamodb": {"NewImage": {"other": {"S": [{"exists": false}]}}}}"#, true),
        (r#"{"dynamodb": {"NewImage": {"mark": {"S": [{"exists": false}]}}}}"#, false),
        (r#"{"dynamodb": {"NewImage": {"mark": [{"exists": true}]}}}"#, false),
        (r#"{"dynamodb": {"OldImage": {"mark": {"S": [{"exists": true}]}}}}"#, false),
        (r#"{"dynamodb": {"NewImage": {"mark": {"S": [{"prefix": "online/"}]}}}}"#, true),
        (r#"{"dynamodb": {"NewImage": {"mark": {"S": [{"prefix": "offline/"}]}}}}"#, false),
        (r#"{"dynamodb": {"NewImage": {"mark": {"S": [{"suffix": "/1"}]}}}}"#, true),
        (r#"{"eventName": [{"anything-but": ["REMOVE"]}]}"#, true),
        (r#"{"eventName": [{"anything-but": "MODIFY"}]}"#, false),
        (r#"{"eventName": [{"anything-but": {"prefix": "MOD"}}]}"#, false),
        (r#"{"other": [{"anything-but": "MODIFY"}]}"#, false),
        (r#"{"eventName": [{"equals-ignore-case": "modify"}]}"#, true),
        (r#"{"dynamodb": {"SizeBytes": [{"numeric": [">", 0, "<=", 50]}]}}"#, true),
        (r#"{"dynamodb": {"SizeBytes": [{"numeric": [">=", 51]}]}}"#, false),
        (r#"{"dynamodb": {"SizeBytes": [{"numeric": ["=", 50]}]}}"#, true),
        (r#"{"dynamodb": {"NewImage": {"count": {"N": ["5"]}}}}"#, true),
        (r#"{"dynamodb": {"NewImage": {"count": {"N": [{"numeric": ["=", 5]}]}}}}"#, false),
        (r#"{"dynamodb": {"NewImage": {"tags": {"SS": ["b"]}}}}"#, true),
        (r#"{"eventName": ["MODIFY"], "dynamodb": {"SizeBytes": [49]}}"#, false),
        (r#"{"$or": [{"eventName": ["REMOVE"]}, {"dynamodb": {"SizeBytes": [50]}}]}"#, true),
        ("{}", true),
    ] {
        assert_eq!(matches(pattern, &record), expected, "{pattern}");
    }
}

#[test]
fn a_filter_with_a_rule_that_is_not_known_is_refused() {
    assert_eq!(Filter::parse("[]").unwrap_err(), FilterError::NotAnObject);
    for rule in [r#""MODIFY""#, "[]", r#"[{"larger": 1}]"#, r#"[{"numeric": [">"]}]"#, r#"[{"prefix": 1}]"#, "[[]]"] {
        let refused = Filter::parse(&format!(r#"{{"eventName": {rule}}}"#)).unwrap_err();
        assert_eq!(refused, FilterError::Rule("eventName".to_owned()), "{rule}");
    }
}
