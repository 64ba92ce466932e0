//! What breaks, breaks: the node hears of it and sends again, and nothing is acknowledged that is not stored.

use std::sync::Arc;

use bytes::Bytes;
use rollcall_node::NodeEvent;
use rollcall_tests::{Cloud, Fault, Frame, Socket, Watched, kill};
use rollcall_wire::{ErrorCode, ServerMessage};
use serde_json::json;
use tokio::sync::Semaphore;

#[tokio::test]
async fn a_check_in_whose_write_lost_its_answer_is_stored_once_and_acknowledged() {
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-1").await;
    let before = cloud.dynamodb.passed();
    cloud.dynamodb.set(Fault::LoseAnswers(1));
    socket.check_in(1).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(ack)) if ack.seq == 1));
    assert_eq!(cloud.dynamodb.passed() - before, 2, "it was written, and asked for again");
    assert_eq!(cloud.stored("ap-1").await.expect("stored").seq, Some(1));
    cloud.stop().await;
}

#[tokio::test]
async fn a_connect_whose_write_lost_its_answer_lets_the_node_in() {
    let cloud = Cloud::start().await;
    cloud.dynamodb.set(Fault::LoseAnswers(1));
    let mut socket = cloud.socket("ap-1").await;
    socket.check_in(1).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    cloud.stop().await;
}

#[tokio::test]
async fn while_dynamodb_is_down_check_ins_get_an_error_and_none_is_acknowledged() {
    no_ack_without_storage(|_| Fault::Down).await;
}

#[tokio::test]
async fn while_dynamodb_throttles_check_ins_get_an_error_and_none_is_acknowledged() {
    no_ack_without_storage(|_| Fault::Throttle).await;
}

#[tokio::test]
async fn while_dynamodb_does_not_answer_check_ins_get_an_error_and_none_is_acknowledged() {
    no_ack_without_storage(|gate| Fault::Hold(Arc::clone(gate))).await;
}

async fn no_ack_without_storage(fault: impl Fn(&Arc<Semaphore>) -> Fault) {
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-1").await;
    let never = Arc::new(Semaphore::new(0));
    cloud.dynamodb.set(fault(&never));
    socket.check_in(1).await;
    let Frame::Message(ServerMessage::Error(error)) = socket.next().await else { panic!("an error") };
    assert_eq!((error.code, error.seq), (ErrorCode::Unavailable, Some(1)));
    assert_eq!(cloud.stored("ap-1").await.expect("stored").seq, None);
    assert_eq!(cloud.journal.events("check-in", "failed").len(), 1, "it is logged once");

    cloud.dynamodb.set(Fault::None);
    socket.check_in(1).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))), "the same connection goes on");
    assert_eq!(cloud.stored("ap-1").await.expect("stored").seq, Some(1));
    cloud.stop().await;
}

