//! Nodes that can't hold a socket check in over HTTP, and may change their mind at any time.

use rollcall_core::{Presence, Registration};
use rollcall_tests::{Cloud, Fault, Frame, Http, Options, policy};
use rollcall_wire::ServerMessage;
use serde_json::json;

const CHECK_IN: &str = r#"{"type":"check-in","seq":1,"firmware":"1.0"}"#;

#[tokio::test]
async fn a_poll_is_answered_as_a_check_in_is_and_says_when_to_come_again() {
    let cloud = Cloud::start().await;
    let node = cloud.http(&cloud.token("ap-1"));
    let reply = node.send("POST", "/v1/check-in", CHECK_IN).await;
    assert_eq!((reply.status, reply.header("retry-after")), (200, "300"), "{reply:?}");
    let ack = reply.json();
    assert_eq!((&ack["type"], &ack["seq"], &ack["next_check_in_s"]), (&json!("ack"), &json!(1), &json!(300)));
    let stored = cloud.stored("ap-1").await.expect("stored");
    assert!(stored.polls && matches!(stored.presence, Presence::Online(_)));
    assert_eq!(stored.firmware.as_deref(), Some("1.0"));
    cloud.stop().await;
}

#[tokio::test]
async fn a_poll_costs_one_request_and_one_write_unit() {
    let cloud = Cloud::start().await;
    let node = cloud.http(&cloud.token("ap-1"));
    node.send("POST", "/v1/check-in", CHECK_IN).await;
    let before = cloud.dynamodb.passed();
    for _ in 0..3 {
        assert_eq!(node.send("POST", "/v1/check-in", CHECK_IN).await.status, 200);
    }
    assert_eq!(cloud.dynamodb.passed() - before, 3);
    for event in cloud.journal.until("poll", "stored", 4).await {
        assert_eq!((event["WriteUnits"].as_f64(), event["ReadUnits"].as_f64()), (Some(1.0), None));
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_changes_from_polling_to_a_socket_and_back() {
    let cloud = Cloud::start().await;
    let node = cloud.http(&cloud.token("ap-1"));
    node.send("POST", "/v1/check-in", CHECK_IN).await;
    let online = cloud.stored("ap-1").await.expect("stored").presence;
    let mut socket = cloud.socket("ap-1").await;
    socket.check_in(1).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    assert!(!cloud.stored("ap-1").await.expect("stored").polls, "it holds a socket now");
    socket.close().await;
    cloud.until_stored("ap-1", |node| node.due.is_some()).await;
    assert_eq!(node.send("POST", "/v1/check-in", CHECK_IN).await.status, 200);
    let stored = cloud.stored("ap-1").await.expect("stored");
    assert_eq!((stored.polls, stored.due, stored.presence), (true, None, online), "and was online all the time");
    cloud.stop().await;
}

#[tokio::test]
async fn a_poll_that_is_not_accepted_says_why_and_changes_nothing() {
    let options = Options { policy: policy(Registration::Closed, 6600), ..Options::default() };
    let cloud = Cloud::with(options).await;
    for token in ["", "nonsense", "a.b.c"] {
        assert_eq!(cloud.http(token).send("POST", "/v1/check-in", CHECK_IN).await.status, 401, "{token:?}");
    }
    let stranger = cloud.http(&cloud.token("stranger"));
    let refused = async |node: Http| {
        let reply = node.send("POST", "/v1/check-in", CHECK_IN).await;
        (reply.status, reply.json()["code"].clone())
    };
    assert_eq!(refused(stranger).await, (403, json!("unregistered")));
    assert_eq!(cloud.stored("stranger").await, None);

    cloud.console().put("/v1/nodes/ap-2", r#"{"credential_version": 2}"#).await;
    assert_eq!(refused(cloud.http(&cloud.token("ap-2"))).await, (403, json!("credentials-outdated")));
    cloud.console().send("POST", "/v1/nodes/ap-2/revoke", "").await;
    assert_eq!(refused(cloud.http(&cloud.token_of_version("ap-2", 2))).await, (403, json!("revoked")));

    cloud.console().put("/v1/nodes/ap-1", "{}").await;
    let node = cloud.http(&cloud.token("ap-1"));
    for (body, code) in [("hello", "not-json"), (r#"{"type":"config"}"#, "unknown-type"), ("{}", "no-type")] {
        let reply = node.send("POST", "/v1/check-in", body).await;
        assert_eq!((reply.status, reply.json()["code"].clone()), (400, json!(code)), "{body}");
    }
    cloud.dynamodb.set(Fault::Throttle);
    let reply = node.send("POST", "/v1/check-in", CHECK_IN).await;
    assert_eq!((reply.status, reply.header("retry-after").is_empty()), (503, false), "{reply:?}");
    cloud.dynamodb.set(Fault::None);
    assert_eq!(cloud.stored("ap-1").await.expect("registered").seen, None, "nothing was stored");
    cloud.stop().await;
}
