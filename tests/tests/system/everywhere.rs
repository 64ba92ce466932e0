//! What every deployment does, seen from outside: on the embedded backend, on LocalStack, and on AWS. Set
//! `ROLLCALL_CLOUD_URL` (and `ROLLCALL_CLOUD_KEY`, `AWS_REGION` and credentials) to try it on one that is deployed.

use std::time::Duration;

use rollcall_core::{Attribute, Node, Presence};
use rollcall_node::NodeEvent;
use rollcall_tests::{Anywhere, Frame, Socket, Watched, refused};
use rollcall_wire::{ByeReason, ErrorCode, ServerMessage};

#[tokio::test]
async fn a_node_of_the_reference_library_connects_checks_in_and_is_told_how_to_go_on() {
    let cloud = Anywhere::start().await;
    let id = cloud.node().await;
    let watched = Watched::start(cloud.node_config(&id));
    let events = watched.until(1, |event| matches!(event, NodeEvent::Acked { .. })).await;
    let Some(NodeEvent::Acked { ack, .. }) = events.last() else { panic!("an ack comes last") };
    assert!(ack.seq >= 1 && ack.next_check_in_s >= 1 && ack.reconnect_within_s >= 1);

    let node = cloud.stored(&id).await.expect("stored");
    let held = node.open().expect("open");
    assert_eq!(node.presence, Presence::Online(held.connection.opened_at));
    assert_eq!((node.firmware.as_deref(), node.due), (Some("9.9"), None));
    watched.node.stop().await.expect("it had not ended");
    cloud.stop().await;
}

