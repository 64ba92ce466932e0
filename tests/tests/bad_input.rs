//! Bad input gets a clear answer, and nothing is lost or changed by it.
#![allow(clippy::expect_used, clippy::panic)]

use rollcall_core::{Attribute, Registration, Timestamp};
use rollcall_tests::{Cloud, Frame, Options, Socket, policy, refused};
use rollcall_wire::ServerMessage;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as Raw;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// A token of no algorithm: `{"alg":"none","kid":"test"}`, for ap-1.
const NONE: &str = "eyJhbGciOiJub25lIiwia2lkIjoidGVzdCJ9.eyJzdWIiOiJhcC0xIiwiY3YiOjEsImV4cCI6NDEwMjQ0NDgwMH0.";

#[tokio::test]
async fn a_connection_without_a_valid_token_is_refused_and_leaves_no_trace() {
    let cloud = Cloud::start().await;
    let url = cloud.ws_url();
    let valid = cloud.token("ap-1");
    let (head, signature) = valid.rsplit_once('.').expect("a JWT");
    let expired = cloud.token_that_expires("ap-1", 1, Timestamp(1_000_000_000_000));
    let another_signer = rollcall_token::Signer::hs256("unknown", &[1; 32])
        .sign(&"ap-1".parse().expect("an id"), rollcall_core::CredentialVersion(1), Timestamp(4_102_444_800_000))
        .expect("signed");
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    for token in ["", "nonsense", "a.b.c", NONE, &expired, &another_signer, &forged] {
        assert_eq!(refused(&url, token).await, 401, "{token:?}");
    }
    assert_eq!(Socket::open_with(&url, &[]).await.expect_err("no token"), 401);
    assert_eq!(Socket::open_with(&url, &[("authorization", "Basic YTpi")]).await.expect_err("basic"), 401);
    assert_eq!(cloud.stored("ap-1").await, None, "nothing is written");
    assert_eq!(cloud.dynamodb.passed(), 0, "DynamoDB is not even asked");

    let reasons: Vec<_> = cloud.journal.until("authorize", "refused", 9).await;
    assert_eq!(reasons.len(), 9, "each reason is logged once");
    let log = format!("{:?}", cloud.journal.lines());
    for token in [&expired, &another_signer, &forged] {
        assert!(token.split('.').all(|part| !log.contains(part)), "a token is in the log");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_token_may_come_in_the_query_instead() {
    let cloud = Cloud::start().await;
    let url = format!("{}?token={}", cloud.ws_url(), cloud.token("ap-1"));
    let mut socket = Socket::open_with(&url, &[]).await.expect("let in");
    socket.check_in(1).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    assert!(!format!("{:?}", cloud.journal.lines()).contains(&cloud.token("ap-1")), "the token is in the log");
    cloud.stop().await;
}

#[tokio::test]
async fn only_our_subprotocol_is_spoken() {
    let cloud = Cloud::start().await;
    let bearer = format!("Bearer {}", cloud.token("ap-1"));
    let with = |protocol: &'static str| {
        let (url, bearer) = (cloud.ws_url(), bearer.clone());
        async move { Socket::open_with(&url, &[("authorization", &bearer), ("sec-websocket-protocol", protocol)]).await }
    };
    assert_eq!(with("rollcall.v99").await.expect_err("not ours"), 400);
    assert!(with("rollcall.v2, rollcall.v1").await.is_ok());
    cloud.stop().await;
}

#[tokio::test]
async fn outdated_credentials_are_refused_once_newer_ones_were_used() {
    let cloud = Cloud::start().await;
    let url = cloud.ws_url();
    let new = Socket::open(&url, &cloud.token_of_version("ap-1", 2)).await.expect("let in");
    assert_eq!(refused(&url, &cloud.token_of_version("ap-1", 1)).await, 403);
    let refusals = cloud.journal.until("connect", "refused", 1).await;
    assert_eq!(refusals[0]["reason"], "credentials-outdated");
    let node = cloud.stored("ap-1").await.expect("stored");
    assert!(node.open().is_some(), "who holds the node is not disturbed");
    new.close().await;
    cloud.stop().await;
}

#[tokio::test]
async fn with_closed_registration_only_registered_nodes_get_in() {
    let options = Options { policy: policy(Registration::Closed, 6600), ..Options::default() };
    let cloud = Cloud::with(options).await;
    let url = cloud.ws_url();
    assert_eq!(refused(&url, &cloud.token("ap-1")).await, 403);
    assert_eq!(cloud.stored("ap-1").await, None, "nothing is written");
    cloud.set("ap-1", Attribute::CredentialVersion, 1).await;
    assert!(Socket::open(&url, &cloud.token("ap-1")).await.is_ok());
    cloud.stop().await;
}

#[tokio::test]
async fn what_the_gateway_can_not_carry_closes_the_connection_with_its_code() {
    let cloud = Cloud::start().await;
    let frame_33k = Message::text("x".repeat(33 * 1024));
    let binary = Message::binary(vec![1, 2, 3]);
    let not_utf8 = Message::Frame(Raw::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true));
    for (message, code) in [(frame_33k, 1009), (binary, 1003), (not_utf8, 1007)] {
        let mut socket = cloud.socket("ap-1").await;
        socket.send_message(message).await;
        assert_eq!(socket.next().await, Frame::Closed(Some(code)));
    }
    let mut socket = cloud.socket("ap-1").await;
    socket.send_in_frames(&"x".repeat(129 * 1024), 16 * 1024).await;
    assert_eq!(socket.next().await, Frame::Closed(Some(1009)));
    assert_eq!(cloud.stored("ap-1").await.expect("stored").seen, None, "nothing was taken for a check-in");
    cloud.stop().await;
}
