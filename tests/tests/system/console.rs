//! The monolith's side: what nodes are, over HTTP.

mod nodes;

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
    assert_eq!(console.send("POST", "/v1/nodes/ap-1/revoke", "").await.status, 204);
    assert_eq!(socket.dismissed(cloud.pushes).await, cloud.pushes.then_some(ByeReason::Revoked));
    assert_eq!(refused(&cloud.ws_url(), &cloud.token("ap-1")).await, 403);
    assert_eq!(console.send("POST", "/v1/nodes/ap-1/revoke", "").await.status, 204, "twice is as good as once");
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
        ("POST", "/v1/nodes/ap-2/revoke", "", (404, "unknown-node")),
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
    assert_eq!(reader.send("POST", "/v1/nodes/ap-1/revoke", "").await.problem().0, 403);
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
    assert_eq!(paths.len(), 46, "{:?}", paths.keys());
    for (path, operations) in paths {
        let declared = operations.as_object().expect("operations");
        let given = [
            ("{node}", "ap-1"),
            ("{site}", "hq"),
            ("{command}", "1"),
            ("{model}", "ax-2"),
            ("{version}", "2.5"),
            ("{name}", "crm"),
        ];
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
    assert_eq!(codes.expect("codes").len(), 37, "every code is documented");
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
