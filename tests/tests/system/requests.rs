//! What a request says is done, or refused: nothing that changes its meaning is ignored (RFC 9110, RFC 6750, RFC 7396).

use rollcall_tests::{Cloud, HttpReply, READ_KEY};
use serde_json::{Value, json};

const JSON: &str = "application/json";
const NODE: &str = "/v1/nodes/ap-1";
const CONFIG: &str = "/v1/nodes/ap-1/config";

/// Whether a reply is a problem document with this status and code whose detail names this, and is short.
fn assert_refused(reply: &HttpReply, status: u16, code: &str, named: &str) {
    assert_eq!(reply.problem(), (status, code.to_owned()), "{reply:?}");
    let detail = reply.json()["detail"].as_str().expect("text").to_lowercase();
    assert!(detail.contains(named) && detail.len() < 400, "{named:?} is not named, or at length: {reply:?}");
}

#[tokio::test]
async fn a_parameter_is_known_there_once_and_not_empty_or_it_is_refused_by_name() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put(NODE, r#"{"site": "a"}"#).await;
    let parameter = (400, "invalid-parameter");
    for (method, path, body, named) in [
        ("GET", "/v1/nodes?tag=roof", "", "tag"),
        ("GET", "/v1/nodes?Site=a", "", "site"),
        ("GET", "/v1/nodes?site=a&site=b", "", "site"),
        ("GET", "/v1/nodes?site=a&s%69te=a", "", "site"),
        ("GET", "/v1/nodes?site=a,b", "", "site"),
        ("GET", "/v1/nodes?site=a%2Cb", "", "site"),
        ("GET", "/v1/nodes?site=", "", "site"),
        ("GET", "/v1/nodes?site", "", "site"),
        ("GET", "/v1/nodes?presence=online,offline", "", "presence"),
        ("GET", "/v1/nodes?limit=1,2", "", "limit"),
        ("GET", "/v1/nodes?limit=-1", "", "limit"),
        ("GET", "/v1/nodes?limit=%2B7", "", "limit"),
        ("GET", "/v1/nodes?limit=99999999999999999999", "", "limit"),
        ("GET", "/v1/nodes?site=%ff", "", "utf-8"),
        ("HEAD", "/v1/nodes?tag=roof", "", ""),
        ("POST", "/v1/nodes:batch?dry-run=1", r#"[{"node": "ap-2"}]"#, "dry-run"),
        ("PUT", "/v1/nodes/ap-2?dry-run=1", "{}", "dry-run"),
        ("PATCH", "/v1/nodes/ap-1?dry-run=1", r#"{"site": "b"}"#, "dry-run"),
        ("DELETE", "/v1/nodes/ap-1?dry-run=1", "", "dry-run"),
        ("GET", "/v1/nodes/ap-1?site=a", "", "site"),
        ("PUT", "/v1/nodes/ap-1/config?version=7", "{}", "version"),
        ("PUT", "/v1/sites/a/config?limit=1", "{}", "limit"),
        ("GET", "/v1/nodes/ap-1/commands?site=a", "", "site"),
        ("GET", "/v1/health?verbose", "", "verbose"),
        ("GET", "/v1/openapi.json?pretty=1", "", "pretty"),
        ("OPTIONS", "/v1/nodes?tag=roof", "", "tag"),
    ] {
        let reply = console.send(method, path, body).await;
        if method == "HEAD" {
            assert_eq!((reply.status, &*reply.text), (parameter.0, ""), "{path}: {reply:?}");
        } else {
            assert_refused(&reply, parameter.0, parameter.1, named);
        }
    }
    let long = format!("/v1/nodes?{}=1", "x".repeat(5_000));
    assert_refused(&console.get(&long).await, 400, "invalid-parameter", "xxx");
    let nodes = console.get("/v1/nodes?&site=a&").await.json();
    assert_eq!((&nodes["nodes"][0]["node"], nodes["nodes"].as_array().map(Vec::len)), (&json!("ap-1"), Some(1)));
    let shown = console.get(NODE).await.json();
    assert_eq!((&shown["site"], &shown["revoked"], &shown["desired"]), (&json!("a"), &json!(false), &Value::Null));
    assert_eq!(console.get("/v1/nodes/ap-2").await.status, 404, "nothing was done");
    cloud.stop().await;
}

#[tokio::test]
async fn a_cursor_goes_on_with_what_it_was_begun_with() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let nodes: Vec<_> = (0..120).map(|n| json!({"node": format!("ap-{n}"), "site": "hq"})).collect();
    for batch in nodes.chunks(60) {
        assert_eq!(console.send("POST", "/v1/nodes:batch", json!(batch).to_string()).await.status, 200);
    }
    let page = console.put("/v1/sites/hq/config", "[1]").await.json();
    let cursor = page["cursor"].as_str().expect("more").to_owned();
    let go_on = |body: &'static str, cursor: String| {
        let (console, path) = (console.clone(), format!("/v1/sites/hq/config?cursor={cursor}"));
        async move { console.put(&path, body).await }
    };
    assert_refused(&go_on("[2]", cursor.clone()).await, 400, "invalid-cursor", "cursor");
    let forged: String = cursor.chars().rev().collect();
    for wrong in [forged, "x".to_owned(), format!("{cursor}="), "%00".to_owned(), cursor[..cursor.len() - 2].to_owned()]
    {
        assert_refused(&go_on("[1]", wrong).await, 400, "invalid-cursor", "cursor");
    }
    let last = go_on(" [ 1 ] ", cursor).await.json();
    assert_eq!((&last["pending"], &last["cursor"]), (&json!(20), &Value::Null), "the same document, written otherwise");
    cloud.stop().await;
}

