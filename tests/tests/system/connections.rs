//! A connection speaks for its node from its handshake to its close, and not a moment longer.

mod check_ins;
mod floods;

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
    let revoked = tokio::spawn(async move { console.send("POST", "/v1/nodes/ap-1/revoke", "").await.status });
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

/// The console, and a DynamoDB that answers.
fn console_without_faults(cloud: &Cloud) -> Http {
    cloud.dynamodb.set(Fault::None);
    cloud.console()
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
