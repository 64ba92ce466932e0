//! A connection speaks for its node from its handshake to its close, and not a moment longer.

use std::sync::Arc;

use rollcall_core::{Attribute, Policy, Registration};
use rollcall_tests::{
    Backend, Cloud, Fault, Frame, Http, HttpReply, Options, Socket, hold, hold_answers, policy, refused,
};
use rollcall_wire::{Ack, ByeReason, ErrorCode, ErrorMessage, Question, ServerMessage};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

async fn ack(socket: &mut Socket) -> Ack {
    match socket.next().await {
        Frame::Message(ServerMessage::Ack(ack)) => ack,
        other => panic!("no ack: {other:?}"),
    }
}

async fn error(socket: &mut Socket) -> ErrorMessage {
    match socket.next().await {
        Frame::Message(ServerMessage::Error(error)) => error,
        other => panic!("no error: {other:?}"),
    }
}

async fn queue(console: &Http, name: &str) -> HttpReply {
    let command = json!({ "name": name }).to_string();
    console.send_with("POST", "/v1/nodes/ap-1/commands", &[("idempotency-key", name)], command).await
}

/// How a node's commands stand, the newest first.
async fn states(console: &Http) -> Vec<Value> {
    let list = console.get("/v1/nodes/ap-1/commands").await.json();
    list["commands"].as_array().expect("a list").iter().map(|command| command["state"].clone()).collect()
}

/// A cloud in which the answer to `$connect` is held back, and a connection whose `$connect` is stored.
async fn in_its_handshake(registration: Registration) -> (Cloud, Arc<Semaphore>, tokio::task::JoinHandle<Socket>) {
    let gate = Arc::new(Semaphore::new(0));
    let options = Options {
        policy: policy(registration, 6600),
        interceptor: Some(hold_answers("connect", &gate)),
        ..Options::default()
    };
    let cloud = Cloud::with(options).await;
    assert_eq!(cloud.console().put("/v1/nodes/ap-1", "{}").await.status, 200);
    let (url, token) = (cloud.ws_url(), cloud.token("ap-1"));
    let socket = tokio::spawn(async move { Socket::open(&url, &token).await.expect("let in") });
    cloud.until_stored("ap-1", |node| node.open().is_some()).await;
    (cloud, gate, socket)
}