#[tokio::test]
async fn a_body_is_what_it_says_it_is_and_is_there_where_one_is_read() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put(NODE, r#"{"site": "hq"}"#).await;
    let send = async |method: &str, path: &str, header: (&str, &str), body: &str| {
        console.send_with(method, path, &[header], body.to_owned()).await
    };
    for (method, path, body) in
        [("PUT", NODE, "{}"), ("PUT", CONFIG, "{}"), ("PATCH", NODE, "{}"), ("POST", "/v1/nodes:batch", "[]")]
    {
        for (header, named) in [
            (("content-type", "text/plain"), "text/plain"),
            (("content-type", "application/x-www-form-urlencoded"), "form"),
            (("content-type", "application/json-patch+json"), "json-patch"),
            (("content-type", "application/json; charset=utf-16"), "utf-16"),
            (("content-encoding", "gzip"), "gzip"),
        ] {
            let reply = send(method, path, header, body).await;
            assert_refused(&reply, 415, "unsupported-media-type", named);
            let accepted = if method == "PATCH" { "accept-patch" } else { "accept" };
            assert!(reply.header(accepted).contains(JSON), "{reply:?}");
            assert_eq!(reply.header("accept-encoding"), "identity");
        }
        assert_refused(
            &send(method, path, ("content-range", "bytes 0-1/9"), body).await,
            400,
            "invalid-parameter",
            "content-range",
        );
    }
    let merge = ("content-type", "application/merge-patch+json");
    assert_refused(&send("PUT", NODE, merge, "{}").await, 415, "unsupported-media-type", "merge-patch");
    for good in [("content-type", "Application/JSON;charset=UTF-8"), ("content-encoding", "identity")] {
        assert_eq!(send("PUT", CONFIG, good, "[1]").await.status, 200, "{good:?}");
    }
    for (method, path) in [
        ("GET", "/v1/nodes"),
        ("GET", NODE),
        ("GET", CONFIG),
        ("GET", "/v1/health"),
        ("DELETE", NODE),
        ("DELETE", "/v1/nodes/ap-1/commands/1"),
        ("POST", "/v1/nodes/ap-1/disconnect"),
    ] {
        assert_refused(&console.send(method, path, "{}").await, 400, "invalid-body", "no body");
    }
    let shown = console.get(NODE).await.json();
    assert_eq!((&shown["site"], &shown["revoked"]), (&json!("hq"), &json!(false)), "nothing was done");
    cloud.stop().await;
}

