//! What a node that sends too much costs, and how it is stopped.

use super::*;

#[tokio::test]
async fn invented_results_cost_no_write() {
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-1").await;
    let results: Vec<_> = (1..=8).map(|number| json!({"command": number, "status": "done"})).collect();
    let before = cloud.dynamodb.passed();
    socket.send(json!({"type": "check-in", "seq": 1, "results": results}).to_string()).await;
    ack(&mut socket).await;
    assert_eq!(cloud.dynamodb.passed() - before, 1);
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_that_sends_too_much_is_told_to_slow_down_then_dismissed_and_kept_out() {
    let policy = policy(Registration::Open, 6600).with_budget(20);
    let cloud = Cloud::with(Options { policy, ..Options::default() }).await;
    let mut socket = cloud.socket("ap-1").await;
    for seq in 1..20 {
        socket.check_in(seq).await;
        ack(&mut socket).await;
    }
    socket.check_in(20).await;
    let Frame::Message(ServerMessage::SlowDown { retry_after_s: 58..=60, seq: Some(20) }) = socket.next().await else {
        panic!("it is not told to slow down")
    };
    let stored = cloud.stored("ap-1").await.expect("stored");
    assert_eq!(stored.seq, Some(19), "what is over the budget is not stored");
    // What was under way when it was told is not held against it.
    let mut next = Frame::Broken;
    for seq in 21.. {
        socket.check_in(seq).await;
        next = socket.next().await;
        if !matches!(next, Frame::Message(ServerMessage::SlowDown { .. })) {
            break;
        }
    }
    if let Frame::Message(ServerMessage::Bye { reason, retry_after_s }) = next {
        assert!(reason == ByeReason::SlowDown && retry_after_s.is_some_and(|left| left <= 60), "{reason}");
        next = socket.next().await;
    }
    assert!(matches!(next, Frame::Closed(_)), "it is not dismissed: {next:?}");
    assert_eq!(refused(&cloud.ws_url(), &cloud.token("ap-1")).await, 429);
    let refusals = cloud.journal.until("check-in", "refused", 2).await;
    assert!(refusals.iter().all(|line| line["reason"] == "slow-down" && line["node"] == "ap-1"), "{refusals:?}");
    let poll = cloud.http(&cloud.token("ap-1")).send("POST", "/v1/check-in", r#"{"type":"check-in","seq":1}"#).await;
    assert_eq!(poll.status, 429);
    assert!(poll.headers["retry-after"].to_str().expect("text").parse::<u32>().expect("seconds") <= 60);
    cloud.stop().await;
}

/// The figure of docs/security.md: what a node costs that sends as much as it can, until it is dismissed.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "it is a measurement, too")]
async fn a_flood_costs_one_write_unit_a_message_of_the_budget_and_few_more() {
    if Backend::chosen() != Backend::Embedded {
        return;
    }
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-1").await;
    let before = cloud.dynamodb.passed();
    let mut seq = 0;
    let mut answers = 0_u64;
    loop {
        seq += 1;
        socket.send(r#"{"type":"check-in","seq":1,"firmware":7}"#.replace(":1,", &format!(":{seq},"))).await;
        match socket.next().await {
            Frame::Message(ServerMessage::Ack(_) | ServerMessage::Error(_) | ServerMessage::SlowDown { .. }) => {
                answers += 1;
            }
            Frame::Message(ServerMessage::Bye { reason, .. }) => {
                assert_eq!(reason, ByeReason::SlowDown);
                break;
            }
            Frame::Closed(_) | Frame::Broken => break,
            other => panic!("unexpected: {other:?}"),
        }
    }
    let node = cloud.until_stored("ap-1", |node| node.open().is_none()).await;
    let requests = cloud.dynamodb.passed() - before;
    println!("a flood: {answers} messages answered, {requests} requests of DynamoDB until it was dismissed");
    assert_eq!((node.spent, node.blocked.offences), (u64::from(Policy::BUDGET), Some(1)));
    let before = cloud.dynamodb.passed();
    for _ in 0..10 {
        assert_eq!(refused(&cloud.ws_url(), &cloud.token("ap-1")).await, 429);
    }
    assert_eq!(cloud.dynamodb.passed() - before, 10, "a refused connect is one request, and writes nothing");
    assert_eq!(cloud.stored("ap-1").await.map(|node| node.blocked), Some(node.blocked));
    cloud.stop().await;
}
