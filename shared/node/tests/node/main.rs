//! A whole node against a server that does what each test says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "tests stop at what they did not expect"
)]

mod commands;
mod configs;
mod firmware;
mod parting;
mod server;

use std::time::Duration;

use rollcall_node::{DisconnectReason, Node, NodeConfig, NodeError, NodeEvent, Pushed, Timing};
use rollcall_wire::ByeReason;
use serde_json::json;
use server::{Peer, Seen, Server, Told, patiently, program, quick};
use tokio::time::Instant;

struct Running {
    server: Server,
    node: Node,
    told: Told,
}

async fn running(timing: Timing) -> Running {
    let server = Server::start().await;
    let (program, told) = program();
    let node = Node::start(server.config(timing), program);
    Running { server, node, told }
}

fn disconnected(event: &NodeEvent) -> Option<(DisconnectReason, bool)> {
    match event {
        NodeEvent::Disconnected { reason, planned } => Some((reason.clone(), *planned)),
        _ => None,
    }
}

fn backing_off(event: &NodeEvent) -> Option<Duration> {
    match event {
        NodeEvent::BackingOff { delay } => Some(*delay),
        _ => None,
    }
}

fn acked(event: &NodeEvent) -> Option<u64> {
    match event {
        NodeEvent::Acked { ack, .. } => Some(ack.seq),
        _ => None,
    }
}

fn outages(seen: &[NodeEvent]) -> usize {
    seen.iter().filter_map(disconnected).filter(|(_, planned)| !planned).count()
}

#[tokio::test]
async fn the_handshake_carries_the_token_and_the_query_and_the_first_check_in_says_everything() {
    let Running { server, node, .. } = running(quick()).await;
    let mut peer = server.peer().await;
    assert_eq!(peer.request.headers()["authorization"], "Bearer s3cret");
    assert_eq!(peer.request.uri().to_string(), "/live?site=7");
    let check_in = peer.check_in().await;
    assert_eq!((check_in.seq, check_in.ack, check_in.firmware.as_deref()), (1, true, Some("2.4.1")));
    assert!(!format!("{node:?}").contains("s3cret"));
}

#[tokio::test]
async fn the_old_connection_is_closed_only_after_the_new_one_has_its_ack() {
    let Running { server, mut told, node } = running(quick()).await;
    let mut old = server.held().await;
    old.push(json!({"type": "reconnect", "within_s": 0})).await;
    let mut new = server.peer().await;
    assert_eq!(new.check_in().await.seq, 1);
    // The old one is in use until then: what is pushed to it arrives, and what the node says comes from it as well.
    node.check_in_now();
    assert_eq!((old.check_in().await.seq, new.check_in().await.seq), (2, 2));
    old.push(json!({"type": "still-here"})).await;
    assert_eq!(told.pushed().await, Pushed::Reconnect { within_s: 0 });
    assert_eq!(told.pushed().await, Pushed::Other(json!({"type": "still-here"})));
    new.ack(2).await;
    assert_eq!(old.closing().await, Some(1000));
    assert_eq!(told.event(disconnected).await, (DisconnectReason::Replaced, true));
}

#[tokio::test]
async fn a_server_that_closes_the_old_connection_during_the_new_handshake_causes_no_outage() {
    let Running { server, mut told, node: _node } = running(quick()).await;
    let mut old = server.held().await;
    old.push(json!({"type": "reconnect", "within_s": 0})).await;
    let handshake = server.tcp().await;
    old.close().await;
    let (reason, planned) = told.event(disconnected).await;
    assert_eq!(reason, DisconnectReason::Closed { code: Some(1001), reason: "going".to_owned() });
    assert!(planned);
    let mut new = Peer::greet(handshake).await;
    new.check_in().await;
    new.ack(1).await;
    let seen = told.until(|event| acked(event).is_some()).await;
    assert_eq!(outages(&seen), 0, "{seen:?}");
    assert!(!seen.iter().any(|event| backing_off(event).is_some()), "{seen:?}");
    assert!(seen.contains(&NodeEvent::Connected { planned: true }), "{seen:?}");
}