#[tokio::test]
async fn a_field_is_known_and_there_once_at_every_depth_that_is_ours() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put(NODE, r#"{"site": "hq"}"#).await;
    let long = format!(r#"{{"{}": 1}}"#, "f".repeat(9_000));
    let image =
        json!({"object_key": "k", "size": 1, "sha256": "0".repeat(64), "signature": "s", "colour": 1}).to_string();
    for (method, path, body, named) in [
        ("PUT", NODE, r#"{"site": "a", "colour": 1}"#, "colour"),
        ("PUT", NODE, r#"{"site": "a", "site": "b"}"#, "site"),
        ("PUT", NODE, r#"["a"]"#, "object"),
        ("PUT", NODE, r#"{"site": "a b"}"#, "site"),
        ("PUT", NODE, &long, "fff"),
        ("PUT", NODE, &format!(r#"{{"site": ["{}"]}}"#, "s".repeat(9_000)), "invalid type"),
        ("PATCH", NODE, r#"{"colour": null}"#, "colour"),
        ("PATCH", NODE, r#"{"site": "a", "site": null}"#, "site"),
        ("PATCH", NODE, "null", "object"),
        ("PATCH", NODE, r#"{"credential_version": null}"#, "null"),
        ("PUT", "/v1/nodes/ap-1/firmware", r#"{"version": "1", "force": true}"#, "force"),
        ("PUT", "/v1/firmware/ax-2/1", &image, "colour"),
    ] {
        assert_refused(&console.send(method, path, body.to_owned()).await, 400, "invalid-body", named);
    }
    let key = [("idempotency-key", "k")];
    for (body, named) in [(r#"{"name": "x", "colour": 1}"#, "colour"), (r#"{"name": "x", "name": "y"}"#, "name")] {
        let reply = console.send_with("POST", "/v1/nodes/ap-1/commands", &key, body).await;
        assert_refused(&reply, 400, "invalid-body", named);
    }
    let long = "n".repeat(9_000);
    let batch = format!(
        r#"[{{"node": "ap-2", "colour": 1}}, {{"node": "ap-3", "site": "a", "site": "b"}}, {{"node": "ap-4"}}, {{"node": "ap-4", "site": "a"}}, {{"node": "{long}"}}]"#
    );
    let results = console.send("POST", "/v1/nodes:batch", batch).await.json();
    let statuses: Vec<_> = results.as_array().expect("results").iter().map(|result| result["status"].clone()).collect();
    assert_eq!(statuses, [400, 400, 200, 400, 400].map(Value::from), "{results}");
    assert!(results.to_string().len() < 2_000, "a name that is none is not repeated at length");
    assert_eq!(console.get(NODE).await.json()["site"], "hq");
    let nulls = r#"{"site": null, "model": null, "tags": null, "credential_version": null}"#;
    assert_eq!(console.put(NODE, nulls).await.status, 200, "null is as good as left out");
    cloud.stop().await;
}

#[tokio::test]
async fn a_condition_holds_or_nothing_is_set() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put(NODE, "{}").await;
    let set =
        async |headers: &[(&str, &str)], body: &str| console.send_with("PUT", CONFIG, headers, body.to_owned()).await;
    for nothing_yet in ["*", "\"1\"", "W/\"0\"", "\"nonsense\""] {
        let reply = set(&[("if-match", nothing_yet)], "[0]").await;
        assert_eq!(
            (reply.problem(), &reply.json()["current_version"]),
            ((412, "version-mismatch".to_owned()), &json!(0))
        );
    }
    assert_eq!(cloud.documents().await, 0, "nothing was kept");
    assert_eq!(set(&[("if-none-match", "*")], "[1]").await.header("etag"), "\"1\"", "it was created");
    for (headers, body, expected) in [
        (&[("if-none-match", "*")][..], "[1]", 412),
        (&[("if-none-match", "*")], "[2]", 412),
        (&[("if-none-match", "W/\"1\"")], "[2]", 412),
        (&[("if-match", "W/\"1\"")], "[2]", 412),
        (&[("if-match", "\"01\"")], "[2]", 412),
        (&[("if-match", "\"1\""), ("if-none-match", "\"1\"")], "[2]", 412),
        (&[("if-match", "\"0\""), ("if-none-match", "\"7\"")], "[2]", 412),
        (&[("if-match", "1")], "[2]", 400),
        (&[("if-match", "")], "[2]", 400),
        (&[("if-match", "*, \"1\"")], "[2]", 400),
        (&[("if-none-match", "\"1")], "[2]", 400),
        (&[("if-match", "\"7\", \"1\"")], "[2]", 200),
        (&[("if-match", "\"3\""), ("if-match", "\"2\"")], "[3]", 200),
        (&[("if-match", "*"), ("if-none-match", "\"1\", \"2\"")], "[4]", 200),
        (&[("if-none-match", "\"0\"")], "[5]", 200),
        (&[("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT")], "[6]", 200),
    ] {
        let reply = set(headers, body).await;
        assert_eq!(reply.status, expected, "{headers:?}: {reply:?}");
    }
    assert_eq!(console.get(CONFIG).await.json()["desired"]["version"], 6);
    let of_nobody = console.send_with("PUT", "/v1/nodes/ap-9/config", &[("if-match", "\"1\"")], "[1]").await;
    assert_eq!(of_nobody.problem().0, 404, "what would be refused anyway is");

    let image = json!({"object_key": "k", "size": 1, "sha256": "0".repeat(64), "signature": "s"}).to_string();
    for (method, path, body) in [
        ("PUT", "/v1/sites/hq/config", "{}"),
        ("PUT", NODE, "{}"),
        ("PATCH", NODE, "{}"),
        ("DELETE", NODE, ""),
        ("POST", "/v1/nodes/ap-1/disconnect", ""),
        ("POST", "/v1/nodes/ap-1/commands", r#"{"name": "x"}"#),
        ("POST", "/v1/nodes:batch", r#"[{"node": "ap-2"}]"#),
        ("PUT", "/v1/firmware/ax-2/1", &image),
        ("PUT", "/v1/nodes/ap-1/firmware", r#"{"version": "1"}"#),
        ("DELETE", "/v1/nodes/ap-1/commands/1", ""),
    ] {
        for header in ["if-match", "if-none-match"] {
            let headers = [(header, "*"), ("idempotency-key", "k")];
            let reply = console.send_with(method, path, &headers, body.to_owned()).await;
            assert_refused(&reply, 400, "invalid-parameter", header);
        }
    }
    assert_eq!(console.get(NODE).await.json()["revoked"], false);
    cloud.stop().await;
}

#[tokio::test]
async fn a_read_says_whether_anything_has_changed_since() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put(NODE, "{}").await;
    let get = async |headers: &[(&str, &str)]| console.send_with("GET", CONFIG, headers, "").await;
    let none = get(&[]).await.header("etag").to_owned();
    assert_eq!(none, "\"0\"");
    let set = console.put(CONFIG, "[1]").await.header("etag").to_owned();
    assert_eq!(get(&[]).await.header("etag"), set);
    assert_eq!(get(&[("if-none-match", &none)]).await.status, 200);
    let unchanged = get(&[("if-none-match", &set)]).await;
    assert_eq!((unchanged.status, unchanged.header("etag"), &*unchanged.text), (304, &*set, ""));
    assert_eq!(unchanged.header("content-type"), "");
    let yesterday = ("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT");
    assert_eq!(get(&[yesterday]).await.status, 200, "nothing has a date here");
    assert_eq!(get(&[yesterday, ("if-none-match", &format!("\"9\", W/{set}"))]).await.status, 304);
    assert_eq!(get(&[("if-match", "\"9\""), ("if-none-match", &set)]).await.problem().0, 412);
    assert_eq!(get(&[("if-none-match", "1")]).await.problem().0, 400);

    let mut socket = cloud.socket("ap-1").await;
    socket.send(r#"{"type":"check-in","seq":1,"config":{"version":1,"status":"applied"}}"#).await;
    socket.next().await;
    let changed = get(&[("if-none-match", &set)]).await;
    assert_eq!((changed.status, &changed.json()["status"]), (200, &json!("applied")), "what was reported is news");
    let reported = changed.header("etag").to_owned();
    assert_eq!(get(&[("if-none-match", &reported)]).await.status, 304);
    for tag in [&reported, &set] {
        let again = console.send_with("PUT", CONFIG, &[("if-match", tag)], "[1]").await;
        assert_eq!((again.status, again.header("etag")), (200, &*reported), "both are version 1");
    }
    let next = console.send_with("PUT", CONFIG, &[("if-match", &reported)], "[2]").await;
    assert_eq!(next.json()["version"], 2);
    assert_eq!(get(&[]).await.header("etag"), next.header("etag"));
    assert_eq!(console.send_with("GET", NODE, &[("if-none-match", "*")], "").await.status, 304);
    cloud.stop().await;
}

#[tokio::test]
async fn a_path_answers_to_its_methods_and_says_which_they_are() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put(NODE, r#"{"site": "hq"}"#).await;
    for (path, allow) in [
        (NODE, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        (CONFIG, "GET, HEAD, PUT, DELETE, OPTIONS"),
        ("/v1/models/ax-2", "GET, HEAD, PUT, PATCH, OPTIONS"),
        ("/v1/nodes", "GET, HEAD, OPTIONS"),
        ("/v1/nodes:batch", "POST, OPTIONS"),
        ("/v1/check-in", "POST, OPTIONS"),
    ] {
        for method in ["TRACE", "get", "Delete", "PROPFIND"] {
            let reply = console.send(method, path, "").await;
            assert_eq!(
                (reply.problem(), reply.header("allow")),
                ((405, "method-not-allowed".to_owned()), allow),
                "{method} {path}"
            );
        }
        let options = cloud.http("").send("OPTIONS", path, "").await;
        assert_eq!((options.status, options.header("allow"), &*options.text), (204, allow, ""), "{path}");
        assert_eq!(options.header("accept-patch").is_empty(), !allow.contains("PATCH"), "{options:?}");
    }
    let long = "M".repeat(5_000);
    assert_refused(&console.send(&long, NODE, "").await, 405, "method-not-allowed", "mmm");
    for path in [NODE, CONFIG, "/v1/nodes", "/v1/health", "/v1/nodes/ap-1/commands"] {
        let (get, head) = (console.get(path).await, console.send("HEAD", path, "").await);
        assert_eq!((head.status, &*head.text), (get.status, ""), "{path}");
        for header in ["content-type", "content-length", "etag", "cache-control"] {
            assert_eq!(head.header(header), get.header(header), "{header} of {path}");
        }
    }
    assert_eq!(console.send("HEAD", "/v1/nodes/ap-9", "").await.status, 404);
    for path in ["/v1/nodes/ap-1/", "/v1//nodes", "/v1/nodes/../nodes", "/v1/nodes/ap-1/config/", "/v1"] {
        assert_eq!(console.get(path).await.status, 404, "{path}");
    }
    assert_refused(&console.get("/v1/nodes/ap%252D1").await, 400, "invalid-parameter", "node");
    for number in ["+1", "01", "1.0", "0"] {
        let path = format!("/v1/nodes/ap-1/commands/{number}");
        assert_refused(&console.send("DELETE", &path, "").await, 400, "invalid-parameter", "command");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn who_is_refused_is_told_how_to_be_let_in_and_nobody_keeps_an_answer() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put(NODE, "{}").await;
    let challenge = |reply: &HttpReply| reply.header("www-authenticate").to_owned();
    let silent = cloud.http("").get(NODE).await;
    assert_eq!((silent.status, challenge(&silent)), (401, "Bearer realm=\"rollcall\"".to_owned()));
    let wrong = cloud.http("wrong").get(NODE).await;
    assert!(wrong.status == 401 && challenge(&wrong).contains("error=\"invalid_token\""), "{wrong:?}");
    let reader = cloud.http(READ_KEY).put(NODE, "{}").await;
    assert!(reader.status == 403 && challenge(&reader).contains("error=\"insufficient_scope\""), "{reader:?}");
    let basic = cloud.http("").send_with("GET", NODE, &[("authorization", "Basic dTpw")], "").await;
    assert_eq!((basic.status, challenge(&basic)), (401, "Bearer realm=\"rollcall\"".to_owned()));
    let lower = format!("bEARER   {READ_KEY}");
    assert_eq!(cloud.http("").send_with("GET", NODE, &[("authorization", &lower)], "").await.status, 200);
    let twice = cloud.http(READ_KEY).send_with("GET", NODE, &[("authorization", &lower)], "").await;
    assert_eq!(twice.status, 401, "of two keys, none counts");
    assert_eq!(cloud.http("").get("/v1/openapi.json").await.problem().0, 401, "it is not for strangers");

    for reply in [console.get(NODE).await, console.get(CONFIG).await, silent, reader, console.get("/v1/health").await] {
        assert_eq!(reply.header("cache-control"), "no-store", "{reply:?}");
        assert!(reply.headers.contains_key("date") && reply.headers.contains_key("content-length"), "{reply:?}");
    }
    let image = json!({"object_key": "k", "size": 1, "sha256": "0".repeat(64), "signature": "s"}).to_string();
    let added = console.put("/v1/firmware/ax-2/1.0", image).await;
    assert_eq!((added.status, added.header("location")), (201, "/v1/firmware/ax-2/1.0"));
    assert_eq!(console.get(added.header("location")).await.status, 200);
    cloud.dynamodb.set(rollcall_tests::Fault::Throttle);
    let away = console.get(NODE).await;
    assert!(away.status == 503 && away.header("retry-after").parse::<u32>().is_ok(), "{away:?}");
    cloud.dynamodb.set(rollcall_tests::Fault::None);
    cloud.stop().await;
}

#[tokio::test]
async fn a_stranger_writes_short_lines_into_the_log_and_seldom_asks_the_table() {
    let cloud = Cloud::start().await;
    let stranger = cloud.http("");
    let before = cloud.dynamodb.passed();
    for _ in 0..40 {
        assert_eq!(stranger.get("/v1/health").await.status, 200);
    }
    let asked = cloud.dynamodb.passed() - before;
    assert!(asked <= 2 * 4, "40 times {asked} of the table, of which each process keeps what it found");
    let long = "n".repeat(7_000);
    for path in [format!("/v1/nodes/{long}"), format!("/v1/{long}"), format!("/v1/nodes?{long}=1")] {
        stranger.get(&path).await;
        cloud.console().get(&path).await;
    }
    stranger.send(&"M".repeat(5_000), NODE, "").await;
    cloud.console().put(NODE, format!(r#"{{"{long}": 1}}"#)).await;
    cloud.console().send_with("GET", CONFIG, &[("if-match", &long)], "").await;
    let events = cloud.journal.until("console", "answered", 49).await;
    let longest = events.iter().map(|event| event.to_string().len()).max();
    assert!(longest.is_some_and(|longest| longest < 800), "{longest:?}");

    cloud.console().send("DELETE", "/v1/nodes/ap-7", "").await;
    let events = cloud.journal.until("console", "answered", 50).await;
    let refused = events.iter().find(|event| event["method"] == "DELETE").expect("logged");
    assert_eq!((&refused["node"], &refused["path"]), (&json!("ap-7"), &json!("/v1/nodes/ap-7")));
    assert_eq!((&refused["status"], &refused["reason"]), (&json!(404), &json!("unknown-node")));
    cloud.stop().await;
}