#[tokio::test]
async fn a_push_during_a_handshake_does_not_end_the_connection_and_its_news_comes_with_the_first_ack() {
    let (cloud, gate, socket) = in_its_handshake(Registration::Open).await;
    let set = cloud.console().put("/v1/nodes/ap-1/config", r#"{"channel":36}"#).await;
    assert_eq!((set.status, set.json()["delivery"].clone()), (200, json!("pending")));
    assert!(cloud.stored("ap-1").await.expect("stored").open().is_some(), "the connection is taken for closed");
    gate.add_permits(1);
    let mut socket = socket.await.expect("no panic");
    socket.check_in(1).await;
    assert_eq!(ack(&mut socket).await.config.map(|config| config.version), Some(1));
    cloud.stop().await;
}

#[tokio::test]
async fn a_push_to_a_connection_that_is_surely_gone_notes_its_close() {
    let cloud = Cloud::start().await;
    assert_eq!(cloud.console().put("/v1/nodes/ap-1", "{}").await.status, 200);
    cloud.held_elsewhere("ap-1").await;
    assert_eq!(cloud.console().put("/v1/nodes/ap-1/config", "{}").await.status, 200);
    if cloud.pushes {
        let closed = cloud.stored("ap-1").await.and_then(|node| node.held).and_then(|held| held.closed);
        assert_eq!(closed.expect("closed").reason.as_deref(), Some("gone"));
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_that_is_revoked_during_its_handshake_has_no_socket_afterwards() {
    let (cloud, gate, socket) = in_its_handshake(Registration::Closed).await;
    let console = cloud.console();
    let revoked = tokio::spawn(async move { console.send("DELETE", "/v1/nodes/ap-1", "").await.status });
    cloud.until_stored("ap-1", |node| node.revoked).await;
    gate.add_permits(1);
    let mut socket = socket.await.expect("no panic");
    assert_eq!(revoked.await.expect("no panic"), 204);
    if cloud.pushes {
        let mut next = socket.next().await;
        if let Frame::Message(ServerMessage::Bye { reason, .. }) = next {
            assert_eq!(reason, ByeReason::Revoked);
            next = socket.next().await;
        }
        assert!(matches!(next, Frame::Closed(_)), "it lives on: {next:?}");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_raised_credential_version_closes_the_connection_and_refuses_what_it_says() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    assert_eq!(console.put("/v1/nodes/ap-1", r#"{"credential_version":1}"#).await.status, 200);
    assert_eq!(console.put("/v1/nodes/ap-1/config", r#"{"secret":1}"#).await.status, 200);
    let mut thief = cloud.socket("ap-1").await;
    assert_eq!(console.put("/v1/nodes/ap-1", r#"{"credential_version":2}"#).await.status, 200);
    if cloud.pushes {
        assert_eq!(thief.dismissed(true).await, Some(ByeReason::Revoked));
    }
    assert_eq!(refused(&cloud.ws_url(), &cloud.token("ap-1")).await, 403);
    cloud.stop().await;
}

#[tokio::test]
async fn a_connection_whose_token_is_outdated_learns_nothing_and_stores_nothing() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let questions =
        [r#"{"type":"config"}"#, r#"{"type":"firmware-url","version":"1"}"#, r#"{"type":"check-in","seq":9}"#];
    let changes = [Attribute::CredentialVersion, Attribute::Revoked];
    let cases = changes.into_iter().flat_map(|change| questions.map(|question| (change, question)));
    for (number, (change, question)) in cases.enumerate() {
        let node = format!("ap-{number}");
        assert_eq!(console.put(&format!("/v1/nodes/{node}"), "{}").await.status, 200);
        assert_eq!(console.put(&format!("/v1/nodes/{node}/config"), r#"{"secret":1}"#).await.status, 200);
        let mut socket = cloud.socket(&node).await;
        // As a console does whose call of the connection is lost.
        cloud.set(&node, change, 2).await;
        socket.send(question).await;
        let why = socket.dismissed(cloud.pushes).await;
        assert_eq!(why, cloud.pushes.then_some(ByeReason::Revoked), "{question} after {change:?}");
        assert_eq!(cloud.stored(&node).await.expect("stored").seq, None, "{question} is stored");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_connection_whose_node_was_deleted_is_told_that_it_is_not_registered() {
    let options = Options { policy: policy(Registration::Closed, 6600), ..Options::default() };
    let cloud = Cloud::with(options).await;
    for message in [r#"{"type":"check-in","seq":1}"#, r#"{"type":"config"}"#] {
        assert_eq!(cloud.console().put("/v1/nodes/ap-1", "{}").await.status, 200);
        let mut socket = cloud.socket("ap-1").await;
        cloud.delete("ap-1").await;
        socket.send(message).await;
        assert_eq!(socket.dismissed(cloud.pushes).await, cloud.pushes.then_some(ByeReason::Unregistered));
        assert_eq!(refused(&cloud.ws_url(), &cloud.token("ap-1")).await, 403);
        assert_eq!(cloud.stored("ap-1").await, None, "nothing of it comes back");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_superseded_connection_is_told_nothing_of_its_node() {
    let gate = Arc::new(Semaphore::new(0));
    let cloud = Cloud::with(Options { interceptor: Some(hold("connect", &gate)), ..Options::default() }).await;
    gate.add_permits(1);
    let mut first = cloud.socket("ap-1").await;
    assert_eq!(cloud.console().put("/v1/nodes/ap-1/config", "{}").await.status, 200);
    if cloud.pushes {
        assert!(matches!(first.next().await, Frame::Message(ServerMessage::Config(_))));
    }
    // Taken over at another gateway, which can't reach this one's sockets.
    cloud.set("ap-1", Attribute::OpenedAt, 1).await;
    cloud.held_elsewhere("ap-1").await;
    first.send(r#"{"type":"config"}"#).await;
    assert_eq!(first.dismissed(cloud.pushes).await, cloud.pushes.then_some(ByeReason::Superseded));
    cloud.stop().await;
}

#[tokio::test]
async fn a_check_in_that_is_handled_after_the_close_is_stored_and_revives_nothing() {
    let gate = Arc::new(Semaphore::new(0));
    let cloud = Cloud::with(Options { interceptor: Some(hold("check-in", &gate)), ..Options::default() }).await;
    let mut socket = cloud.socket("ap-1").await;
    socket.send(r#"{"type":"check-in","seq":1,"ack":false,"firmware":"2.4.1"}"#).await;
    socket.close().await;
    let closed = cloud.until_stored("ap-1", |node| node.open().is_none()).await;
    gate.add_permits(1);
    let node = cloud.until_stored("ap-1", |node| node.seq == Some(1)).await;
    assert_eq!(node.firmware.as_deref(), Some("2.4.1"));
    assert_eq!((node.open(), node.due), (None, closed.due), "it is as closed as it was");
    cloud.stop().await;
}

#[tokio::test]
async fn of_two_check_ins_in_the_wrong_order_the_results_of_both_are_stored_and_the_stale_one_is_told_so() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let mut socket = cloud.socket("ap-1").await;
    for (number, name) in [(1, "scan"), (2, "led")] {
        assert_eq!(queue(&console, name).await.status, 201);
        if cloud.pushes && number == 1 {
            assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Command(_))));
        }
    }
    if cloud.pushes {
        assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Command(_))), "told again");
    }
    cloud.set_sent("ap-1", 1).await;
    cloud.set_sent("ap-1", 2).await;
    socket.send(r#"{"type":"check-in","seq":2,"results":[{"command":2,"status":"done"}],"firmware":"2"}"#).await;
    ack(&mut socket).await;
    socket.send(r#"{"type":"check-in","seq":1,"results":[{"command":1,"status":"done"}],"firmware":"1"}"#).await;
    let stale = error(&mut socket).await;
    assert_eq!((stale.code, stale.seq, stale.stored_seq), (ErrorCode::StaleSeq, Some(1), Some(2)));
    assert_eq!(states(&console).await, ["done", "done"]);
    let node = cloud.stored("ap-1").await.expect("stored");
    assert_eq!((node.seq, node.firmware.as_deref()), (Some(2), Some("2")), "the older report changes nothing");
    cloud.stop().await;
}

#[tokio::test]
async fn the_same_check_in_again_is_stored_again_and_acknowledged() {
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-1").await;
    for firmware in ["1", "1", "2"] {
        socket.send(json!({"type": "check-in", "seq": 7, "firmware": firmware}).to_string()).await;
        assert_eq!(ack(&mut socket).await.seq, 7);
        assert_eq!(cloud.stored("ap-1").await.expect("stored").firmware.as_deref(), Some(firmware));
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_check_in_whose_result_can_not_be_stored_is_not_acknowledged_and_can_be_said_again() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let mut socket = cloud.socket("ap-1").await;
    assert_eq!(queue(&console, "scan").await.status, 201);
    if cloud.pushes {
        assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Command(_))));
    } else {
        cloud.set_sent("ap-1", 1).await;
    }
    let check_in = r#"{"type":"check-in","seq":1,"results":[{"command":1,"status":"done"}]}"#;
    // The check-in itself is stored; whatever follows is throttled.
    cloud.dynamodb.set(Fault::ThrottleAfter(1));
    socket.send(check_in).await;
    let half = error(&mut socket).await;
    assert_eq!((half.code, half.seq), (ErrorCode::Unavailable, Some(1)));
    assert!(half.message.starts_with("the check-in is stored, and it is not known"), "{}", half.message);
    assert_eq!(states(&console_without_faults(&cloud)).await, ["sent"]);
    socket.send(check_in).await;
    assert_eq!(ack(&mut socket).await.seq, 1);
    assert_eq!(states(&console).await, ["done"]);
    cloud.stop().await;
}

#[tokio::test]
async fn an_error_in_answer_to_a_question_names_the_question() {
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-1").await;
    let none = [
        (r#"{"type":"config"}"#, ErrorCode::NoConfig, Question::Config),
        (r#"{"type":"firmware-url","version":"1"}"#, ErrorCode::NoFirmware, Question::FirmwareUrl),
        (r#"{"type":"firmware-url","version":1}"#, ErrorCode::InvalidField, Question::FirmwareUrl),
    ];
    let failed = none.map(|(question, _, about)| (question, ErrorCode::Unavailable, about));
    for (question, code, about) in none {
        socket.send(question).await;
        let answer = error(&mut socket).await;
        assert_eq!((answer.code, answer.seq, answer.about), (code, None, Some(about)), "{question}");
    }
    cloud.dynamodb.set(Fault::Throttle);
    for (question, code, about) in failed.into_iter().take(2) {
        socket.send(question).await;
        let answer = error(&mut socket).await;
        assert_eq!((answer.code, answer.seq, answer.about), (code, None, Some(about)), "{question}");
    }
    cloud.dynamodb.set(Fault::None);
    socket.send("hello").await;
    assert_eq!(error(&mut socket).await.about, None, "nobody knows what it was to be");
    cloud.stop().await;
}

/// The console, and a DynamoDB that answers.
fn console_without_faults(cloud: &Cloud) -> Http {
    cloud.dynamodb.set(Fault::None);
    cloud.console()
}

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
async fn a_connection_of_the_future_keeps_nobody_out() {
    let cloud = Cloud::start().await;
    for attribute in [Attribute::OpenedAt, Attribute::Seen, Attribute::ClosedAt, Attribute::Due] {
        let mut first = cloud.socket("ap-1").await;
        first.check_in(1).await;
        ack(&mut first).await;
        // The host's clock was a day ahead, and was set right.
        cloud.set_ahead("ap-1", attribute, 24 * 3600).await;
        cloud.set_ahead("ap-1", Attribute::OpenedAt, 24 * 3600).await;
        let mut second = cloud.socket("ap-1").await;
        second.check_in(1).await;
        ack(&mut second).await;
        let node = cloud.stored("ap-1").await.expect("stored");
        let now = rollcall_tests::now();
        assert!(node.seen.is_some_and(|seen| seen <= now), "{attribute:?}: seen in the future");
        assert!(
            node.open().is_some_and(|held| held.connection.opened_at <= now),
            "{attribute:?}: opened in the future"
        );
        second.close().await;
        cloud.until_stored("ap-1", |node| node.open().is_none()).await;
    }
    cloud.stop().await;
}

#[tokio::test]
async fn two_devices_with_one_token_are_told_and_counted_and_one_device_that_reconnects_is_not() {
    let cloud = Cloud::start().await;
    let connect = async |instance: &str| {
        let bearer = format!("Bearer {}", cloud.token("ap-1"));
        let headers = [("authorization", bearer.as_str()), ("rollcall-instance", instance)];
        Socket::open_with(&cloud.ws_url(), &headers).await.expect("let in")
    };
    let mut device = connect("one").await;
    for _ in 0..2 {
        let next = connect("one").await;
        assert_eq!(device.dismissed(cloud.pushes).await, cloud.pushes.then_some(ByeReason::Superseded));
        device = next;
    }
    assert_eq!(cloud.stored("ap-1").await.expect("stored").takeovers, None, "one device reconnects");
    for (instance, count) in [("two", 1), ("one", 2), ("two", 3)] {
        let next = connect(instance).await;
        assert_eq!(device.dismissed(cloud.pushes).await, cloud.pushes.then_some(ByeReason::Superseded));
        device = next;
        let takeovers = cloud.stored("ap-1").await.expect("stored").takeovers.expect("counted");
        assert_eq!(takeovers.count, count);
    }
    let shown = cloud.console().get("/v1/nodes/ap-1").await.json();
    assert_eq!(shown["takeovers"]["count"], 3);
    let logged = cloud.journal.until("connect", "stored", 6).await;
    assert_eq!(logged.iter().filter(|line| line["Takeovers"] == 1).count(), 3);
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