#[tokio::test]
async fn a_throttled_check_in_is_tried_twice_and_a_disconnect_that_nobody_repeats_three_times() {
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-1").await;
    let (throttled, stored) = (cloud.dynamodb.received(), cloud.stored("ap-1").await);
    cloud.dynamodb.set(Fault::Throttle);
    socket.check_in(1).await;
    let Frame::Message(ServerMessage::Error(error)) = socket.next().await else { panic!("an error") };
    assert_eq!(error.code, ErrorCode::Unavailable);
    let failed = cloud.journal.until("check-in", "failed", 1).await;
    println!("a throttled check-in held its function for {} ms", failed[0]["ms"]);
    assert_eq!(cloud.dynamodb.received() - throttled, 2, "a node that waits is not kept waiting");
    assert_eq!(Socket::open(&cloud.ws_url(), &cloud.token("ap-2")).await.err(), Some(503));
    assert_eq!(cloud.dynamodb.received() - throttled, 4, "nor one that connects");
    let poll = cloud.http(&cloud.token("ap-3")).send("POST", "/v1/check-in", r#"{"type":"check-in","seq":1}"#).await;
    assert_eq!((poll.status, cloud.dynamodb.received() - throttled), (503, 6), "nor one that polls");
    socket.close().await;
    cloud.journal.until("disconnect", "failed", 1).await;
    assert_eq!(cloud.dynamodb.received() - throttled, 9, "nobody says again that a connection closed");
    assert_eq!(cloud.stored("ap-1").await, stored);
    cloud.dynamodb.set(Fault::None);
    cloud.stop().await;
}

#[tokio::test]
async fn the_reference_node_sends_again_until_it_is_stored() {
    let cloud = Cloud::start().await;
    let watched = Watched::start(cloud.node_config("ap-1"));
    watched.until_acked(1).await;
    cloud.dynamodb.set(Fault::Throttle);
    watched.node.check_in_now();
    watched.until(1, |event| matches!(event, NodeEvent::Error(error) if error.code == ErrorCode::Unavailable)).await;
    let before = cloud.stored("ap-1").await.expect("stored").seq;
    assert_eq!(before, Some(1), "nothing is stored meanwhile");
    cloud.dynamodb.set(Fault::None);
    watched.until_acked(2).await;
    assert!(cloud.stored("ap-1").await.expect("stored").seq > before);
    cloud.stop().await;
}

#[tokio::test]
async fn while_dynamodb_is_down_nobody_is_let_in_and_afterwards_everybody_is() {
    let cloud = Cloud::start().await;
    cloud.dynamodb.set(Fault::Down);
    let status = Socket::open(&cloud.ws_url(), &cloud.token("ap-1")).await.expect_err("refused");
    assert_eq!(status, 503);
    assert_eq!(cloud.stored("ap-1").await, None);
    cloud.dynamodb.set(Fault::None);
    let _socket = cloud.socket("ap-1").await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_function_that_is_killed_costs_an_error_frame_and_the_next_message_works() {
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-1").await;
    let gate = Arc::new(Semaphore::new(0));
    cloud.dynamodb.set(Fault::Hold(Arc::clone(&gate)));
    socket.check_in(1).await;
    cloud.dynamodb.until_held(1).await;
    for process in cloud.processes("check-in") {
        kill(process);
    }
    let Frame::Other(frame) = socket.next().await else { panic!("the gateway's own words") };
    assert_eq!(frame["message"], "Internal server error");
    assert!(frame["connectionId"].is_string() && frame["requestId"].is_string());

    cloud.dynamodb.set(Fault::None);
    gate.add_permits(10);
    socket.check_in(2).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(ack)) if ack.seq == 2));
    cloud.stop().await;
}

#[tokio::test]
async fn events_without_an_identity_are_logged_and_change_nothing() {
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-1").await;
    let before = cloud.stored("ap-1").await;
    let connection = before.as_ref().and_then(|node| node.open()).expect("open").connection.clone();
    let event = |event_type: &str, route: &str| {
        json!({
            "headers": {}, "isBase64Encoded": false, "body": r#"{"type":"check-in","seq":1}"#,
            "requestContext": {
                "routeKey": route, "eventType": event_type, "connectionId": connection.id.as_str(),
                "connectedAt": connection.opened_at.0, "requestTimeEpoch": connection.opened_at.0 + 1,
            },
        })
    };
    for (function, event_type, route) in [
        ("connect", "CONNECT", "$connect"),
        ("check-in", "MESSAGE", "check-in"),
        ("disconnect", "DISCONNECT", "$disconnect"),
    ] {
        let payload = Bytes::from(event(event_type, route).to_string());
        cloud.stack.functions().invoke(function, payload).await.expect("an answer, not a crash");
        let failed = cloud.journal.until(function, "failed", 1).await;
        assert_eq!(failed[0]["error"], "the event carries no identity");
    }
    assert_eq!(cloud.stored("ap-1").await, before);
    socket.check_in(1).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))), "the connection goes on");
    cloud.stop().await;
}
