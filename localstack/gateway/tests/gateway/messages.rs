//! Messages: the functions that they go to, and their answers.

use std::{sync::Arc, time::Duration};

use crate::support::{connect, functions, gateway, id_of, raised, routes, start};
use futures_util::FutureExt;
use rollcall_gateway::{GatewayConfig, InvokeError, Limits};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};

#[tokio::test]
async fn a_message_goes_to_the_route_that_its_body_names_and_any_other_message_to_default() {
    let (functions, mut record) = functions();
    let functions = functions.on("quiet", |_| Ok(Value::Null));
    let gateway = gateway(functions, Limits::default()).await;
    let mut client = connect(&gateway).await;
    client.send(json!({"type": "quiet"})).await;
    assert_eq!(record.next("quiet").await["requestContext"]["routeKey"], "quiet");
    for other in [r#"{"type":"unknown"}"#, r#"{"type":7}"#, r#"{"kind":"quiet"}"#, "[]", "not json", "{", ""] {
        client.send(other).await;
        let event = record.next("echo").await;
        assert_eq!(event["requestContext"]["routeKey"], "$default", "{other}");
        assert_eq!(event["body"], other);
    }
}

#[tokio::test]
async fn a_message_can_not_select_the_routes_of_the_gateway_itself() {
    let (functions, mut record) = functions();
    let mut config = GatewayConfig::new("prod", routes());
    let route = config.routes.default.clone().unwrap();
    config.routes.keyed.insert("$disconnect".into(), route);
    let gateway = start(config, functions).await;
    let mut client = connect(&gateway).await;
    for key in ["$connect", "$disconnect", "$default"] {
        client.send(json!({"type": key})).await;
        assert_eq!(record.next("echo").await["requestContext"]["routeKey"], "$default");
        client.text().await;
    }
    assert!(record.rest("disconnect").is_empty());
}

#[tokio::test]
async fn a_route_may_be_selected_by_a_nested_name() {
    let (functions, mut record) = functions();
    let mut config = GatewayConfig::new("prod", routes());
    config.routes.selection = "$request.body.meta.action".into();
    let gateway = start(config, functions).await;
    let mut client = connect(&gateway).await;
    client.send(json!({"meta": {"action": "quiet"}})).await;
    assert_eq!(record.next("quiet").await["requestContext"]["routeKey"], "quiet");
}

#[tokio::test]
async fn without_a_default_route_a_message_that_matches_nothing_is_forbidden() {
    let (functions, mut record) = functions();
    let mut config = GatewayConfig::new("prod", routes());
    config.routes.default = None;
    let gateway = start(config, functions).await;
    let mut client = connect(&gateway).await;
    client.send("not json").await;
    let error = client.json().await;
    assert_eq!(error["message"], "Forbidden");
    assert_eq!(error["connectionId"].as_str(), Some(id_of(&record.next("connect").await).as_str()));
    assert!(error["requestId"].is_string());
    client.send(json!({"type": "echo"})).await;
    assert_eq!(client.json().await["type"], "echo");
}

#[tokio::test]
async fn a_body_is_sent_back_only_on_a_route_with_a_route_response() {
    let (functions, mut record) = functions();
    let gateway = gateway(functions, Limits::default()).await;
    let mut client = connect(&gateway).await;
    client.send(json!({"type": "quiet", "n": 1})).await;
    record.next("quiet").await;
    client.send(json!({"type": "echo", "n": 2})).await;
    assert_eq!(client.json().await["n"], 2, "the answer of the quiet route was sent");
}

#[tokio::test]
async fn for_an_answer_without_a_body_no_frame_is_sent() {
    let (functions, _record) = functions();
    let functions = functions.on("echo", |event| {
        Ok(match event["body"].as_str() {
            Some("null") => Value::Null,
            Some("no body") => json!({"statusCode": 200}),
            Some("empty") => json!({"statusCode": 200, "body": ""}),
            _ => json!({"statusCode": 200, "body": "last"}),
        })
    });
    let gateway = gateway(functions, Limits::default()).await;
    let mut client = connect(&gateway).await;
    for body in ["null", "no body", "empty", "last"] {
        client.send(body).await;
    }
    assert_eq!(client.text().await, "last");
}

