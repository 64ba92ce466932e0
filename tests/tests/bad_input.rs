//! Bad input gets a clear answer, and nothing is lost or changed by it.
#![allow(clippy::expect_used, clippy::panic)]

use rollcall_aws::variable;
use rollcall_core::{Attribute, Registration, Timestamp};
use rollcall_tests::{Cloud, Frame, Options, Socket, now, policy, refused};
use rollcall_token::Limits;
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
async fn a_token_that_is_not_valid_yet_or_demands_what_is_not_understood_is_refused_with_its_reason() {
    let cloud = Cloud::start().await;
    let (url, soon) = (cloud.ws_url(), now().plus_seconds(3600));
    let next_year = now().plus_seconds(365 * 24 * 3600);
    let from = |not_before| Limits { not_before: Some(not_before), audience: Some("anybody") };
    let critical = cloud.token_with(r#"{"alg":"HS256","kid":"test","crit":["exp"],"exp":1}"#, "ap-1");
    let twice = cloud.token_with(r#"{"alg":"HS256","kid":"test","kid":"test"}"#, "ap-1");
    let reasons = [
        (cloud.token_limited("ap-1", from(soon)), "the token is not valid yet (nbf)"),
        (cloud.token_limited("ap-1", from(next_year)), "the token is not valid yet (nbf)"),
        (critical, "the token demands what is not understood (crit)"),
        (twice, "the token is malformed: its header is not one JSON object"),
    ];
    for (count, (token, reason)) in (1..).zip(&reasons) {
        assert_eq!(refused(&url, token).await, 401, "{reason}");
        assert_eq!(cloud.journal.until("authorize", "refused", count).await[count - 1]["reason"], *reason);
        assert_eq!(cloud.http(token).post("/v1/check-in", r#"{"type":"check-in","seq":1}"#).await.status, 401);
        assert_eq!(cloud.journal.until("poll", "refused", count).await[count - 1]["reason"], *reason);
    }
    assert!(Socket::open(&url, &cloud.token_limited("ap-1", from(now()))).await.is_ok(), "from now on");
    cloud.stop().await;
}

#[tokio::test]
async fn a_cloud_may_demand_whom_tokens_are_for_and_how_long_they_live() {
    let demands = [(variable::TOKEN_AUDIENCE, "rollcall"), (variable::TOKEN_LIFE_MAX, "3600")];
    let more = demands.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let cloud = Cloud::with(Options { more, ..Options::default() }).await;
    let url = cloud.ws_url();
    let until = |seconds: u32, audience| {
        let limits = Limits { not_before: None, audience };
        cloud.token_limited_until("ap-1", now().plus_seconds(seconds), limits)
    };
    for (token, status) in
        [(until(1800, None), 401), (until(1800, Some("another")), 401), (until(7200, Some("rollcall")), 401)]
    {
        assert_eq!(refused(&url, &token).await, status);
        assert_eq!(cloud.http(&token).post("/v1/check-in", r#"{"type":"check-in","seq":1}"#).await.status, status);
    }
    assert!(Socket::open(&url, &until(1800, Some("rollcall"))).await.is_ok());
    cloud.stop().await;
}

#[tokio::test]
async fn whatever_a_stranger_sends_the_line_about_it_is_short() {
    let cloud = Cloud::start().await;
    let url = cloud.ws_url();
    let mut tokens: Vec<_> = ["k", "\\n", "\\u0000", "\\\"", "\\\\", "\u{e9}", "\u{1f4a5}", "\u{202e}"]
        .iter()
        .map(|part| cloud.token_with(&format!(r#"{{"alg":"HS256","kid":"{}"}}"#, part.repeat(900)), "ap-1"))
        .collect();
    // Just what fits a request.
    tokens.extend([
        cloud.token_with(&format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(6_500)), "ap-1"),
        "x".repeat(9_000),
    ]);
    for token in &tokens {
        assert_eq!(refused(&url, token).await, 401);
        assert_eq!(cloud.http(token).post("/v1/check-in", "{}").await.status, 401);
    }
    let headers = [("user-agent", "Ger\u{e4}t \u{1f4a5}"), ("authorization", "Bearer \u{e4}")];
    assert_eq!(
        Socket::open_with(&url, &headers).await.expect_err("no token"),
        401,
        "no failure, whatever a header has"
    );
    for function in ["authorize", "poll"] {
        cloud.journal.until(function, "refused", tokens.len()).await;
    }
    for (function, line) in cloud.journal.lines() {
        assert!(line.len() < 512, "{function} logs {} bytes: {line}", line.len());
    }
    cloud.stop().await;
}

#[tokio::test]
async fn of_two_tokens_that_differ_none_is_chosen() {
    let cloud = Cloud::start().await;
    let [one, two] = ["ap-1", "ap-2"].map(|node| cloud.token(node));
    let bearer = format!("Bearer {one}");
    let with = async |query: String, headers: &[(&'static str, &str)]| {
        Socket::open_with(&format!("{}?{query}", cloud.ws_url()), headers).await.map(|_| ())
    };
    assert_eq!(with(format!("token={one}&token={two}"), &[]).await, Err(401));
    assert_eq!(with(format!("token={two}"), &[("authorization", &bearer)]).await, Err(401));
    assert_eq!(with(format!("token={one}%0A"), &[]).await, Err(401));
    assert_eq!(with(format!("token={one}"), &[("authorization", &bearer)]).await, Ok(()));
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