#[tokio::test]
async fn idle_check_ins_move_when_it_was_seen_and_nothing_else() {
    let cloud = Anywhere::start().await;
    let id = cloud.node().await;
    let mut socket = cloud.socket(&id).await;
    let before = cloud.stored(&id).await.expect("stored");
    let mut seen = before.seen;
    for seq in 1..=3 {
        socket.check_in(seq).await;
        assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(ack)) if ack.seq == seq));
        let node = cloud.stored(&id).await.expect("stored");
        assert!(node.seen >= seen);
        seen = node.seen;
        assert_eq!((node.seq, node.presence, &node.held), (Some(seq), before.presence, &before.held));
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_check_in_that_wants_no_answer_gets_none_and_is_stored_all_the_same() {
    let cloud = Anywhere::start().await;
    let id = cloud.node().await;
    let mut socket = cloud.socket(&id).await;
    socket.send(r#"{"type":"check-in","seq":1,"ack":false}"#).await;
    cloud.until_stored(&id, |node| node.seq == Some(1)).await;
    socket.check_in(2).await;
    let next = socket.next().await;
    assert!(matches!(&next, Frame::Message(ServerMessage::Ack(ack)) if ack.seq == 2), "the first answer is {next:?}");
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_that_closed_stays_online_for_its_grace_period_and_is_looked_at_after_it() {
    let cloud = Anywhere::start().await;
    let id = cloud.node().await;
    let socket = cloud.socket(&id).await;
    let online = cloud.stored(&id).await.expect("stored").presence;
    socket.close().await;
    let node = cloud.until_stored(&id, |node| node.open().is_none()).await;
    let closed = node.held.and_then(|held| held.closed).expect("closed");
    assert_eq!(node.presence, online);
    assert!(node.due > Some(closed.at), "it is looked at later");
    cloud.stop().await;
}

/// Far longer than the schedule of the sweep takes, and a mapping that was idle.
const PATIENCE: Duration = Duration::from_mins(3);

#[tokio::test]
async fn what_happens_to_a_node_is_told_in_order_and_is_on_its_way_to_an_endpoint() {
    let cloud = Anywhere::start().await;
    let id = cloud.node().await;
    // Nobody answers there, or it may not be called from where the functions run. That it was tried is enough.
    cloud.add_endpoint(&id, &format!("http://127.0.0.1:9/{id}")).await;
    let mut socket = cloud.socket(&id).await;
    socket.send(r#"{"type":"check-in","seq":1,"config":{"version":1,"status":"applied"}}"#).await;
    cloud.until_stored(&id, |node| node.seq == Some(1)).await;
    socket.check_in(2).await;
    socket.close().await;
    cloud.until_stored(&id, |node| node.open().is_none()).await;
    cloud.set(&id, Attribute::Due, 1).await;
    if let Anywhere::Here(cloud) = &cloud {
        cloud.sweep().await;
    }
    let told = async {
        loop {
            let (told, tried) = (cloud.told(&id).await, cloud.tried(&id).await);
            if told.len() >= 3 && tried > 0 {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let told = tokio::time::timeout(PATIENCE, told).await;
    let Ok(told) = told else { panic!("{:?} is told, {} tried", cloud.told(&id).await, cloud.tried(&id).await) };
    assert_eq!(told, ["node.online", "config.applied", "node.offline"]);
    cloud.remove_endpoint(&id).await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_new_connection_closes_the_one_that_it_replaces() {
    let cloud = Anywhere::start().await;
    let id = cloud.node().await;
    let mut first = cloud.socket(&id).await;
    let mut second = cloud.socket(&id).await;
    assert_eq!(first.dismissed(cloud.pushes()).await, cloud.pushes().then_some(ByeReason::Superseded));
    second.check_in(1).await;
    assert!(matches!(second.next().await, Frame::Message(ServerMessage::Ack(_))), "the second goes on");
    cloud.stop().await;
}

#[tokio::test]
async fn a_token_that_is_not_valid_opens_nothing() {
    let cloud = Anywhere::start().await;
    let id = cloud.node().await;
    let (url, valid, before) = (cloud.ws_url(), cloud.token(&id), cloud.stored(&id).await);
    let forged = valid.replace(|_| true, "x");
    for token in ["", "nonsense", "a.b.c", &forged] {
        assert_eq!(refused(&url, token).await, 401, "{token:?}");
    }
    assert_eq!(Socket::open_with(&url, &[]).await.expect_err("no token"), 401);
    assert_eq!(cloud.stored(&id).await, before, "nothing is written");
    cloud.stop().await;
}

#[tokio::test]
async fn a_revoked_node_is_refused_and_what_it_still_says_is_not_stored() {
    let cloud = Anywhere::start().await;
    let id = cloud.node().await;
    let mut socket = cloud.socket(&id).await;
    cloud.set(&id, Attribute::Revoked, 1).await;
    let before = cloud.stored(&id).await;
    assert_eq!(refused(&cloud.ws_url(), &cloud.token(&id)).await, 403);
    socket.check_in(1).await;
    assert_eq!(socket.dismissed(cloud.pushes()).await, cloud.pushes().then_some(ByeReason::Revoked));
    assert_eq!(cloud.stored(&id).await.map(|node| node.seen), before.map(|node| node.seen));
    cloud.stop().await;
}

#[tokio::test]
async fn outdated_credentials_are_refused_once_newer_ones_are_due() {
    let cloud = Anywhere::start().await;
    let id = cloud.node().await;
    cloud.set(&id, Attribute::CredentialVersion, 2).await;
    assert_eq!(refused(&cloud.ws_url(), &cloud.token_of_version(&id, 1)).await, 403);
    assert!(Socket::open(&cloud.ws_url(), &cloud.token_of_version(&id, 2)).await.is_ok());
    cloud.stop().await;
}

#[tokio::test]
async fn each_bad_message_gets_its_code_and_the_connection_goes_on() {
    let cloud = Anywhere::start().await;
    let id = cloud.node().await;
    let mut socket = cloud.socket(&id).await;
    socket.check_in(5).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    let before = cloud.stored(&id).await;

    let deep = format!(r#"{{"type":"check-in","seq":6,"x":{}"#, "[".repeat(20_000));
    let cases = [
        ("hello", ErrorCode::NotJson),
        ("", ErrorCode::NotJson),
        ("[]", ErrorCode::NotJson),
        (&deep, ErrorCode::TooDeep),
        (r#"{"seq":6}"#, ErrorCode::NoType),
        (r#"{"type":null,"seq":6}"#, ErrorCode::NoType),
        (r#"{"type":"$connect"}"#, ErrorCode::UnknownType),
        (r#"{"type":"$disconnect"}"#, ErrorCode::UnknownType),
        (r#"{"type":"reboot"}"#, ErrorCode::UnknownType),
        (r#"{"type":"check-in"}"#, ErrorCode::InvalidField),
        (r#"{"type":"check-in","seq":"6"}"#, ErrorCode::InvalidField),
        (r#"{"type":"check-in","seq":6,"config":{"version":1,"status":"eaten"}}"#, ErrorCode::InvalidField),
        (r#"{"type":"check-in","seq":4}"#, ErrorCode::StaleSeq),
    ];
    for (text, code) in cases {
        socket.send(text).await;
        let Frame::Message(ServerMessage::Error(error)) = socket.next().await else {
            panic!("an error for {text:.80}")
        };
        assert_eq!(error.code, code, "{text:.80}: {}", error.message);
    }
    // What it sent is counted, and nothing else.
    let counted = cloud.stored(&id).await.map(|node| node.spent);
    let after = cloud.stored(&id).await.map(|node| Node { spent: 1, ..node });
    assert_eq!(after, before.map(|node| Node { spent: 1, ..node }), "the connection's state is untouched");
    assert!(counted >= Some(14), "every message is counted: {counted:?}");
    socket.check_in(6).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))), "the connection goes on");
    cloud.stop().await;
}

#[tokio::test]
async fn a_message_over_32_kb_in_several_frames_is_too_large_for_the_protocol() {
    let cloud = Anywhere::start().await;
    let mut socket = cloud.socket(&cloud.node().await).await;
    let text = format!(r#"{{"type":"check-in","seq":1,"x":"{}"}}"#, "x".repeat(33 * 1024));
    socket.send_in_frames(&text, 16 * 1024).await;
    let Frame::Message(ServerMessage::Error(error)) = socket.next().await else { panic!("an error") };
    assert_eq!(error.code, ErrorCode::TooLarge);
    cloud.stop().await;
}
