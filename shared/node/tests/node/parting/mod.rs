//! Byes, slow-downs and refusals of the server.

use super::*;

#[tokio::test]
async fn a_bye_because_the_node_is_revoked_ends_the_run() {
    let Running { server, mut seen, mut node } = running(quick()).await;
    let mut peer = server.held().await;
    peer.push(json!({"type": "bye", "reason": "revoked"})).await;
    assert_eq!(peer.closing().await, Some(1000));
    drop(peer);
    assert_eq!(patiently(node.ended()).await, Err(NodeError::Revoked));
    assert!(matches!(seen.pushed().await, Pushed::Bye { .. }));
}

#[tokio::test]
async fn after_any_other_bye_the_node_reconnects() {
    let byes =
        [(ByeReason::Closed, "closed"), (ByeReason::Unregistered, "unregistered"), (ByeReason::Unknown, "a-new-one")];
    for (reason, text) in byes {
        let Running { server, mut seen, node: _node } = running(quick()).await;
        let mut peer = server.held().await;
        peer.push(json!({"type": "bye", "reason": text})).await;
        assert_eq!(seen.event(disconnected).await, (DisconnectReason::Bye { reason }, false));
        server.held().await;
    }
}

#[tokio::test]
async fn a_node_that_another_device_takes_over_tells_the_program_and_waits_longer_each_time() {
    let Running { server, mut seen, node: _node } = running(quick()).await;
    let mut peer = server.held().await;
    for taken in 0..3 {
        let since = Instant::now();
        peer.push(json!({"type": "bye", "reason": "superseded"})).await;
        let reason = DisconnectReason::Bye { reason: ByeReason::Superseded };
        assert_eq!(seen.event(disconnected).await, (reason, false));
        let superseded = |event: &NodeEvent| match event {
            NodeEvent::Superseded { delay } => Some(*delay),
            _ => None,
        };
        let delay = seen.event(superseded).await;
        let least = Duration::from_millis(200 << taken);
        assert!(delay >= least && delay <= least * 3 / 2, "{delay:?}");
        peer = server.held().await;
        assert!(since.elapsed() >= least, "{:?}", since.elapsed());
    }
}

#[tokio::test]
async fn a_bye_on_the_connection_that_is_being_replaced_is_no_outage() {
    for open in [false, true] {
        let Running { server, mut seen, node: _node } = running(quick()).await;
        let mut old = server.held().await;
        old.push(json!({"type": "reconnect", "within_s": 0})).await;
        let handshake = server.tcp().await;
        let mut new = None;
        let handshake = if open {
            let mut opened = Peer::greet(handshake).await;
            opened.check_in().await;
            new = Some(opened);
            None
        } else {
            Some(handshake)
        };
        old.push(json!({"type": "bye", "reason": "superseded"})).await;
        old.close().await;
        assert!(seen.event(disconnected).await.1, "an outage");
        let mut new = match (new, handshake) {
            (Some(new), _) => new,
            (None, handshake) => {
                let mut new = Peer::greet(handshake.expect("a handshake")).await;
                new.check_in().await;
                new
            }
        };
        new.ack(1).await;
        let events = seen.until(|event| acked(event).is_some()).await;
        assert_eq!(outages(&events), 0, "{events:?}");
        assert!(!events.iter().any(|event| backing_off(event).is_some()), "{events:?}");
    }
}

#[tokio::test]
async fn every_connection_of_a_run_names_the_same_instance_and_another_run_names_another_one() {
    let mut instances = Vec::new();
    for _ in 0..2 {
        let Running { server, node: _node, .. } = running(quick()).await;
        let mut first = server.held().await;
        let instance = first.request.headers()["rollcall-instance"].clone();
        first.push(json!({"type": "reconnect", "within_s": 0})).await;
        let second = server.peer().await;
        assert_eq!(second.request.headers()["rollcall-instance"], instance);
        let text = instance.to_str().expect("text").to_owned();
        assert!(text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
        instances.push(text);
    }
    assert_ne!(instances[0], instances[1]);
}

#[tokio::test]
async fn a_slowed_node_sends_nothing_for_the_time_and_then_sends_the_check_in_again() {
    let Running { server, mut seen, node } = running(quick()).await;
    let mut peer = server.peer().await;
    peer.check_in().await;
    let slowed = |event: &NodeEvent| match event {
        NodeEvent::SlowedDown { delay } => Some(*delay),
        _ => None,
    };
    let since = Instant::now();
    peer.push(json!({"type": "slow-down", "retry_after_s": 1, "seq": 1})).await;
    assert!(seen.event(slowed).await >= Duration::from_secs(1));
    node.check_in_now();
    let again = peer.check_in().await;
    assert!(since.elapsed() >= Duration::from_secs(1), "{:?}", since.elapsed());
    assert_eq!((again.seq, again.ack, again.firmware.as_deref()), (2, true, Some("2.4.1")));
    peer.ack(2).await;
    assert_eq!(seen.event(acked).await, 2);
}

#[tokio::test]
async fn the_node_waits_for_retry_after() {
    let Running { server, mut seen, node: _node } = running(quick()).await;
    let since = Instant::now();
    server.refuse_with(429, "retry-after: 1\r\n").await;
    assert!(seen.event(backing_off).await >= Duration::from_secs(1));
    server.held().await;
    assert!(since.elapsed() >= Duration::from_secs(1), "{:?}", since.elapsed());
}

#[tokio::test]
async fn after_an_http_response_instead_of_a_websocket_the_node_tries_again() {
    let Running { server, mut seen, node: _node } = running(quick()).await;
    for status in [200, 204, 301, 307, 404, 500, 502, 503] {
        server.refuse_with(status, "location: http://127.0.0.1:1/\r\n").await;
        let refused = |event: &NodeEvent| matches!(event, NodeEvent::Refused { status: other, .. } if *other == status);
        seen.event(|event| refused(event).then_some(())).await;
    }
    server.held().await;
}

#[tokio::test]
async fn a_server_without_tls_is_unreachable_over_tls_and_the_node_tries_again() {
    let server = Server::start().await;
    let mut config = server.config(quick());
    config.url = config.url.replace("ws://", "wss://");
    let (program, mut seen) = program();
    let _node = Node::start(config, program);
    for _ in 0..2 {
        drop(server.tcp().await);
        seen.event(|event| matches!(event, NodeEvent::Unreachable { .. }).then_some(())).await;
        seen.event(backing_off).await;
    }
}
