//! What one node is shown as, and what is done to it.

use super::*;

#[tokio::test]
async fn a_revoked_node_is_shown_as_what_it_is_and_is_not_online() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", r#"{"model": "ax-2", "credential_version": 3}"#).await;
    console.put("/v1/nodes/ap-1/config", "[1]").await;
    let key = [("idempotency-key", "a")];
    console.send_with("POST", "/v1/nodes/ap-1/commands", &key, r#"{"name": "reboot"}"#).await;
    let _socket = Socket::open(&cloud.ws_url(), &cloud.token_of_version("ap-1", 3)).await.expect("let in");
    assert_eq!(console.get("/v1/nodes/ap-1").await.json()["online"], true);
    assert_eq!(console.send("POST", "/v1/nodes/ap-1/revoke", "").await.status, 204);
    let reader = cloud.http(READ_KEY);
    let shown = reader.get("/v1/nodes/ap-1").await.json();
    assert_eq!((&shown["revoked"], &shown["credential_version"]), (&json!(true), &json!(3)), "{shown}");
    assert_eq!((&shown["online"], &shown["model"]), (&json!(false), &json!("ax-2")));
    assert_eq!(reader.get("/v1/nodes/ap-1/config").await.json()["document"], json!([1]));
    assert_eq!(reader.get("/v1/nodes/ap-1/commands").await.json()["commands"][0]["name"], "reboot");
    assert_eq!(reader.get("/v1/nodes?presence=online").await.json()["nodes"], json!([]));
    for (method, path, body) in [
        ("PUT", "/v1/nodes/ap-1", r#"{"site": "hq"}"#),
        ("PUT", "/v1/nodes/ap-1", r#"{"credential_version": 3}"#),
        ("PATCH", "/v1/nodes/ap-1", r#"{"site": "hq"}"#),
        ("PATCH", "/v1/nodes/ap-1", r#"{"credential_version": 3}"#),
    ] {
        let refused = console.send(method, path, body).await;
        assert_eq!(refused.problem(), (410, "revoked-node".to_owned()), "{method} {body} lets it back in");
    }
    let back = console.send("PATCH", "/v1/nodes/ap-1", r#"{"credential_version": 4}"#).await.json();
    assert_eq!((&back["revoked"], &back["model"]), (&json!(false), &json!("ax-2")));
    cloud.stop().await;
}

#[tokio::test]
async fn what_is_left_out_of_a_node_s_credentials_stays_as_a_rotation_has_left_it() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", r#"{"site": "hq", "tags": ["roof"]}"#).await;
    console.put("/v1/nodes/ap-1", r#"{"site": "hq", "tags": ["roof"], "credential_version": 7}"#).await;
    let put = console.put("/v1/nodes/ap-1", r#"{"model": "ax-2"}"#).await;
    let json = put.json();
    assert_eq!((put.status, &json["credential_version"], &json["site"]), (200, &json!(7), &Value::Null), "{put:?}");
    let batch = console.send("POST", "/v1/nodes:batch", r#"[{"node": "ap-1", "site": "hq"}, {"node": "ap-2"}]"#).await;
    assert_eq!((&batch.json()[0]["status"], &batch.json()[1]["status"]), (&json!(200), &json!(200)));
    let credentials =
        async |node: &str| console.get(&format!("/v1/nodes/{node}")).await.json()["credential_version"].clone();
    assert_eq!((credentials("ap-1").await, credentials("ap-2").await), (json!(7), json!(1)));
    assert_eq!(refused(&cloud.ws_url(), &cloud.token_of_version("ap-1", 6)).await, 403, "older credentials stay out");

    let patch = async |body: &str| console.send("PATCH", "/v1/nodes/ap-1", body.to_owned()).await;
    let said = async |body: &str| {
        let json = patch(body).await.json();
        [&json["site"], &json["model"], &json["tags"], &json["credential_version"]].map(Value::clone)
    };
    assert_eq!(
        said(r#"{"tags": ["lobby", "east"]}"#).await,
        [json!("hq"), Value::Null, json!(["east", "lobby"]), json!(7)]
    );
    assert_eq!(
        said(r#"{"model": "ax-2", "site": null}"#).await,
        [Value::Null, json!("ax-2"), json!(["east", "lobby"]), json!(7)]
    );
    assert_eq!(said("{}").await, [Value::Null, json!("ax-2"), json!(["east", "lobby"]), json!(7)]);
    assert_eq!(
        said(r#"{"tags": null, "credential_version": 8}"#).await,
        [Value::Null, json!("ax-2"), json!([]), json!(8)]
    );
    assert_eq!(patch(r#"{"credential_version": 7}"#).await.problem(), (409, "credentials-go-back".to_owned()));
    assert_eq!(patch(r#"{"site": "a b"}"#).await.problem(), (400, "invalid-body".to_owned()));
    assert_eq!(console.send("PATCH", "/v1/nodes/ap-9", "{}").await.problem(), (404, "unknown-node".to_owned()));
    assert_eq!(cloud.stored("ap-9").await, None, "nobody is registered by it");
    assert_eq!(cloud.http(READ_KEY).send("PATCH", "/v1/nodes/ap-1", "{}").await.problem().0, 403);
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_that_only_its_token_has_registered_is_shown_as_it_is_listed() {
    let cloud = Cloud::start().await;
    let _socket = cloud.socket("ap-1").await;
    let shown = cloud.console().get("/v1/nodes/ap-1").await.json();
    assert_eq!((&shown["online"], &shown["credential_version"]), (&json!(true), &json!(1)));
    assert_eq!(cloud.console().get("/v1/nodes").await.json()["nodes"][0], shown);
    assert_eq!(cloud.console().put("/v1/nodes/ap-1/config", "[1]").await.status, 200, "its token has registered it");
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_is_shown_with_its_connection_its_health_and_how_it_checks_in() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let shown = async || console.get("/v1/nodes/ap-1").await.json();
    let never = shown().await;
    for field in ["connection", "last_check_in_ms", "health", "budget"] {
        assert_eq!(never.get(field), Some(&Value::Null), "{field}: {never}");
    }
    let mut socket = cloud.socket("ap-1").await;
    socket.send(r#"{"type":"check-in","seq":1,"health":{"uptime_s":41,"clients":9}}"#).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    socket.send(r#"{"type":"check-in","seq":2,"health":{"load_percent":12,"clients":3}}"#).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    let (open, stored) = (shown().await, cloud.stored("ap-1").await.expect("stored"));
    let health = json!({"uptime_s": 41, "load_percent": 12, "memory_free_kib": null, "clients": 3});
    assert_eq!((&open["health"], &open["polling"]), (&health, &json!(false)));
    let opened_at = stored.held.expect("held").connection.opened_at.0;
    assert_eq!(open["connection"], json!({"opened_at_ms": opened_at, "closed": null}));
    assert_eq!(open["last_check_in_ms"], json!(stored.seen.expect("seen").0));

    socket.close().await;
    let stored = cloud.until_stored("ap-1", |node| node.open().is_none()).await;
    let closed = stored.held.and_then(|held| held.closed).expect("closed");
    let expected = json!({"at_ms": closed.at.0, "code": closed.code, "reason": closed.reason});
    assert_eq!(shown().await["connection"], json!({"opened_at_ms": opened_at, "closed": expected}));

    let node = cloud.http(&cloud.token("ap-1"));
    assert_eq!(node.send("POST", "/v1/check-in", r#"{"type":"check-in","seq":1}"#).await.status, 200);
    let polls = shown().await;
    assert_eq!((&polls["polling"], &polls["health"], &polls["budget"]), (&json!(true), &health, &Value::Null));
    cloud.set_ahead("ap-1", Attribute::BlockedUntil, 60).await;
    let until = cloud.stored("ap-1").await.expect("stored").blocked.until.expect("blocked");
    assert_eq!(shown().await["budget"], json!({"blocked_until_ms": until.0}));
    assert_eq!(console.get("/v1/nodes").await.json()["nodes"][0], shown().await, "it is listed as it is shown");
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_that_is_disconnected_has_its_socket_closed_and_may_come_back() {
    let cloud = Cloud::start().await;
    cloud.console().put("/v1/nodes/ap-1", "{}").await;
    let mut socket = cloud.socket("ap-1").await;
    assert_eq!(cloud.console().send("POST", "/v1/nodes/ap-1/disconnect", "").await.status, 204);
    assert!(matches!(socket.next().await, Frame::Closed(_)));
    cloud.socket("ap-1").await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_can_be_asked_to_replace_its_connection_without_an_outage() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let ask = async |query: &str| console.send("POST", &format!("/v1/nodes/ap-1/disconnect?{query}"), "").await;
    assert_eq!(ask("within_s=60").await.status, 204, "it has no connection");
    let mut socket = cloud.socket("ap-1").await;
    assert_eq!(ask("within_s=60").await.status, 204);
    if cloud.pushes {
        assert_eq!(socket.next().await, Frame::Message(ServerMessage::Reconnect { within_s: 60 }));
    }
    socket.check_in(1).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))), "the connection goes on");
    for wrong in ["within_s=0", "within_s=6601", "within_s=soon", "within_s=", "within=60"] {
        assert_eq!(ask(wrong).await.problem(), (400, "invalid-parameter".to_owned()), "{wrong}");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_name_and_labels_are_shown_wherever_a_node_is_and_take_no_byte_of_its_item() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let of = |value: &Value| [&value["name"], &value["labels"]].map(Value::clone);
    console.put("/v1/nodes/ap-1", "{}").await;
    let plain = cloud.stored("ap-1").await;
    let spec = json!({"name": " Größe 12, Lobby ", "labels": {"floor": "0", "rack/u": "b = 7"}}).to_string();
    let expected = [json!("Größe 12, Lobby"), json!({"floor": "0", "rack/u": "b = 7"})];
    assert_eq!(of(&console.put("/v1/nodes/ap-1", spec).await.json()), expected);
    assert_eq!(of(&console.get("/v1/nodes/ap-1").await.json()), expected);
    assert_eq!(of(&console.get("/v1/nodes").await.json()["nodes"][0]), expected);
    assert_eq!(of(&console.get("/v1/nodes:export").await.json()["nodes"][0]), expected);
    assert_eq!(cloud.stored("ap-1").await, plain, "nothing of it is in the node's item");

    let patch = async |body: &str| console.send("PATCH", "/v1/nodes/ap-1", body.to_owned()).await;
    let other = [expected[0].clone(), json!({"floor": "1", "rack/u": "b = 7"})];
    assert_eq!(of(&patch(r#"{"labels": {"floor": "1", "gone": null}}"#).await.json()), other);
    assert_eq!(of(&patch(r#"{"site": "hq"}"#).await.json()), other, "what is left out stays");
    assert_eq!(
        of(&patch(r#"{"name": null, "labels": {"rack/u": null}}"#).await.json()),
        [json!(null), json!({"floor": "1"})]
    );
    assert_eq!(of(&patch(r#"{"labels": null}"#).await.json()), [json!(null), json!({})]);
    patch(r#"{"name": "Lobby"}"#).await;
    let batch = r#"[{"node": "ap-1"}, {"node": "ap-2", "name": "Roof", "labels": {"floor": "9"}}]"#;
    console.send("POST", "/v1/nodes:batch", batch).await;
    assert_eq!(
        of(&console.get("/v1/nodes/ap-1").await.json()),
        [json!(null), json!({})],
        "a registration is all of it"
    );
    assert_eq!(of(&console.get("/v1/nodes/ap-2").await.json()), [json!("Roof"), json!({"floor": "9"})]);
    cloud.stop().await;
}

#[tokio::test]
async fn a_name_or_labels_that_do_not_fit_are_refused_and_nothing_else_of_the_request_is_done() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", r#"{"site": "hq"}"#).await;
    let long = "n".repeat(129);
    let many: serde_json::Map<_, _> = (0..17).map(|key| (format!("key-{key}"), json!("v".repeat(100)))).collect();
    for part in [
        json!({"name": ""}),
        json!({"name": "two\nlines"}),
        json!({"name": long}),
        json!({"labels": {"a key": "v"}}),
        json!({"labels": {"k": ""}}),
        json!({"labels": {"k": "\u{1b}[2J"}}),
        json!({"labels": {"k": 3}}),
        json!({"labels": many}),
    ] {
        let mut patch = part.clone();
        patch["site"] = json!("lab");
        for method in ["PATCH", "PUT"] {
            let refused = console.send(method, "/v1/nodes/ap-1", patch.to_string()).await;
            assert_eq!(refused.problem(), (400, "invalid-body".to_owned()), "{method} {part}");
        }
        patch["node"] = json!("ap-1");
        let imported = console.send("POST", "/v1/nodes:import", json!([patch]).to_string()).await;
        assert_eq!(imported.json()[0]["status"], json!(400), "{part}");
    }
    assert_eq!(console.get("/v1/nodes/ap-1").await.json()["site"], json!("hq"));
    cloud.stop().await;
}

#[tokio::test]
async fn names_that_many_set_at_once_are_all_set_in_some_order() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let set = (0..4).map(|key| {
        let console = &console;
        async move {
            let patch = json!({"labels": {format!("key-{key}"): "v"}}).to_string();
            loop {
                let answer = console.send("PATCH", "/v1/nodes/ap-1", patch.clone()).await;
                assert!([200, 503].contains(&answer.status), "{answer:?}");
                if answer.status == 200 {
                    return;
                }
            }
        }
    });
    futures_util::future::join_all(set).await;
    let labels = console.get("/v1/nodes/ap-1").await.json()["labels"].clone();
    assert_eq!(labels, json!({"key-0": "v", "key-1": "v", "key-2": "v", "key-3": "v"}));
    cloud.stop().await;
}
