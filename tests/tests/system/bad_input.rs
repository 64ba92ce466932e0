//! Bad input gets a clear answer, and nothing is lost or changed by it.

use rollcall_aws::variable;
use rollcall_core::{Attribute, Key, Registration, Timestamp, Value as Stored};
use rollcall_service::Store as _;
use rollcall_tests::{Cloud, Frame, Options, Socket, now, policy, refused};
use rollcall_token::Limits;
use rollcall_wire::{ErrorCode, ErrorMessage, ServerMessage};
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
        (critical, "the token's header demands an extension that is not supported (crit)"),
        (twice, "the token is malformed: its header is not one JSON object"),
    ];
    for (count, (token, reason)) in (1..).zip(&reasons) {
        assert_eq!(refused(&url, token).await, 401, "{reason}");
        assert_eq!(cloud.journal.until("authorize", "refused", count).await[count - 1]["reason"], *reason);
        assert_eq!(cloud.http(token).send("POST", "/v1/check-in", r#"{"type":"check-in","seq":1}"#).await.status, 401);
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
        assert_eq!(
            cloud.http(&token).send("POST", "/v1/check-in", r#"{"type":"check-in","seq":1}"#).await.status,
            status
        );
    }
    assert!(Socket::open(&url, &until(1800, Some("rollcall"))).await.is_ok());
    cloud.stop().await;
}

#[tokio::test]
async fn a_header_that_is_not_ascii_keeps_nobody_out_and_is_not_ignored() {
    let cloud = Cloud::start().await;
    let bearer = format!("Bearer {}", cloud.token("ap-1"));
    let headers = [("authorization", bearer.as_str()), ("user-agent", "Ger\u{e4}t \u{1f4a5}")];
    let mut socket = Socket::open_with(&cloud.ws_url(), &headers).await.expect("let in");
    socket.check_in(1).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    let odd = [("x-name", "Ger\u{e4}t")];
    assert_eq!(cloud.console().send_with("GET", "/v1/nodes/ap-1", &odd, "").await.status, 200);
    let poller = cloud.http(&cloud.token("ap-2"));
    let poll = poller.send_with("POST", "/v1/check-in", &odd, r#"{"type":"check-in","seq":1}"#).await;
    assert_eq!(poll.status, 200);
    let condition = [("if-match", "\"\u{e4}\"")];
    let set = cloud.console().send_with("PUT", "/v1/nodes/ap-1/config", &condition, "{}").await;
    assert!(matches!(set.status, 400 | 412), "a condition is ignored: {set:?}");
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
        assert_eq!(cloud.http(token).send("POST", "/v1/check-in", "{}").await.status, 401);
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
        assert!(line.len() < 600, "{function} logs {} bytes: {line}", line.len());
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

/// What comes after this message: whether it is acknowledged, or the error.
async fn answered(socket: &mut Socket, message: &str) -> Result<u64, ErrorMessage> {
    socket.send(message).await;
    match socket.next().await {
        Frame::Message(ServerMessage::Ack(ack)) => Ok(ack.seq),
        Frame::Message(ServerMessage::Error(error)) => Err(error),
        other => panic!("{message}: {other:?}"),
    }
}

#[tokio::test]
async fn whatever_a_node_says_of_itself_it_is_acknowledged_stored_and_what_was_left_out_is_counted() {
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-1").await;
    let figures = r#"{"uptime_s":12345.67,"load_percent":-1,"memory_free_kib":1e3,"clients":18446744073709551616}"#;
    let long = "9".repeat(65);
    for (seq, said) in [
        format!(r#""firmware":"2.4","health":{figures}"#),
        format!(r#""firmware":"{long}","health":[]"#),
        r#""firmware":"","health":{"uptime_s":{"a":[[1]]},"clients":"many","load_percent":1e400}"#.to_owned(),
        r#""firmware":null,"health":null,"config":null,"update":null,"results":null,"ack":null"#.to_owned(),
        r#""ack":"no","update":{"version":"no version","status":"failed","detail":7}"#.to_owned(),
        r#""config":{"version":1.0,"status":"rejected","detail":"a\u0000\ud800b"},"health":{"uptime_s":null}"#
            .to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let seq = u64::try_from(seq).expect("few") + 1;
        let message = format!(r#"{{"type":"check-in","seq":{seq}.0,{said}}}"#);
        assert_eq!(answered(&mut socket, &message).await, Ok(seq), "{message}");
    }
    let item = cloud.store().read(&Key::Node("ap-1".parse().expect("an id"))).await.expect("readable").expect("stored");
    let stored = |attribute| item.get(&attribute).cloned();
    assert_eq!(stored(Attribute::Seq), Some(Stored::Number(6)));
    assert_eq!(stored(Attribute::Uptime), Some(Stored::Number(12346)));
    assert_eq!(stored(Attribute::MemoryFree), Some(Stored::Number(1000)));
    assert_eq!(stored(Attribute::Clients), Some(Stored::Number(u32::MAX.into())));
    assert_eq!(stored(Attribute::Load), Some(Stored::Number(u32::MAX.into())), "not what -1 would be");
    assert_eq!(stored(Attribute::Firmware), Some(Stored::from(&long[..64])));
    assert_eq!(stored(Attribute::ConfigVersion), Some(Stored::Number(1)));
    assert_eq!(stored(Attribute::ConfigDetail), Some(Stored::from("a\0\u{fffd}\u{fffd}\u{fffd}b")));
    assert_eq!(stored(Attribute::UpdateVersion), None);
    let lines = cloud.journal.until("check-in", "stored", 6).await;
    let dropped: Vec<_> = lines.iter().map(|line| line["FieldsDropped"].as_u64()).collect();
    assert_eq!(dropped, [Some(2), Some(2), Some(4), None, Some(3), Some(1)]);

    let polling = cloud.http(&cloud.token("ap-2"));
    let polled = polling.send("POST", "/v1/check-in", format!(r#"{{"type":"check-in","seq":1.0,"health":{figures}}}"#));
    assert_eq!(polled.await.status, 200);
    assert_eq!(cloud.journal.until("poll", "stored", 1).await[0]["FieldsDropped"], 2);
    cloud.stop().await;
}

#[tokio::test]
async fn what_something_depends_on_is_refused_by_name_and_nothing_of_its_check_in_is_stored() {
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-1").await;
    for (fields, field) in [
        (r#""seq":1.5"#, "seq: must be a whole number"),
        (r#""seq":9007199254740993.0"#, "seq: must be a whole number"),
        (r#""seq":null"#, "seq: is missing"),
        (r#""seq":1,"seq":2"#, "seq: is there twice"),
        (r#""seq":1,"type":"config""#, "type: is there twice"),
        (r#""seq":1,"config":{"version":1,"status":"perfect"}"#, "config.status: must be applied"),
        (r#""seq":1,"update":{"version":"1","status":"perfect"}"#, "update.status: must be downloading"),
        (r#""seq":1,"results":[{"command":1,"status":"perfect"}]"#, "results[0].status: must be done or failed"),
        (r#""seq":1,"results":{"command":1,"status":"done"}"#, "results: must be a list"),
    ] {
        let error = answered(&mut socket, &format!(r#"{{"type":"check-in",{fields}}}"#)).await.expect_err(fields);
        assert!(error.code == ErrorCode::InvalidField && error.message.starts_with(field), "{fields}: {error:?}");
    }
    let utf16: String = "{\"type\":\"config\"}".chars().flat_map(|character| [character, '\0']).collect();
    for (text, message) in [("", "the message is empty"), (&utf16, "the message is UTF-16, must be UTF-8")] {
        let error = answered(&mut socket, text).await.expect_err(text);
        assert_eq!((error.code, &*error.message), (ErrorCode::NotJson, message));
    }
    let node = cloud.stored("ap-1").await.expect("stored");
    assert_eq!((node.seq, node.config, node.update), (None, None, None));
    let with_mark = "\u{feff}{\"type\":\"check-in\",\"seq\":1}";
    assert_eq!(answered(&mut socket, with_mark).await, Ok(1), "a byte order mark says nothing");
    let polling = cloud.http(&cloud.token("ap-2"));
    assert_eq!(polling.send("POST", "/v1/check-in", with_mark).await.status, 200);
    let utf16: Vec<u8> = "{\"type\":\"config\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let refused = polling.send("POST", "/v1/check-in", utf16).await;
    assert_eq!((refused.status, &refused.json()["message"]), (400, &"the message is UTF-16, must be UTF-8".into()));
    cloud.stop().await;
}
