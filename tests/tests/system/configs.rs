//! What nodes are to run: set once, pushed to whoever is connected, and repaired by the check-in.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rollcall_core::{ConfigOutcome, ConfigState};
use rollcall_node::{NodeConfig, Timing};
use rollcall_tests::{Cloud, Frame, Options, Socket, Watched, hold};
use rollcall_wire::{ConfigNews, Document, ServerMessage};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A document that is a little larger than a frame holds.
fn large() -> String {
    json!({"text": "x".repeat(25 * 1024)}).to_string()
}

/// The configuration that a node is told of: pushed; or, where pushes are lost, with the answer to this check-in.
async fn next_config(cloud: &Cloud, socket: &mut Socket, seq: u64) -> ConfigNews {
    if cloud.pushes {
        return pushed(socket).await;
    }
    let check_in = json!({"type": "check-in", "seq": seq}).to_string();
    next_ack(socket, &check_in).await.expect("news")
}

async fn pushed(socket: &mut Socket) -> ConfigNews {
    match socket.next().await {
        Frame::Message(ServerMessage::Config(news)) => news,
        other => panic!("no configuration: {other:?}"),
    }
}

async fn next_ack(socket: &mut Socket, message: &str) -> Option<ConfigNews> {
    socket.send(message).await;
    match socket.next().await {
        Frame::Message(ServerMessage::Ack(ack)) => ack.config,
        other => panic!("no ack: {other:?}"),
    }
}