#[tokio::test]
async fn a_replacement_that_is_refused_leaves_the_old_connection_in_use() {
    let Running { server, mut told, node: _node } = running(quick()).await;
    let mut old = server.held().await;
    old.push(json!({"type": "reconnect", "within_s": 60})).await;
    old.push(json!({"type": "reconnect", "within_s": 0})).await;
    server.refuse(503).await;
    server.refuse(429).await;
    let _new = server.held().await;
    assert_eq!(old.closing().await, Some(1000));
    let seen = told.until(|event| disconnected(event).is_some()).await;
    assert_eq!(seen.iter().filter_map(backing_off).count(), 2, "{seen:?}");
    assert_eq!(seen.last(), Some(&NodeEvent::Disconnected { reason: DisconnectReason::Replaced, planned: true }));
}

#[tokio::test]
async fn a_server_that_falls_silent_is_noticed_by_pings() {
    let timing = Timing { ping_after: Duration::from_millis(40), dead_after: Duration::from_millis(200), ..quick() };
    let Running { server, mut told, node: _node } = running(timing).await;
    // It is never read from again: its pongs stay away, its TCP connection stays open.
    let silent = server.held().await;
    let since = Instant::now();
    assert_eq!(told.event(disconnected).await, (DisconnectReason::Silent, false));
    assert!(since.elapsed() >= Duration::from_millis(150), "{:?}", since.elapsed());
    server.held().await;
    drop(silent);
}

