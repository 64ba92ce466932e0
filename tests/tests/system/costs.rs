//! What nodes cost, counted where the functions meet DynamoDB.

use rollcall_tests::{Cloud, Frame};
use rollcall_wire::ServerMessage;

#[tokio::test]
async fn an_idle_check_in_is_one_request_one_write_unit_and_no_read_unit() {
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-1").await;
    let before = cloud.dynamodb.passed();
    for seq in 1..=5 {
        socket.check_in(seq).await;
        let Frame::Message(ServerMessage::Ack(ack)) = socket.next().await else { panic!("an ack") };
        assert_eq!(ack.seq, seq);
    }
    assert_eq!(cloud.dynamodb.passed() - before, 5, "one request each");
    for event in cloud.journal.until("check-in", "stored", 5).await {
        assert_eq!((event["WriteUnits"].as_f64(), event["ReadUnits"].as_f64()), (Some(1.0), None));
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_planned_reconnect_costs_one_write_unit_for_the_connect() {
    let cloud = Cloud::start().await;
    let _first = cloud.socket("ap-1").await;
    let _second = cloud.socket("ap-1").await;
    for event in cloud.journal.until("connect", "stored", 2).await {
        assert_eq!(event["WriteUnits"].as_f64(), Some(1.0));
    }
    cloud.stop().await;
}

#[tokio::test]
async fn an_idle_check_in_costs_no_more_once_commands_are_over() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let key = [("idempotency-key", "a")];
    let queued = console.send_with("POST", "/v1/nodes/ap-1/commands", &key, r#"{"name": "reboot"}"#).await;
    assert_eq!(queued.status, 201);
    let mut socket = cloud.socket("ap-1").await;
    socket.check_in(1).await;
    let Frame::Message(ServerMessage::Ack(ack)) = socket.next().await else { panic!("an ack") };
    assert_eq!(ack.command.map(|command| command.command), Some(1));
    socket.send(r#"{"type":"check-in","seq":2,"results":[{"command":1,"status":"done"}]}"#).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(ack)) if ack.command.is_none()));
    let before = cloud.dynamodb.passed();
    for seq in 3..=5 {
        socket.check_in(seq).await;
        assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    }
    assert_eq!(cloud.dynamodb.passed() - before, 3, "one request each");
    cloud.stop().await;
}
