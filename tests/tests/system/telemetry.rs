//! What the functions say of their work, and what saying it costs.

use std::collections::BTreeSet;

use rollcall_core::Registration;
use rollcall_tests::{Cloud, Fault, Frame, Options, policy, refused};
use rollcall_wire::ServerMessage;
use serde_json::Value;

/// What an idle check-in may write to the log, in bytes. At 0.50 USD a GB (Amazon CloudWatch pricing) that is less than half
/// of what its write to the table costs.
const IDLE_CHECK_IN: usize = 512;

/// The first line of a function with this outcome, and its metrics as CloudWatch reads them: those that its embedded metric
/// format names, less the cold start.
async fn counted(cloud: &Cloud, function: &str, outcome: &str) -> (Value, Vec<(String, f64)>) {
    let line = cloud.journal.until(function, outcome, 1).await.remove(0);
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], "Rollcall", "{line}");
    for dimension in directive["Dimensions"].as_array().into_iter().flatten().filter_map(Value::as_array).flatten() {
        assert!(line[dimension.as_str().expect("a name")].is_string(), "{dimension} is not in {line}");
    }
    let named = directive["Metrics"].as_array().into_iter().flatten();
    let metric = |metric: &Value| {
        let name = metric["Name"].as_str().expect("a name").to_owned();
        let value = line[&name].as_f64().unwrap_or_else(|| panic!("{name} is not in {line}"));
        (name, value)
    };
    let metrics = named.map(metric).filter(|(name, _)| name != "ColdStarts").collect();
    (line, metrics)
}

fn metrics<const N: usize>(expected: [(&str, f64); N]) -> Vec<(String, f64)> {
    expected.map(|(name, value)| (name.to_owned(), value)).into()
}

#[tokio::test]
async fn an_idle_check_in_is_one_short_line() {
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-of-an-average-name-1").await;
    for seq in 1..=5 {
        socket.check_in(seq).await;
        assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    }
    cloud.journal.until("check-in", "stored", 5).await;
    let lines: Vec<_> = cloud.journal.lines().into_iter().filter(|(function, _)| function == "check-in").collect();
    assert_eq!(lines.len(), 5, "a line each: {lines:#?}");
    for (_, line) in lines.iter().filter(|(_, line)| !line.contains("ColdStarts")) {
        assert!(line.len() <= IDLE_CHECK_IN, "{} bytes: {line}", line.len());
    }
    cloud.stop().await;
}

#[tokio::test]
async fn every_event_is_counted_where_it_is_logged_with_what_it_took() {
    let cloud = Cloud::start().await;
    let mut first = cloud.socket("ap-1").await;
    let (line, connected) = counted(&cloud, "connect", "stored").await;
    assert_eq!(connected, metrics([("Connects", 1.0), ("PresenceChanges", 1.0), ("WriteUnits", 1.0)]));
    assert!(line["request"].as_str().is_some_and(|id| id.len() == 36), "an invocation has an id: {line}");
    assert!(line["ms"].as_f64().is_some_and(|ms| ms > 0.0), "and takes a while: {line}");
    assert_eq!((&line["node"], &line["message"]), (&"ap-1".into(), &"connect".into()));

    first.check_in(2).await;
    let (_, checked_in) = counted(&cloud, "check-in", "stored").await;
    assert_eq!(checked_in, metrics([("CheckIns", 1.0), ("WriteUnits", 1.0)]));
    first.check_in(1).await;
    let (line, refused) = counted(&cloud, "check-in", "refused").await;
    assert_eq!((refused, &line["reason"]), (metrics([("Refusals", 1.0)]), &"stale-seq".into()));
    first.close().await;
    let (_, disconnected) = counted(&cloud, "disconnect", "stored").await;
    assert_eq!(disconnected[0], ("Disconnects".to_owned(), 1.0));
    cloud.stop().await;
}