#[tokio::test]
async fn a_connected_node_is_pushed_its_configuration_and_reports_on_it() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let mut socket = cloud.socket("ap-1").await;
    let set = console.put("/v1/nodes/ap-1/config", r#"{"ssid": "guests"}"#).await;
    assert_eq!((set.status, set.header("etag")), (200, "\"1\""), "{set:?}");
    assert_eq!((&set.json()["version"], &set.json()["delivery"]), (&json!(1), &json!("pushed")));
    let news = next_config(&cloud, &mut socket, 1).await;
    assert_eq!((news.version, news.document.as_deref()), (1, Some(r#"{"ssid":"guests"}"#)));
    assert!(Document::verify(news.document.expect("there"), &news.sha256).is_ok());

    assert_eq!(console.get("/v1/nodes/ap-1/config").await.json()["status"], "pending");
    let report = r#"{"type":"check-in","seq":2,"config":{"version":1,"status":"substituted","detail":"channel 36"}}"#;
    assert_eq!(next_ack(&mut socket, report).await, None, "it has reported on it");
    let shown = console.get("/v1/nodes/ap-1/config").await.json();
    assert_eq!((&shown["status"], &shown["reported"]["detail"]), (&json!("substituted"), &json!("channel 36")));
    assert_eq!(shown["document"], json!({"ssid": "guests"}));
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_that_was_away_gets_its_configuration_with_its_next_check_in_until_it_reports() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let set = console.put("/v1/nodes/ap-1/config", "[1]").await.json();
    assert_eq!(set["delivery"], "pending");
    let mut socket = cloud.socket("ap-1").await;
    // News gets through whether an answer is wanted or not.
    for message in [r#"{"type":"check-in","seq":1}"#, r#"{"type":"check-in","seq":2,"ack":false}"#] {
        let news = next_ack(&mut socket, message).await.expect("news");
        assert_eq!((news.version, news.document.as_deref()), (1, Some("[1]")));
    }
    let report = r#"{"type":"check-in","seq":3,"config":{"version":1,"status":"applied"}}"#;
    assert_eq!(next_ack(&mut socket, report).await, None);
    assert_eq!(next_ack(&mut socket, r#"{"type":"check-in","seq":4}"#).await, None);
    socket.send(r#"{"type":"config"}"#).await;
    assert_eq!(pushed(&mut socket).await.version, 1, "it may ask again");
    cloud.stop().await;
}

#[tokio::test]
async fn a_polling_node_gets_its_configuration_too() {
    let cloud = Cloud::start().await;
    cloud.console().put("/v1/nodes/ap-1", "{}").await;
    cloud.console().put("/v1/nodes/ap-1/config", "[1]").await;
    let node = cloud.http(&cloud.token("ap-1"));
    let ack = node.send("POST", "/v1/check-in", r#"{"type":"check-in","seq":1}"#).await.json();
    assert_eq!((&ack["config"]["version"], &ack["config"]["document"]), (&json!(1), &json!("[1]")));
    cloud.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_a_frame_is_fetched_by_its_hash_and_only_by_whom_it_is_for() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    for node in ["ap-1", "ap-2"] {
        console.put(&format!("/v1/nodes/{node}"), "{}").await;
    }
    let mut socket = cloud.socket("ap-1").await;
    console.put("/v1/nodes/ap-1/config", large()).await;
    console.put("/v1/nodes/ap-2/config", "[2]").await;
    let news = next_config(&cloud, &mut socket, 1).await;
    assert_eq!(news.document, None);
    let path = format!("/v1/configs/{}", news.sha256);
    let fetched = cloud.http(&cloud.token("ap-1")).get(&path).await;
    assert_eq!(fetched.status, 200);
    assert_eq!(Document::verify(fetched.text, &news.sha256).expect("verified").text(), large());
    assert_eq!(cloud.http(&cloud.token("ap-2")).get(&path).await.status, 404, "it is not for this one");
    assert_eq!(cloud.http("").get(&path).await.status, 401);
    cloud.stop().await;
}

#[tokio::test]
async fn the_same_document_is_no_new_version_and_is_pushed_again_until_it_is_reported_on() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let mut socket = cloud.socket("ap-1").await;
    let same = [(1, r#"{"a":1,"b":2}"#, "pushed"), (2, "{\"b\": 2,\n \"a\": 1}", "unchanged")];
    for (seq, document, delivery) in same {
        let set = console.put("/v1/nodes/ap-1/config", document).await.json();
        assert_eq!((&set["version"], &set["delivery"]), (&json!(1), &json!(delivery)));
        assert_eq!(next_config(&cloud, &mut socket, seq).await.version, 1);
    }
    let report = r#"{"type":"check-in","seq":3,"config":{"version":1,"status":"rejected"}}"#;
    assert_eq!(next_ack(&mut socket, report).await, None);
    console.put("/v1/nodes/ap-1/config", r#"{"a":1,"b":2}"#).await;
    assert!(socket.is_quiet().await, "it knows");
    cloud.stop().await;
}

#[tokio::test]
async fn a_stale_if_match_is_refused_with_the_current_version() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let set = |version: &'static str, document: &'static str| {
        let console = console.clone();
        async move { console.send_with("PUT", "/v1/nodes/ap-1/config", &[("if-match", version)], document).await }
    };
    assert_eq!(set("\"0\"", "[1]").await.status, 200);
    assert_eq!(set("\"1\"", "[2]").await.status, 200);
    let stale = set("\"1\"", "[3]").await;
    assert_eq!(stale.problem(), (412, "version-mismatch".to_owned()));
    assert_eq!(stale.json()["current_version"], 2);
    assert_eq!(set("*", "[3]").await.json()["version"], 3);
    assert_eq!(set("three", "[4]").await.problem(), (400, "invalid-parameter".to_owned()));
    assert_eq!(console.get("/v1/nodes/ap-1/config").await.header("etag"), "\"3\"");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_operators_who_set_at_once_with_if_match_one_wins_and_no_version_is_skipped_or_used_twice() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    for round in 0_u64..5 {
        let mut operators = JoinSet::new();
        for operator in 0..6 {
            let (console, expected) = (console.clone(), format!("\"{round}\""));
            operators.spawn(async move {
                let document = json!([round, operator]).to_string();
                let headers = [("if-match", expected.as_str())];
                console.send_with("PUT", "/v1/nodes/ap-1/config", &headers, document).await
            });
        }
        let replies = operators.join_all().await;
        let won: Vec<_> = replies.iter().filter(|reply| reply.status == 200).collect();
        assert_eq!(won.len(), 1, "{replies:?}");
        assert_eq!(won[0].json()["version"], round + 1);
        assert!(replies.iter().filter(|reply| reply.status != 200).all(|reply| reply.problem().0 == 412));
    }
    let mut operators = JoinSet::new();
    for operator in 0..20 {
        let console = console.clone();
        operators.spawn(async move { console.put("/v1/nodes/ap-1/config", json!({"of": operator}).to_string()).await });
    }
    let versions: BTreeSet<_> =
        operators.join_all().await.iter().map(|reply| reply.json()["version"].as_u64().expect("set")).collect();
    assert_eq!(versions, (6..26).collect(), "without If-Match, everybody gets a version of their own");
    cloud.stop().await;
}

#[tokio::test]
async fn a_document_that_can_not_be_one_is_refused() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let deep = format!("{}{}", "[".repeat(400), "]".repeat(400));
    let huge = json!("x".repeat(97 * 1024)).to_string();
    for (body, problem) in [
        ("not json".to_owned(), (400, "invalid-body")),
        (String::new(), (400, "invalid-body")),
        (deep, (400, "invalid-body")),
        (huge, (413, "too-large")),
    ] {
        let reply = console.put("/v1/nodes/ap-1/config", body).await;
        assert_eq!(reply.problem(), (problem.0, problem.1.to_owned()));
    }
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
    for (body, detail) in [
        (vec![b'"', 0xff, b'"'], "the body is not UTF-8"),
        (utf16("\u{feff}{}"), "the body is UTF-16, must be UTF-8"),
        (utf16("{}"), "the body is UTF-16, must be UTF-8"),
        (b" \n".to_vec(), "the document is empty"),
        (br#"{"a":[{"b":1,"\u0062":2}]}"#.to_vec(), "the document has a name twice, at /a/0/b"),
        (br#"{"a":"\ud800"}"#.to_vec(), "the document has half a surrogate pair in its text, at /a"),
    ] {
        let reply = console.send("PUT", "/v1/nodes/ap-1/config", body).await;
        assert_eq!(reply.problem(), (400, "invalid-body".to_owned()));
        assert_eq!(reply.json()["detail"], detail);
    }
    assert_eq!(console.get("/v1/nodes/ap-1/config").await.json()["status"], "none");
    cloud.stop().await;
}

#[tokio::test]
async fn what_is_refused_leaves_no_document_and_takes_none_away() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    for node in ["ap-1", "ap-2", "ap-3"] {
        console.put(&format!("/v1/nodes/{node}"), r#"{"site": "hq"}"#).await;
    }
    console.send("POST", "/v1/nodes/ap-3/revoke", "").await;
    let put = async |path: &str, tag: Option<&str>, document: &str| {
        let headers: Vec<_> = tag.iter().map(|tag| ("if-match", *tag)).collect();
        console.send_with("PUT", path, &headers, document.to_owned()).await.status
    };
    assert_eq!(put("/v1/nodes/ap-9/config", None, "[1]").await, 404);
    assert_eq!(put("/v1/nodes/ap-3/config", None, "[1]").await, 410);
    assert_eq!(put("/v1/nodes/ap-1/config", Some("\"7\""), "[1]").await, 412);
    assert_eq!(put("/v1/nodes/ap-1/config", Some("seven"), "[1]").await, 400);
    assert_eq!(put("/v1/sites/nowhere/config", None, "[1]").await, 200);
    assert_eq!(cloud.documents().await, 0);
    assert_eq!(put("/v1/nodes/ap-1/config", None, "[1]").await, 200);
    assert_eq!(put("/v1/nodes/ap-2/config", Some("\"7\""), "[1]").await, 412, "of what another one is to run");
    assert_eq!(put("/v1/nodes/ap-1/config", Some("\"7\""), "[2]").await, 412);
    assert_eq!(cloud.documents().await, 1);
    assert_eq!(console.get("/v1/nodes/ap-1/config").await.json()["document"], json!([1]));
    assert_eq!(put("/v1/sites/hq/config", Some("*"), "[2]").await, 400, "a site has no version");
    assert_eq!(cloud.documents().await, 1);
    assert_eq!(put("/v1/sites/hq/config?replace=true", None, "[2]").await, 200);
    assert_eq!(put("/v1/sites/hq/config?replace=true", None, "[2]").await, 200);
    assert_eq!(cloud.documents().await, 2);
    for node in ["ap-1", "ap-2"] {
        assert_eq!(console.get(&format!("/v1/nodes/{node}/config")).await.json()["document"], json!([2]));
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_push_to_a_connection_that_is_gone_is_pending_and_the_node_is_suspected() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let online = cloud.held_elsewhere("ap-1").await.presence;
    let set = console.put("/v1/nodes/ap-1/config", "[1]").await.json();
    let node = cloud.stored("ap-1").await.expect("stored");
    assert_eq!(node.presence, online, "it has its grace period to return");
    // A push that is lost on its way tells nobody anything: that is for the sweep to notice.
    let (delivery, noticed) = if cloud.pushes { ("pending", true) } else { ("pushed", false) };
    assert_eq!((&set["delivery"], node.open().is_none(), node.due.is_some()), (&json!(delivery), noticed, noticed));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_site_is_set_page_by_page_and_its_document_is_read_a_handful_of_times() {
    const NODES: usize = 250;
    let cloud = Cloud::with(Options { alone: true, ..Options::default() }).await;
    let console = cloud.console();
    let nodes: Vec<_> = (0..NODES).map(|n| json!({"node": format!("ap-{n}"), "site": "hq"})).collect();
    for batch in nodes.chunks(100) {
        assert_eq!(console.send("POST", "/v1/nodes:batch", json!(batch).to_string()).await.status, 200);
    }
    let mut connected = cloud.socket("ap-7").await;
    let (mut set, mut pages, mut cursor) = ([0, 0], 0, String::new());
    loop {
        let page = console.put(&format!("/v1/sites/hq/config?{cursor}"), r#"{"ssid":"staff"}"#).await.json();
        assert_eq!(page["failed"], json!([]), "{page}");
        set[0] += page["pushed"].as_u64().expect("a number");
        set[1] += page["pending"].as_u64().expect("a number");
        pages += 1;
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("cursor={next}"),
            None => break,
        }
    }
    assert_eq!((set, pages >= 3), ([1, NODES as u64 - 1], true), "{pages} pages");
    assert_eq!(next_config(&cloud, &mut connected, 1).await.version, 1);

    let before = cloud.dynamodb.passed();
    for n in 0..NODES {
        let node = cloud.http(&cloud.token(&format!("ap-{n}")));
        let ack = node.send("POST", "/v1/check-in", r#"{"type":"check-in","seq":1}"#).await.json();
        assert_eq!(ack["config"]["document"], r#"{"ssid":"staff"}"#, "{ack}");
    }
    let read = cloud.dynamodb.passed() - before - NODES;
    assert!(read <= 8, "the document was read {read} times");
    cloud.stop().await;
}

/// How a node of the reference library finds this cloud.
fn node_config(cloud: &Cloud, node: &str) -> NodeConfig {
    NodeConfig { http_url: Some(cloud.stack.http_url()), ..cloud.node_config(node) }
}

/// Sets a configuration and waits until the node has reported on it; says what.
async fn set_and_reported(cloud: &Cloud, watched: &Watched, node: &str, document: String) -> ConfigOutcome {
    let set = cloud.console().put(&format!("/v1/nodes/{node}/config"), document).await.json();
    // Where pushes are lost, the next check-in brings it: here, at once.
    watched.node.check_in_now();
    let version = set["version"].as_u64().expect("set");
    let stored = cloud.until_stored(node, |node| node.desired.is_some() && node.news().is_none()).await;
    let reported = stored.config.expect("reported");
    assert_eq!(reported.version, version);
    reported
}

#[tokio::test]
async fn a_node_of_the_reference_library_applies_what_it_can_and_says_why_it_can_not() {
    let cloud = Cloud::start().await;
    cloud.console().put("/v1/nodes/ap-1", "{}").await;
    let watched = Watched::start(node_config(&cloud, "ap-1"));
    watched.until_acked(1).await;
    for document in [r#"{"ssid":"guests"}"#.to_owned(), large()] {
        let reported = set_and_reported(&cloud, &watched, "ap-1", document.clone()).await;
        assert_eq!(reported.state, ConfigState::Applied);
        assert_eq!(watched.running(), Some(document), "over the socket, and fetched");
    }
    let reported = set_and_reported(&cloud, &watched, "ap-1", r#"{"impossible":1}"#.to_owned()).await;
    assert_eq!((reported.state, reported.detail.as_deref()), (ConfigState::Rejected, Some("it is impossible")));
    assert_eq!(watched.running(), Some(large()), "it goes on as before");
    watched.node.stop().await.expect("it had not ended");
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_that_can_not_reach_the_server_any_more_goes_back_to_what_it_ran_before_and_says_so() {
    let gate = Arc::new(Semaphore::new(1));
    let options = Options { interceptor: Some(hold("connect", &gate)), ..Options::default() };
    let cloud = Cloud::with(options).await;
    cloud.console().put("/v1/nodes/ap-1", "{}").await;
    let config = node_config(&cloud, "ap-1");
    let timing = Timing { proof_timeout: Duration::from_secs(3), ..config.timing };
    let watched = Watched::start(NodeConfig { timing, ..config });
    watched.until_acked(1).await;
    // With this configuration, no new connection opens.
    let reported = set_and_reported(&cloud, &watched, "ap-1", r#"{"channel":165}"#.to_owned()).await;
    assert_eq!(reported.state, ConfigState::Rejected);
    assert!(reported.detail.expect("why").contains("rolled back"));
    assert_eq!(watched.running(), None);
    gate.add_permits(100);
    watched.node.stop().await.expect("it had not ended");
    cloud.stop().await;
}

#[tokio::test]
async fn no_number_of_a_configuration_is_rounded_wherever_it_is_told_or_shown() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let mut socket = cloud.socket("ap-1").await;
    let document = r#"{"a":[1.0,1e400,12345678901234567890123,0.1000,-0,1E5],"b":{"c":-0.0},"d":"1.0"}"#;
    // With a byte order mark, as an editor may put in front.
    let set = console.put("/v1/nodes/ap-1/config", format!("\u{feff}{document}\r\n")).await;
    assert_eq!(set.status, 200, "{set:?}");
    let news = next_config(&cloud, &mut socket, 1).await;
    assert_eq!(news.document.as_deref(), Some(document));
    socket.send(r#"{"type":"config"}"#).await;
    assert_eq!(pushed(&mut socket).await.document.as_deref(), Some(document), "and when it asks");
    let fetched = cloud.http(&cloud.token("ap-1")).get(&format!("/v1/configs/{}", news.sha256)).await;
    assert_eq!(fetched.text, document, "and when it fetches it");
    let shown = console.get("/v1/nodes/ap-1/config").await.text;
    assert!(shown.contains(&format!(r#""document":{document}"#)), "{shown}");

    next_ack(&mut socket, r#"{"type":"check-in","seq":2,"config":{"version":1,"status":"applied"}}"#).await;
    let other = document.replace("1.0,1e400", "1,1e401").replace("0.1000", "0.100");
    let set = console.put("/v1/nodes/ap-1/config", other.clone()).await.json();
    assert_eq!(set["version"], 2, "another way to write a number is another document");
    let shown = console.get("/v1/nodes/ap-1/config").await.text;
    for part in [
        format!(r#""document":{other}"#),
        format!(r#""document":{document}"#),
        r#"{"op":"replace","path":"/a/0","value":1}"#.to_owned(),
        r#"{"op":"replace","path":"/a/1","value":1e401}"#.to_owned(),
        r#"{"op":"replace","path":"/a/3","value":0.100}"#.to_owned(),
    ] {
        assert!(shown.contains(&part), "{part} is not in {shown}");
    }
    assert_eq!(shown.matches(r#""op""#).count(), 3, "{shown}");
    cloud.stop().await;
}