#[tokio::test]
async fn for_a_failing_function_an_error_frame_is_sent_and_the_connection_is_kept() {
    let (functions, mut record) = functions();
    let fail = |event: Value| match event["body"].as_str() {
        Some("raise") => Err(raised("no table")),
        Some("late") => Err(InvokeError::TimedOut),
        Some("throttle") => Err(InvokeError::Throttled),
        Some("garbage") => Ok(json!([1])),
        _ => Ok(json!({"body": "still here"})),
    };
    let gateway = gateway(functions.on("echo", fail), Limits::default()).await;
    let mut client = connect(&gateway).await;
    let id = id_of(&record.next("connect").await);
    for (body, expected) in [
        ("raise", "Internal server error"),
        ("late", "Internal server error"),
        ("garbage", "Internal server error"),
        ("throttle", "Too Many Requests"),
    ] {
        client.send(body).await;
        let error = client.json().await;
        assert_eq!((&error["message"], &error["connectionId"]), (&json!(expected), &json!(id)));
        let event = record.next("echo").await;
        assert_eq!(error["requestId"], event["requestContext"]["requestId"]);
    }
    client.send("fine").await;
    assert_eq!(client.text().await, "still here");
}

#[tokio::test]
async fn a_function_error_is_sent_even_on_a_route_without_a_route_response() {
    let (functions, _record) = functions();
    let gateway = gateway(functions.on("quiet", |_| Err(raised("no"))), Limits::default()).await;
    let mut client = connect(&gateway).await;
    client.send(json!({"type": "quiet"})).await;
    assert_eq!(client.json().await["message"], "Internal server error");
}

#[tokio::test]
async fn a_message_that_exceeds_the_integration_timeout_is_an_internal_server_error() {
    let (functions, _record) = functions();
    let functions = functions.on_async("echo", |_| futures_util::future::pending().boxed());
    let limits = Limits { integration_timeout: Duration::from_millis(20), ..Limits::default() };
    let gateway = gateway(functions, limits).await;
    let mut client = connect(&gateway).await;
    client.send("slow").await;
    assert_eq!(client.json().await["message"], "Internal server error");
}

#[tokio::test]
async fn messages_of_one_connection_run_in_parallel_and_a_later_reply_may_come_first() {
    let (functions, mut record) = functions();
    let (release, released) = mpsc::unbounded_channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let functions = functions.on_async("echo", move |event| {
        let released = Arc::clone(&released);
        async move {
            if event["body"] == "first" {
                released.lock().await.recv().await;
            }
            Ok(json!({"body": event["body"]}))
        }
        .boxed()
    });
    let gateway = gateway(functions, Limits::default()).await;
    let mut client = connect(&gateway).await;
    client.send("first").await;
    client.send("second").await;
    assert_eq!(record.next("echo").await["body"], "first");
    assert_eq!(client.text().await, "second");
    release.send(()).unwrap();
    assert_eq!(client.text().await, "first");
}

#[tokio::test]
async fn disconnect_does_not_wait_for_functions_that_still_run() {
    let (functions, mut record) = functions();
    let functions = functions.on_async("echo", |_| futures_util::future::pending().boxed());
    let gateway = gateway(functions, Limits::default()).await;
    let mut client = connect(&gateway).await;
    client.send("never answered").await;
    record.next("echo").await;
    drop(client);
    record.next("disconnect").await;
}

#[tokio::test]
async fn only_so_many_messages_of_one_connection_are_in_functions_and_the_next_one_waits() {
    let (functions, mut record) = functions();
    let (functions, go) = functions.held("echo", |event| Ok(json!({"body": event["body"]})));
    let gateway = gateway(functions, Limits { in_flight: 2, ..Limits::default() }).await;
    let mut client = connect(&gateway).await;
    for body in ["1", "2", "3"] {
        client.send(body).await;
    }
    record.next("echo").await;
    record.next("echo").await;
    assert!(record.rest("echo").is_empty());
    go.notify_one();
    client.text().await;
    assert_eq!(record.next("echo").await["body"], "3");
    for _ in 0..2 {
        go.notify_one();
        client.text().await;
    }
}

#[tokio::test]
async fn messages_over_the_accounts_request_rate_are_throttled() {
    let (functions, mut record) = functions();
    let limits = Limits { requests_per_second: 0, burst: 3, ..Limits::default() };
    let gateway = gateway(functions, limits).await;
    let mut client = connect(&gateway).await;
    for expected in [None, None, Some("Too Many Requests")] {
        client.send(json!({"type": "echo"})).await;
        assert_eq!(client.json().await["message"].as_str(), expected);
    }
    assert_eq!(record.rest("echo").len(), 2);
    let aws = Limits::default();
    assert_eq!((aws.requests_per_second, aws.burst), (10_000, 5_000));
}