#[tokio::test]
async fn a_connection_that_is_replaced_is_counted_and_the_node_stays_online() {
    let cloud = Cloud::start().await;
    let _first = cloud.socket("ap-1").await;
    let _second = cloud.socket("ap-1").await;
    let connects = cloud.journal.until("connect", "stored", 2).await;
    let superseded: Vec<_> = connects.iter().map(|line| line["Superseded"].as_u64()).collect();
    let changes: Vec<_> = connects.iter().map(|line| line["PresenceChanges"].as_u64()).collect();
    assert_eq!((superseded, changes), (vec![None, Some(1)], vec![Some(1), None]));
    cloud.stop().await;
}

#[tokio::test]
async fn who_is_not_let_in_is_counted_by_what_was_wrong() {
    let cloud = Cloud::with(Options { policy: policy(Registration::Closed, 6600), ..Options::default() }).await;
    assert_eq!(refused(&cloud.ws_url(), "nonsense").await, 401);
    let (_, token) = counted(&cloud, "authorize", "refused").await;
    assert_eq!(token, metrics([("RefusedTokens", 1.0)]));

    assert_eq!(refused(&cloud.ws_url(), &cloud.token("ap-1")).await, 403);
    let (line, unregistered) = counted(&cloud, "connect", "refused").await;
    assert_eq!(unregistered, metrics([("Refusals", 1.0)]));
    let dimensions = &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
    assert_eq!(*dimensions, serde_json::json!([["Function"], ["Function", "reason"]]));

    assert_eq!(cloud.http("nonsense").send("POST", "/v1/check-in", "{}").await.status, 401);
    let (_, poll) = counted(&cloud, "poll", "refused").await;
    assert_eq!(poll, metrics([("Unauthorized", 1.0)]));
    assert_eq!(cloud.http("nonsense").send("GET", "/v1/nodes", "").await.status, 401);
    let (line, key) = counted(&cloud, "console", "answered").await;
    assert_eq!((key, &line["source_ip"]), (metrics([("Unauthorized", 1.0)]), &"127.0.0.1".into()));
    cloud.stop().await;
}

#[tokio::test]
async fn what_can_not_be_stored_is_counted_as_a_failure() {
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-1").await;
    cloud.dynamodb.set(Fault::Throttle);
    socket.check_in(1).await;
    let (line, failed) = counted(&cloud, "check-in", "failed").await;
    assert_eq!((failed, &line["level"]), (metrics([("Failures", 1.0)]), &"ERROR".into()));
    assert_eq!(cloud.console().send("GET", "/v1/nodes/ap-1", "").await.status, 503);
    let (_, failed) = counted(&cloud, "console", "answered").await;
    assert_eq!(failed, metrics([("Failures", 1.0)]));
    cloud.dynamodb.set(Fault::None);
    cloud.stop().await;
}

#[tokio::test]
async fn pushes_are_counted_whether_they_arrive_or_not() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    cloud.held_elsewhere("ap-1").await;
    console.put("/v1/nodes/ap-1/config", r#"{"ssid": "a"}"#).await;
    let (line, lost) = counted(&cloud, "console", "gone").await;
    assert_eq!((lost, &line["node"]), (metrics([("PushesLost", 1.0)]), &"ap-1".into()));

    let _socket = cloud.socket("ap-1").await;
    console.put("/v1/nodes/ap-1/config", r#"{"ssid": "b"}"#).await;
    let (_, sent) = counted(&cloud, "console", "pushed").await;
    assert_eq!(sent, metrics([("PushesSent", 1.0)]));
    cloud.stop().await;
}

#[tokio::test]
async fn the_trace_of_an_invocation_is_carried_on_to_dynamodb() {
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-1").await;
    for seq in 1..=3 {
        socket.check_in(seq).await;
        assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    }
    let traces = cloud.dynamodb.traces();
    assert!(traces.iter().all(|trace| trace.starts_with("Root=1-")), "{traces:?}");
    let different: BTreeSet<_> = traces.iter().collect();
    assert_eq!((traces.len(), different.len()), (4, 4), "each event has its own: {traces:?}");
    cloud.stop().await;
}
