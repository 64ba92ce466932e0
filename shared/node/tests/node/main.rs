//! A complete node against a server that is controlled by each test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, reason = "a test fails by a panic")]

mod commands;
mod configs;
mod firmware;
mod parting;
mod server;

use std::time::Duration;

use rollcall_node::{DisconnectReason, Node, NodeConfig, NodeError, NodeEvent, Pushed, Timing};
use rollcall_wire::ByeReason;
use serde_json::json;
use server::{Observer, Peer, Seen, Server, patiently, program, quick};
use tokio::time::Instant;

struct Running {
    server: Server,
    node: Node,
    seen: Observer,
}

async fn running(timing: Timing) -> Running {
    let server = Server::start().await;
    let (program, seen) = program();
    let node = Node::start(server.config(timing), program);
    Running { server, node, seen }
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

fn outages(events: &[NodeEvent]) -> usize {
    events.iter().filter_map(disconnected).filter(|(_, planned)| !planned).count()
}

#[tokio::test]
async fn the_handshake_carries_the_token_and_the_query_and_the_first_check_in_reports_everything() {
    let Running { server, node, .. } = running(quick()).await;
    let mut peer = server.peer().await;
    assert_eq!(peer.request.headers()["authorization"], "Bearer s3cret");
    assert_eq!(peer.request.uri().to_string(), "/live?site=7");
    let check_in = peer.check_in().await;
    assert_eq!((check_in.seq, check_in.ack, check_in.firmware.as_deref()), (1, true, Some("2.4.1")));
    assert!(!format!("{node:?}").contains("s3cret"));
}

#[tokio::test]
async fn the_old_connection_is_closed_only_after_the_first_ack_of_the_new_one() {
    let Running { server, mut seen, node } = running(quick()).await;
    let mut old = server.held().await;
    old.push(json!({"type": "reconnect", "within_s": 0})).await;
    let mut new = server.peer().await;
    assert_eq!(new.check_in().await.seq, 1);
    // The old connection is used until then: pushed messages arrive on it, and the node checks in on both.
    node.check_in_now();
    assert_eq!((old.check_in().await.seq, new.check_in().await.seq), (2, 2));
    old.push(json!({"type": "still-here"})).await;
    assert_eq!(seen.pushed().await, Pushed::Reconnect { within_s: 0 });
    assert_eq!(seen.pushed().await, Pushed::Other(json!({"type": "still-here"})));
    new.ack(2).await;
    assert_eq!(old.closing().await, Some(1000));
    assert_eq!(seen.event(disconnected).await, (DisconnectReason::Replaced, true));
}

#[tokio::test]
async fn a_server_that_closes_the_old_connection_during_the_new_handshake_causes_no_outage() {
    let Running { server, mut seen, node: _node } = running(quick()).await;
    let mut old = server.held().await;
    old.push(json!({"type": "reconnect", "within_s": 0})).await;
    let handshake = server.tcp().await;
    old.close().await;
    let (reason, planned) = seen.event(disconnected).await;
    assert_eq!(reason, DisconnectReason::Closed { code: Some(1001), reason: "going".to_owned() });
    assert!(planned);
    let mut new = Peer::greet(handshake).await;
    new.check_in().await;
    new.ack(1).await;
    let events = seen.until(|event| acked(event).is_some()).await;
    assert_eq!(outages(&events), 0, "{events:?}");
    assert!(!events.iter().any(|event| backing_off(event).is_some()), "{events:?}");
    assert!(events.contains(&NodeEvent::Connected { planned: true }), "{events:?}");
}

#[tokio::test]
async fn a_replacement_that_is_refused_leaves_the_old_connection_in_use() {
    let Running { server, mut seen, node: _node } = running(quick()).await;
    let mut old = server.held().await;
    old.push(json!({"type": "reconnect", "within_s": 60})).await;
    old.push(json!({"type": "reconnect", "within_s": 0})).await;
    server.refuse(503).await;
    server.refuse(429).await;
    let _new = server.held().await;
    assert_eq!(old.closing().await, Some(1000));
    let events = seen.until(|event| disconnected(event).is_some()).await;
    assert_eq!(events.iter().filter_map(backing_off).count(), 2, "{events:?}");
    assert_eq!(events.last(), Some(&NodeEvent::Disconnected { reason: DisconnectReason::Replaced, planned: true }));
}

#[tokio::test]
async fn a_server_that_becomes_silent_is_noticed() {
    let timing = Timing { ping_after: Duration::from_millis(40), dead_after: Duration::from_millis(200), ..quick() };
    let Running { server, mut seen, node: _node } = running(timing).await;
    // The server does not read from it any more: it sends no pongs, and its TCP connection stays open.
    let since = Instant::now();
    let silent = server.held().await;
    assert_eq!(seen.event(disconnected).await, (DisconnectReason::Silent, false));
    assert!(since.elapsed() >= Duration::from_millis(150), "{:?}", since.elapsed());
    server.held().await;
    drop(silent);
}

#[tokio::test]
async fn pongs_keep_a_quiet_connection_alive() {
    let timing = Timing { ping_after: Duration::from_millis(30), dead_after: Duration::from_millis(300), ..quick() };
    let Running { server, mut seen, node } = running(timing).await;
    let mut peer = server.held().await;
    // Reading answers pings. No message is sent for several times the life of a silent connection.
    let quiet = tokio::time::timeout(Duration::from_millis(900), peer.check_in()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    node.check_in_now();
    assert_eq!(peer.check_in().await.seq, 2);
    let events = seen.until(|event| matches!(event, NodeEvent::CheckedIn { seq: 2, .. })).await;
    assert_eq!(outages(&events), 0);
}

#[tokio::test]
async fn an_unanswered_check_in_is_sent_again_with_a_higher_seq_and_finally_on_a_new_connection() {
    let timing = Timing { answer_timeout: Duration::from_millis(30), attempts: 3, ..quick() };
    let Running { server, mut seen, node: _node } = running(timing).await;
    let mut peer = server.peer().await;
    for seq in 1..=3 {
        let check_in = peer.check_in().await;
        assert_eq!((check_in.seq, check_in.ack, check_in.firmware.as_deref()), (seq, true, Some("2.4.1")));
    }
    assert_eq!(peer.closing().await, Some(1000));
    assert_eq!(seen.event(disconnected).await, (DisconnectReason::Unanswered, false));
    server.held().await;
}

#[tokio::test]
async fn after_an_error_of_rollcall_or_the_gateway_the_check_in_is_sent_again_on_the_same_connection() {
    let Running { server, mut seen, node: _node } = running(quick()).await;
    let mut peer = server.peer().await;
    peer.check_in().await;
    peer.push(json!({"type": "error", "code": "unavailable", "message": "", "seq": 1})).await;
    assert_eq!(peer.check_in().await.seq, 2);
    peer.push(json!({"message": "Internal server error", "connectionId": "a", "requestId": "b"})).await;
    assert_eq!(peer.check_in().await.seq, 3);
    peer.push(json!({"message": "Too Many Requests", "connectionId": "a", "requestId": "b"})).await;
    assert_eq!(peer.check_in().await.seq, 4);
    peer.ack(4).await;
    assert_eq!(seen.event(acked).await, 4);
}

#[tokio::test]
async fn back_offs_after_refusals_stay_within_their_steps() {
    let Running { server, mut seen, node: _node } = running(quick()).await;
    for step_ms in [5, 10, 20, 20, 20] {
        server.refuse(503).await;
        let refused = NodeEvent::Refused { status: 503, body: "sorry".to_owned() };
        seen.event(|event| (*event == refused).then_some(())).await;
        let delay = seen.event(backing_off).await;
        assert!(delay <= Duration::from_millis(step_ms), "{delay:?} is longer than {step_ms} ms");
    }
    server.held().await;
}

#[tokio::test]
async fn a_refused_token_is_reported_and_ends_the_run() {
    let Running { server, mut seen, mut node } = running(quick()).await;
    server.refuse(401).await;
    let refused = NodeError::Refused { status: 401, body: "sorry".to_owned() };
    assert_eq!(patiently(node.ended()).await, Err(refused.clone()));
    assert_eq!(seen.rest(), [Seen::Event(NodeEvent::Refused { status: 401, body: "sorry".to_owned() })]);
    assert_eq!(patiently(node.stop()).await, Err(refused), "the result is returned again");
}

#[tokio::test]
async fn a_node_without_a_server_keeps_trying() {
    let server = Server::start().await;
    let config = server.config(quick());
    drop(server);
    let (program, mut seen) = program();
    let mut node = Node::start(config, program);
    for _ in 0..3 {
        seen.event(|event| matches!(event, NodeEvent::Unreachable { .. }).then_some(())).await;
        seen.event(backing_off).await;
    }
    tokio::select! {
        biased;
        ended = node.ended() => panic!("the node gave up: {ended:?}"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn messages_that_the_library_can_not_read_arrive_unchanged() {
    let Running { server, mut seen, node: _node } = running(quick()).await;
    let mut peer = server.held().await;
    let command = json!({"type": "command", "id": 3, "what": {"blink": true}});
    peer.push(command.clone()).await;
    assert_eq!(seen.pushed().await, Pushed::Other(command));
}

#[tokio::test]
async fn a_dropped_connection_ends_without_a_close_and_the_node_reconnects() {
    let Running { server, node, mut seen } = running(quick()).await;
    let mut peer = server.held().await;
    seen.event(acked).await;
    node.drop_connection();
    assert_eq!(peer.closing().await, None);
    assert_eq!(seen.event(disconnected).await, (DisconnectReason::Dropped, false));
    server.held().await;
}

#[tokio::test]
async fn a_connection_that_breaks_is_reported_and_replaced() {
    let Running { server, mut seen, node: _node } = running(quick()).await;
    let peer = server.held().await;
    seen.event(acked).await;
    drop(peer);
    assert!(matches!(seen.event(disconnected).await, (DisconnectReason::Lost { .. }, false)));
    server.held().await;
}

#[tokio::test]
async fn a_handshake_that_is_never_answered_is_given_up() {
    let timing = Timing { handshake_timeout: Duration::from_millis(50), ..quick() };
    let Running { server, mut seen, node: _node } = running(timing).await;
    let unanswered = server.tcp().await;
    seen.event(|event| matches!(event, NodeEvent::Unreachable { .. }).then_some(())).await;
    server.held().await;
    drop(unanswered);
}

#[tokio::test]
async fn stopping_closes_with_1000_and_returns() {
    let Running { server, node, mut seen } = running(quick()).await;
    let mut peer = server.held().await;
    seen.event(acked).await;
    let server_side = async move { peer.closing().await };
    let (stopped, code) = tokio::join!(patiently(node.stop()), server_side);
    assert_eq!((stopped, code), (Ok(()), Some(1000)));
    assert_eq!(seen.event(disconnected).await, (DisconnectReason::Stopped, true));
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_server_that_never_answers_the_close() {
    let Running { server, node, mut seen } =
        running(Timing { close_timeout: Duration::from_millis(50), ..quick() }).await;
    let peer = server.held().await;
    seen.event(acked).await;
    assert_eq!(patiently(node.stop()).await, Ok(()));
    drop(peer);
}

#[tokio::test]
async fn dropping_the_handle_closes_the_connection() {
    let Running { server, node, mut seen } = running(quick()).await;
    let mut peer = server.held().await;
    seen.event(acked).await;
    drop(node);
    assert_eq!(peer.closing().await, Some(1000));
}

#[tokio::test]
async fn an_invalid_url_or_token_ends_the_run_at_once() {
    let (first, _) = program();
    let mut node = Node::start(NodeConfig::new("https://example.org", "t"), first);
    assert!(matches!(patiently(node.ended()).await, Err(NodeError::InvalidUrl { .. })));
    let (second, _) = program();
    let mut node = Node::start(NodeConfig::new("ws://127.0.0.1/live", "t\n"), second);
    assert_eq!(patiently(node.ended()).await, Err(NodeError::InvalidToken));
}