#[tokio::test]
async fn pongs_keep_a_quiet_connection_alive() {
    let timing = Timing { ping_after: Duration::from_millis(30), dead_after: Duration::from_millis(300), ..quick() };
    let Running { server, mut told, node } = running(timing).await;
    let mut peer = server.held().await;
    // Reading answers pings; nothing is said for several times the life of a silent connection.
    let quiet = tokio::time::timeout(Duration::from_millis(900), peer.check_in()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    node.check_in_now();
    assert_eq!(peer.check_in().await.seq, 2);
    let seen = told.until(|event| matches!(event, NodeEvent::CheckedIn { seq: 2, .. })).await;
    assert_eq!(outages(&seen), 0);
}

#[tokio::test]
async fn an_unanswered_check_in_is_sent_again_with_a_higher_seq_and_in_the_end_on_a_new_connection() {
    let timing = Timing { answer_timeout: Duration::from_millis(30), attempts: 3, ..quick() };
    let Running { server, mut told, node: _node } = running(timing).await;
    let mut peer = server.peer().await;
    for seq in 1..=3 {
        let check_in = peer.check_in().await;
        assert_eq!((check_in.seq, check_in.ack, check_in.firmware.as_deref()), (seq, true, Some("2.4.1")));
    }
    assert_eq!(peer.closing().await, Some(1000));
    assert_eq!(told.event(disconnected).await, (DisconnectReason::Unanswered, false));
    server.held().await;
}

#[tokio::test]
async fn errors_of_rollcall_and_of_the_gateway_have_the_check_in_sent_again_on_the_same_connection() {
    let Running { server, mut told, node: _node } = running(quick()).await;
    let mut peer = server.peer().await;
    peer.check_in().await;
    peer.push(json!({"type": "error", "code": "unavailable", "message": "", "seq": 1})).await;
    assert_eq!(peer.check_in().await.seq, 2);
    peer.push(json!({"message": "Internal server error", "connectionId": "a", "requestId": "b"})).await;
    assert_eq!(peer.check_in().await.seq, 3);
    peer.push(json!({"message": "Too Many Requests", "connectionId": "a", "requestId": "b"})).await;
    assert_eq!(peer.check_in().await.seq, 4);
    peer.ack(4).await;
    assert_eq!(told.event(acked).await, 4);
}

#[tokio::test]
async fn back_offs_after_refusals_stay_within_their_steps() {
    let Running { server, mut told, node: _node } = running(quick()).await;
    for step_ms in [5, 10, 20, 20, 20] {
        server.refuse(503).await;
        let refused = NodeEvent::Refused { status: 503, body: "sorry".to_owned() };
        told.event(|event| (*event == refused).then_some(())).await;
        let delay = told.event(backing_off).await;
        assert!(delay <= Duration::from_millis(step_ms), "{delay:?} is longer than {step_ms} ms");
    }
    server.held().await;
}

#[tokio::test]
async fn a_refused_token_is_reported_and_ends_the_run() {
    for status in [401, 403] {
        let Running { server, mut told, mut node } = running(quick()).await;
        server.refuse(status).await;
        let refused = NodeError::Refused { status, body: "sorry".to_owned() };
        assert_eq!(patiently(node.ended()).await, Err(refused.clone()));
        assert_eq!(told.rest(), [Seen::Event(NodeEvent::Refused { status, body: "sorry".to_owned() })]);
        assert_eq!(patiently(node.stop()).await, Err(refused), "the end can be asked for again");
    }
}

#[tokio::test]
async fn a_node_without_a_server_tries_until_there_is_one() {
    let server = Server::start().await;
    let config = server.config(quick());
    drop(server);
    let (program, mut told) = program();
    let mut node = Node::start(config, program);
    for _ in 0..3 {
        told.event(|event| matches!(event, NodeEvent::Unreachable { .. }).then_some(())).await;
        told.event(backing_off).await;
    }
    tokio::select! {
        biased;
        ended = node.ended() => panic!("it gave up: {ended:?}"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn messages_of_an_unknown_type_arrive_as_they_were_sent() {
    let Running { server, mut told, node: _node } = running(quick()).await;
    let mut peer = server.held().await;
    let command = json!({"type": "command", "id": 3, "what": {"blink": true}});
    peer.push(command.clone()).await;
    assert_eq!(told.pushed().await, Pushed::Other(command));
}

#[tokio::test]
async fn a_dropped_connection_breaks_without_a_close_and_comes_back() {
    let Running { server, node, mut told } = running(quick()).await;
    let mut peer = server.held().await;
    told.event(acked).await;
    node.drop_connection();
    assert_eq!(peer.closing().await, None);
    assert_eq!(told.event(disconnected).await, (DisconnectReason::Dropped, false));
    server.held().await;
}

#[tokio::test]
async fn a_connection_that_breaks_is_reported_and_replaced() {
    let Running { server, mut told, node: _node } = running(quick()).await;
    let peer = server.held().await;
    told.event(acked).await;
    drop(peer);
    assert!(matches!(told.event(disconnected).await, (DisconnectReason::Lost { .. }, false)));
    server.held().await;
}

#[tokio::test]
async fn a_handshake_that_is_never_answered_is_given_up() {
    let timing = Timing { handshake_timeout: Duration::from_millis(50), ..quick() };
    let Running { server, mut told, node: _node } = running(timing).await;
    let unanswered = server.tcp().await;
    told.event(|event| matches!(event, NodeEvent::Unreachable { .. }).then_some(())).await;
    server.held().await;
    drop(unanswered);
}

#[tokio::test]
async fn stopping_closes_with_1000_and_returns() {
    let Running { server, node, mut told } = running(quick()).await;
    let mut peer = server.held().await;
    told.event(acked).await;
    let server_side = async move { peer.closing().await };
    let (stopped, code) = tokio::join!(patiently(node.stop()), server_side);
    assert_eq!((stopped, code), (Ok(()), Some(1000)));
    assert_eq!(told.event(disconnected).await, (DisconnectReason::Stopped, true));
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_server_that_never_answers_the_close() {
    let Running { server, node, mut told } =
        running(Timing { close_timeout: Duration::from_millis(50), ..quick() }).await;
    let peer = server.held().await;
    told.event(acked).await;
    assert_eq!(patiently(node.stop()).await, Ok(()));
    drop(peer);
}

#[tokio::test]
async fn dropping_the_handle_closes_the_connection() {
    let Running { server, node, mut told } = running(quick()).await;
    let mut peer = server.held().await;
    told.event(acked).await;
    drop(node);
    assert_eq!(peer.closing().await, Some(1000));
}

#[tokio::test]
async fn a_url_or_token_that_can_never_work_ends_the_run_at_once() {
    let (first, _) = program();
    let mut node = Node::start(NodeConfig::new("https://example.org", "t"), first);
    assert!(matches!(patiently(node.ended()).await, Err(NodeError::InvalidUrl { .. })));
    let (second, _) = program();
    let mut node = Node::start(NodeConfig::new("ws://127.0.0.1/live", "t\n"), second);
    assert_eq!(patiently(node.ended()).await, Err(NodeError::InvalidToken));
}
