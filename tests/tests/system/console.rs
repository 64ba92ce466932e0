//! The monolith's side: what nodes are, over HTTP.

use std::collections::BTreeSet;

use rollcall_core::{Attribute, Registration};
use rollcall_tests::{Cloud, Fault, Frame, Options, READ_KEY, Socket, policy, refused};
use rollcall_wire::{ByeReason, ServerMessage};
use serde_json::{Value, json};

#[tokio::test]
async fn a_node_that_the_monolith_registers_is_let_in_and_is_shown_as_it_is() {
    let options = Options { policy: policy(Registration::Closed, 6600), ..Options::default() };
    let cloud = Cloud::with(options).await;
    assert_eq!(refused(&cloud.ws_url(), &cloud.token("ap-1")).await, 403);
    let console = cloud.console();
    let spec = json!({"site": "hq", "model": "ax-2", "tags": ["roof", "lobby", "roof"]}).to_string();
    let reply = console.put("/v1/nodes/ap-1", spec).await;
    assert_eq!(reply.status, 200, "{reply:?}");

    let mut socket = cloud.socket("ap-1").await;
    socket.send(r#"{"type":"check-in","seq":1,"firmware":"2.4.1"}"#).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    let shown = console.get("/v1/nodes/ap-1").await.json();
    assert_eq!((&shown["node"], &shown["site"], &shown["model"]), (&json!("ap-1"), &json!("hq"), &json!("ax-2")));
    assert_eq!((&shown["tags"], &shown["online"]), (&json!(["lobby", "roof"]), &json!(true)));
    assert_eq!((&shown["firmware"], &shown["config"]), (&json!("2.4.1"), &json!("none")));
    let changed = console.put("/v1/nodes/ap-1", r#"{"credential_version": 2}"#).await.json();
    assert_eq!((&changed["site"], &changed["tags"]), (&Value::Null, &json!([])), "what is left out is taken away");
    assert_eq!(refused(&cloud.ws_url(), &cloud.token_of_version("ap-1", 1)).await, 403, "older credentials are out");
    cloud.stop().await;
}

#[tokio::test]
async fn a_revoked_node_is_told_so_closed_and_stays_out_until_it_has_newer_credentials() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let mut socket = cloud.socket("ap-1").await;
    assert_eq!(console.send("DELETE", "/v1/nodes/ap-1", "").await.status, 204);
    assert_eq!(socket.dismissed(cloud.pushes).await, cloud.pushes.then_some(ByeReason::Revoked));
    assert_eq!(refused(&cloud.ws_url(), &cloud.token("ap-1")).await, 403);
    assert_eq!(console.send("DELETE", "/v1/nodes/ap-1", "").await.status, 204, "twice is as good as once");
    assert_eq!(console.put("/v1/nodes/ap-1/config", "{}").await.problem(), (410, "revoked-node".to_owned()));
    assert_eq!(console.put("/v1/nodes/ap-1", "{}").await.problem(), (410, "revoked-node".to_owned()));
    let back = console.put("/v1/nodes/ap-1", r#"{"credential_version": 2}"#).await;
    assert_eq!(back.status, 200, "{back:?}");
    assert!(Socket::open(&cloud.ws_url(), &cloud.token_of_version("ap-1", 2)).await.is_ok());
    let backwards = console.put("/v1/nodes/ap-1", r#"{"credential_version": 1}"#).await;
    assert_eq!(backwards.problem(), (409, "credentials-go-back".to_owned()));
    cloud.stop().await;
}

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
    assert_eq!(console.send("DELETE", "/v1/nodes/ap-1", "").await.status, 204);
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
async fn a_list_is_read_page_by_page_and_each_node_is_in_it_once() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let nodes: Vec<_> =
        (0..25).map(|n| json!({"node": format!("ap-{n}"), "site": if n < 20 { "hq" } else { "lab" }})).collect();
    let batch = console.send("POST", "/v1/nodes:batch", json!(nodes).to_string()).await.json();
    assert!(batch.as_array().expect("results").iter().all(|result| result["status"] == 200), "{batch}");
    let _online = cloud.socket("ap-3").await;

    for (query, expected) in [("", 25), ("site=hq", 20), ("site=lab", 5), ("site=nowhere", 0), ("presence=online", 1)] {
        let (mut seen, mut cursor, mut pages) = (BTreeSet::new(), String::new(), 0);
        loop {
            let page = console.get(&format!("/v1/nodes?{query}&limit=7{cursor}")).await.json();
            let nodes = page["nodes"].as_array().unwrap_or_else(|| panic!("no page: {page}"));
            assert!(nodes.len() <= 7);
            for node in nodes {
                assert!(seen.insert(node["node"].to_string()), "{node} is there twice");
            }
            pages += 1;
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen.len(), expected, "{query}: {seen:?}");
        assert!(pages >= expected.div_ceil(7), "{query} in {pages} pages");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn each_of_a_batch_has_its_own_result() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let batch =
        json!([{"node": "ap-1"}, {"node": "a/b"}, {"node": "ap-2", "site": 7}, {"node": "ap-3", "colour": "red"}]);
    let results = console.send("POST", "/v1/nodes:batch", batch.to_string()).await.json();
    let statuses: Vec<_> = results.as_array().expect("results").iter().map(|result| result["status"].clone()).collect();
    assert_eq!(statuses, [200, 400, 400, 400].map(Value::from));
    assert_eq!(results[1]["problem"]["code"], "invalid-parameter");
    assert!(results[3]["problem"]["detail"].as_str().expect("text").contains("colour"), "{results}");
    let many = json!(vec![json!({"node": "ap"}); 101]).to_string();
    assert_eq!(console.send("POST", "/v1/nodes:batch", many).await.problem(), (400, "invalid-body".to_owned()));
    cloud.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_with_a_stable_code() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let long = format!("/v1/nodes/{}", "n".repeat(65));
    for (method, path, body, expected) in [
        ("GET", "/v1/nodes/ap-2", "", (404, "unknown-node")),
        ("GET", "/v1/nodes/ap-2/config", "", (404, "unknown-node")),
        ("DELETE", "/v1/nodes/ap-2", "", (404, "unknown-node")),
        ("PUT", "/v1/nodes/ap-2/config", "{}", (404, "unknown-node")),
        ("PUT", &long, "{}", (400, "invalid-parameter")),
        ("PUT", "/v1/nodes/", "{}", (400, "invalid-parameter")),
        ("PUT", "/v1/nodes/a%2Fb", "{}", (404, "no-route")),
        ("PUT", "/v1/nodes/a.b", "{}", (400, "invalid-parameter")),
        ("PUT", "/v1/nodes/..", "{}", (400, "invalid-parameter")),
        ("PUT", "/v1/nodes/%E2%80%AEap", "{}", (400, "invalid-parameter")),
        ("PUT", "/v1/nodes/%C0%AF", "{}", (400, "invalid-parameter")),
        ("PUT", "/v1/nodes/ap-1", "", (400, "invalid-body")),
        ("PUT", "/v1/nodes/ap-1", "[]", (400, "invalid-body")),
        ("PUT", "/v1/nodes/ap-1", r#"{"site": "a b"}"#, (400, "invalid-body")),
        ("PUT", "/v1/nodes/ap-1", r#"{"sight": "hq"}"#, (400, "invalid-body")),
        ("GET", "/v1/nodes?presence=asleep", "", (400, "invalid-parameter")),
        ("GET", "/v1/nodes?limit=0", "", (400, "invalid-parameter")),
        ("GET", "/v1/nodes?limit=many", "", (400, "invalid-parameter")),
        ("GET", "/v1/nodes?cursor=tampered", "", (400, "invalid-cursor")),
        ("POST", "/v1/nodes", "", (405, "method-not-allowed")),
        ("GET", "/v1/nothing", "", (404, "no-route")),
    ] {
        let reply = console.send(method, path, body).await;
        assert_eq!(reply.problem(), (expected.0, expected.1.to_owned()), "{method} {path}: {reply:?}");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_only() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    for node in ["ap-1", "ap-2", "ap-3"] {
        console.put(&format!("/v1/nodes/{node}"), r#"{"site":"hq"}"#).await;
    }
    let page = console.get("/v1/nodes?site=hq&limit=1").await.json();
    let cursor = page["cursor"].as_str().expect("more").to_owned();
    assert_eq!(console.get(&format!("/v1/nodes?site=hq&limit=1&cursor={cursor}")).await.status, 200);
    for query in ["site=lab&", "", "site=hq&presence=online&"] {
        let reply = console.get(&format!("/v1/nodes?{query}cursor={cursor}")).await;
        assert_eq!(reply.problem(), (400, "invalid-cursor".to_owned()), "{query}");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn who_has_no_key_gets_nothing_and_a_key_that_reads_does_not_write() {
    let cloud = Cloud::start().await;
    for key in ["", "wrong", &cloud.token("ap-1")] {
        let stranger = cloud.http(key);
        assert_eq!(stranger.get("/v1/nodes").await.problem(), (401, "unauthenticated".to_owned()));
        assert_eq!(stranger.put("/v1/nodes/ap-1", "{}").await.problem().0, 401);
        assert_eq!(stranger.get("/v1/health").await.status, 200, "anybody may ask whether it is well");
    }
    let reader = cloud.http(READ_KEY);
    assert_eq!(reader.get("/v1/nodes").await.status, 200);
    assert_eq!(reader.put("/v1/nodes/ap-1", "{}").await.problem(), (403, "forbidden".to_owned()));
    assert_eq!(reader.send("DELETE", "/v1/nodes/ap-1", "").await.problem().0, 403);
    assert_eq!(cloud.http("an older key").put("/v1/nodes/ap-1", "{}").await.status, 200, "two are valid at once");
    let log = format!("{:?}", cloud.journal.lines());
    for secret in [READ_KEY, "an older key", &*cloud.token("ap-1")] {
        assert!(!log.contains(secret), "a key is in the log");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn while_the_table_does_not_answer_nothing_is_said_to_be_done_and_health_says_which_part_fails() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    cloud.dynamodb.set(Fault::Throttle);
    assert_eq!(console.put("/v1/nodes/ap-1", "{}").await.problem(), (503, "unavailable".to_owned()));
    let health = console.get("/v1/health").await;
    assert_eq!(health.problem().0, 503);
    assert!(health.text.contains("table"), "{health:?}");
    cloud.dynamodb.set(Fault::None);
    assert_eq!(console.get("/v1/health").await.status, 200);
    assert_eq!(console.get("/v1/nodes/ap-1").await.status, 404, "nothing was registered");
    cloud.stop().await;
}

#[tokio::test]
async fn the_openapi_document_describes_what_is_there_and_nothing_else() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let document = cloud.http(READ_KEY).get("/v1/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), 12, "{:?}", paths.keys());
    for (path, operations) in paths {
        let declared = operations.as_object().expect("operations");
        let given =
            [("{node}", "ap-1"), ("{site}", "hq"), ("{command}", "1"), ("{model}", "ax-2"), ("{version}", "2.5")];
        let path = given.iter().fold(path.clone(), |path, (name, value)| path.replace(name, value));
        for method in ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS"] {
            let reply = console.send(method, &path, "{}").await;
            let there = declared.contains_key(&method.to_lowercase());
            assert_eq!(reply.status != 405, there, "{method} {path}: {reply:?}");
            assert!(method == "HEAD" || reply.status != 404 || reply.problem().1 != "no-route", "{method} {path}");
            let allowed: Vec<_> = reply.header("allow").split(", ").collect();
            assert!(there || declared.len() == allowed.len(), "{path} allows {allowed:?}");
        }
    }
    let schemas = &document["components"]["schemas"];
    let codes = schemas["ProblemCode"]["oneOf"].as_array().or(schemas["ProblemCode"]["enum"].as_array());
    assert_eq!(codes.expect("codes").len(), 22, "every code is documented");
    cloud.stop().await;
}

#[tokio::test]
async fn a_body_says_one_thing_and_says_it_as_json_may() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let spec = r#"{"site":null,"model":"ax-2","tags":null,"credential_version":1e0}"#;
    assert_eq!(console.put("/v1/nodes/ap-1", format!("\u{feff}{spec}")).await.status, 200);
    assert_eq!(console.put("/v1/nodes/ap-2", r#"{"credential_version":null}"#).await.status, 200, "null is absent");
    assert_eq!(console.put("/v1/nodes/ap-2", r#"{"credential_version":2.0}"#).await.json()["credential_version"], 2);
    let batch = r#"[{"node":"ap-3","tags":null,"credential_version":3.0},{"node":"ap-4","credential_version":1.5}]"#;
    let set = console.send("POST", "/v1/nodes:batch", batch).await.json();
    assert_eq!((&set[0]["status"], &set[1]["status"]), (&json!(200), &json!(400)), "{set}");
    assert_eq!(console.get("/v1/nodes/ap-3").await.json()["credential_version"], 3);
    let sha256 = "0".repeat(64);
    let image = |size: &str| format!(r#"{{"object_key":"k","size":{size},"sha256":"{sha256}","signature":"s"}}"#);
    assert_eq!(console.put("/v1/firmware/ax-2/2.5", image("1e3")).await.status, 201);
    assert_eq!(console.put("/v1/firmware/ax-2/2.5", image("1000.0")).await.status, 200, "it is the same");

    for wrong in ["1.5", "-1", "\"1\"", "4294967296", "1e400", "true"] {
        let reply = console.put("/v1/nodes/ap-5", format!(r#"{{"credential_version":{wrong}}}"#)).await;
        assert_eq!(reply.problem(), (400, "invalid-body".to_owned()), "{wrong}");
    }
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    for (method, path, body, detail) in [
        ("PUT", "/v1/nodes/ap-5", br#"{"site":"a","site":"b"}"#.to_vec(), "the body has a name twice, at /site"),
        (
            "PUT",
            "/v1/nodes/ap-1/firmware",
            br#"{"version":"1","version":"2"}"#.to_vec(),
            "the body has a name twice, at /version",
        ),
        ("PUT", "/v1/nodes/ap-5", utf16("{}"), "the body is UTF-16, must be UTF-8"),
        ("PUT", "/v1/nodes/ap-5", vec![], "the body is empty"),
        ("PUT", "/v1/nodes/ap-5", b"{\"site\":NaN}".to_vec(), "the body is not JSON: "),
    ] {
        let reply = console.send(method, path, body).await;
        assert_eq!(reply.problem(), (400, "invalid-body".to_owned()), "{detail}");
        assert!(reply.json()["detail"].as_str().is_some_and(|said| said.starts_with(detail)), "{detail}: {reply:?}");
    }
    assert_eq!(console.get("/v1/nodes/ap-5").await.status, 404, "nothing was registered");
    cloud.stop().await;
}
