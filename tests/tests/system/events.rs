//! The application is told what happens to its fleet: in order, once, and by whom.

use rollcall_core::{Policy, Presence, Registration};
use rollcall_tests::{Cloud, Http, Options, Program, READ_KEY, python, scripts};
use rollcall_wire::{Ack, ServerMessage};
use serde_json::{Value, json};

/// Far longer than it takes until an event is told.
const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);

/// Reads the events after a cursor until there are as many of this node; gives them, and the next cursor.
async fn told(console: &Http, node: &str, after: &str, count: usize) -> (Vec<Value>, String) {
    let asked = tokio::time::timeout(PATIENCE, ask(console, node, after, count)).await;
    let (events, cursor) = asked.unwrap_or_else(|_| panic!("{node} has no {count} events"));
    assert_eq!(events.len(), count, "{events:#?}");
    (events, cursor)
}

async fn ask(console: &Http, node: &str, after: &str, count: usize) -> (Vec<Value>, String) {
    let (mut events, mut cursor) = (vec![], after.to_owned());
    while events.len() < count {
        let after = if cursor.is_empty() { String::new() } else { format!("&after={cursor}") };
        let page = console.get(&format!("/v1/events?node={node}&wait_s=2{after}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        events.extend(page.json()["events"].as_array().expect("a list").clone());
        page.json()["cursor"].as_str().expect("a cursor").clone_into(&mut cursor);
    }
    (events, cursor)
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}

#[tokio::test]
async fn a_node_s_life_is_told_in_order_with_what_was_what_is_and_who_did_it() {
    let policy = Policy::new(Registration::Open, 6600, 300, 1, 0).expect("in range");
    let cloud = Cloud::with_sources(Options { policy, sweep_every: 1, ..Options::default() }).await;
    let console = cloud.console();
    assert_eq!(console.put("/v1/nodes/ap-1", r#"{"site":"hq"}"#).await.status, 200);
    assert_eq!(console.put("/v1/nodes/ap-1/config", r#"{"channel":36}"#).await.status, 200);
    let mut socket = cloud.socket("ap-1").await;
    let report = json!({"type": "check-in", "seq": 1, "config": {"version": 1, "status": "applied"}});
    socket.send(report.to_string()).await;
    let (events, cursor) = told(&console, "ap-1", "", 4).await;
    assert_eq!(kinds(&events), ["node.registered", "config.desired", "node.online", "config.applied"]);
    let [registered, desired, online, applied] = &events[..] else { panic!("four events") };
    assert_eq!((&registered["data"]["was"], &registered["data"]["is"]["site"]), (&Value::Null, &json!("hq")));
    assert!(desired["actor"].as_str().is_some_and(|actor| actor.starts_with("key-")), "{desired}");
    assert_eq!(
        (&desired["site"], &online["actor"], &applied["data"]["version"]),
        (&json!("hq"), &Value::Null, &json!(1))
    );
    assert_eq!((&online["specversion"], &online["subject"]), (&json!("1.0"), &json!("ap-1")));
    drop(socket);
    let other = cloud.socket("ap-2").await;
    let (gone, cursor) = told(&console, "ap-1", &cursor, 1).await;
    assert_eq!(kinds(&gone), ["node.offline"], "the sweep has called it offline");
    let back = cloud.socket("ap-1").await;
    let (back_again, _) = told(&console, "ap-1", &cursor, 1).await;
    assert_eq!(kinds(&back_again), ["node.online"]);
    let all: Vec<_> = events.iter().chain(&gone).chain(&back_again).collect();
    assert!(all.is_sorted_by_key(|event| event["sequence"].as_str()), "{all:#?}");
    let timeline = cloud.http(READ_KEY).get("/v1/nodes/ap-1/events?limit=4").await.json();
    let newest: Vec<_> = all.iter().rev().take(4).map(|event| &event["id"]).collect();
    let listed: Vec<_> = timeline["events"].as_array().expect("a list").iter().map(|event| &event["id"]).collect();
    assert_eq!(listed, newest);
    let cursor = timeline["cursor"].as_str().expect("there are more");
    let rest = console.get(&format!("/v1/nodes/ap-1/events?limit=4&cursor={cursor}")).await.json();
    assert_eq!((rest["events"].as_array().map(Vec::len), &rest["cursor"]), (Some(2), &Value::Null), "{rest}");
    drop((other, back));
    cloud.stop().await;
}

#[tokio::test]
async fn what_a_rollout_does_to_a_node_is_told_with_the_rollout_s_name() {
    let cloud = Cloud::stepping(Options::default()).await;
    let console = cloud.console();
    assert_eq!(console.put("/v1/nodes/ap-1", r#"{"site":"hq"}"#).await.status, 200);
    assert_eq!(console.put("/v1/nodes/ap-1/config", r#"{"channel":1}"#).await.status, 200);
    let spec = json!({"select": "site=hq", "change": {"config": {"channel": 36}}, "waves": [{"percent": 100}]});
    assert_eq!(console.put("/v1/rollouts/channel-36", spec.to_string()).await.status, 201);
    let (events, cursor) = told(&console, "ap-1", "", 3).await;
    assert_eq!(kinds(&events), ["node.registered", "config.desired", "config.desired"]);
    assert_eq!(events[2]["actor"], "rollout:channel-36");
    assert_eq!(console.send("POST", "/v1/rollouts/channel-36/roll-back", "").await.status, 200);
    let (events, _) = told(&console, "ap-1", &cursor, 1).await;
    assert_eq!((kinds(&events), &events[0]["actor"]), (vec!["config.desired"], &json!("rollout:channel-36")));
    cloud.stop().await;
}

#[tokio::test]
async fn a_command_s_life_is_told_with_its_output() {
    let cloud = Cloud::with_sources(Options::default()).await;
    let console = cloud.console();
    let mut socket = cloud.socket("ap-1").await;
    let (_, cursor) = told(&console, "ap-1", "", 2).await;
    let key = [("idempotency-key", "a")];
    let queued = console
        .send_with("POST", "/v1/nodes/ap-1/commands", &key, r#"{"name":"scan","args":[5,0.12345678901234567890]}"#)
        .await;
    assert_eq!(queued.status, 201, "{queued:?}");
    let result = json!({"command": 1, "status": "done", "output": "3 networks"});
    socket.send(json!({"type": "check-in", "seq": 1, "ack": true, "results": [result]}).to_string()).await;
    let page = console.get(&format!("/v1/events?node=ap-1&wait_s=20&after={cursor}")).await;
    assert!(page.text.contains(r#""name":"scan","args":[5,0.12345678901234567890]"#), "no number is rounded: {page:?}");
    let (events, _) = told(&console, "ap-1", &cursor, 2).await;
    assert_eq!(kinds(&events), ["command.queued", "command.finished"]);
    let finished = &events[1];
    assert_eq!((&finished["data"]["outcome"], &finished["data"]["output"]), (&json!("done"), &json!("3 networks")));
    cloud.stop().await;
}

#[tokio::test]
async fn a_command_that_expires_while_its_node_is_away_is_told_without_the_node() {
    let policy = Policy::new(Registration::Open, 6600, 300, 1, 0).expect("in range");
    // A slow scan begins every 15 sweeps.
    let cloud = Cloud::with_sources(Options { policy, sweep_every: 1, ..Options::default() }).await;
    let console = cloud.console();
    let _there = cloud.socket("ap-2").await;
    assert_eq!(console.put("/v1/nodes/ap-1", "{}").await.status, 200);
    let command = r#"{"name":"scan","expires_in_s":1}"#;
    let queued = console.send_with("POST", "/v1/nodes/ap-1/commands", &[("idempotency-key", "a")], command).await;
    assert_eq!(queued.status, 201, "{queued:?}");
    let (events, _) = told(&console, "ap-1", "", 3).await;
    assert_eq!(kinds(&events), ["node.registered", "command.queued", "command.expired"]);
    assert_eq!(events[2]["data"], json!({"command": 1, "name": "scan", "sent": false}));
    cloud.stop().await;
}

#[tokio::test]
async fn what_is_told_fits_the_schema_of_its_type_and_nothing_else_does() {
    let policy = Policy::new(Registration::Open, 6600, 300, 1, 0).expect("in range");
    let cloud = Cloud::with_sources(Options { policy, sweep_every: 1, ..Options::default() }).await;
    let console = cloud.console();
    assert_eq!(console.put("/v1/nodes/ap-1", r#"{"site":"hq","tags":["roof"],"model":"ax-2"}"#).await.status, 200);
    assert_eq!(console.put("/v1/nodes/ap-1/config", r#"{"channel":36}"#).await.status, 200);
    for (key, body) in [("a", r#"{"name":"scan","args":[5]}"#), ("b", r#"{"name":"reboot"}"#)] {
        let queued = console.send_with("POST", "/v1/nodes/ap-1/commands", &[("idempotency-key", key)], body).await;
        assert_eq!(queued.status, 201, "{queued:?}");
    }
    assert_eq!(console.send("DELETE", "/v1/nodes/ap-1/commands/1", "").await.status, 204);
    let mut socket = cloud.socket("ap-1").await;
    for (seq, status) in (1..).zip(["applied", "rejected", "substituted"]) {
        let config = json!({"version": 1, "status": status, "detail": "as told"});
        socket.send(json!({"type": "check-in", "seq": seq, "config": config}).to_string()).await;
        // Messages are handled in parallel.
        cloud.until_stored("ap-1", |node| node.seq == Some(seq)).await;
    }
    drop(socket);
    let (events, _) = told(&console, "ap-1", "", 10).await;
    let kinds: std::collections::BTreeSet<_> = kinds(&events).into_iter().collect();
    assert_eq!(kinds.len(), 9, "{kinds:?}");
    let wrong = events.iter().map(|event| {
        let mut event = event.clone();
        event["type"] = json!(if event["type"] == "command.queued" { "config.applied" } else { "command.queued" });
        event
    });
    let values: Vec<_> = events.iter().cloned().chain(wrong).collect();
    let schema = cloud.http(READ_KEY).get("/v1/events/schema.json").await;
    assert_eq!(schema.header("content-type"), "application/schema+json");
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let mut fits = tokio::process::Command::new(python("schemathesis").await);
    fits.arg(scripts().join("fits.py")).arg(file("schema.json", &schema.text));
    let ended = Program::start(fits.arg(file("values.json", &json!(values).to_string()))).ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let fit: Vec<bool> = serde_json::from_str(&ended.stdout).expect("a list");
    assert_eq!(fit, [vec![true; events.len()], vec![false; events.len()]].concat(), "{values:#?}");
    cloud.stop().await;
}

#[tokio::test]
async fn a_record_that_nobody_can_read_is_given_up_at_once_and_the_others_are_told() {
    let cloud = Cloud::with_sources(Options::default()).await;
    cloud.poison("ap-9").await;
    let _socket = cloud.socket("ap-1").await;
    let (events, _) = told(&cloud.console(), "ap-1", "", 2).await;
    assert_eq!(kinds(&events), ["node.registered", "node.online"]);
    let discarded = cloud.journal.until("feed", "discarded", 1).await;
    let [line] = &discarded[..] else { panic!("once: {discarded:?}") };
    let reason = line["error"].as_str().expect("a reason");
    assert!(
        reason.contains("Seen (s)") && line["node"] == "ap-9",
        "the reason names the node and the attribute: {line}"
    );
    cloud.stop().await;
}

#[tokio::test]
async fn an_idle_check_in_invokes_nothing_else() {
    let cloud = Cloud::with_sources(Options::default()).await;
    let mut socket = cloud.socket("ap-1").await;
    let (_, cursor) = told(&cloud.console(), "ap-1", "", 2).await;
    let before = cloud.journal.until("feed", "told", 1).await.len();
    for seq in 1..=20 {
        socket.check_in(seq).await;
        let rollcall_tests::Frame::Message(ServerMessage::Ack(Ack { .. })) = socket.next().await else {
            panic!("no ack")
        };
    }
    // What is written next is told after all of them.
    assert_eq!(cloud.console().put("/v1/nodes/ap-1/config", "{}").await.status, 200);
    let (events, _) = told(&cloud.console(), "ap-1", &cursor, 1).await;
    assert_eq!(kinds(&events), ["config.desired"]);
    let invocations = cloud.journal.until("feed", "told", before + 1).await.len();
    assert_eq!(invocations - before, 1, "the check-ins have invoked the feed");
    cloud.stop().await;
}

#[tokio::test]
async fn the_schedule_sweeps_without_being_asked() {
    let policy = Policy::new(Registration::Open, 6600, 300, 1, 0).expect("in range");
    let cloud = Cloud::with_sources(Options { policy, sweep_every: 1, ..Options::default() }).await;
    let _there = cloud.socket("ap-2").await;
    drop(cloud.socket("ap-1").await);
    cloud.until_stored("ap-1", |node| matches!(node.presence, Presence::Offline(Some(_)))).await;
    let there = cloud.stored("ap-2").await.expect("stored").presence;
    assert!(matches!(there, Presence::Online(_)), "{there:?}");
    cloud.stop().await;
}

#[tokio::test]
async fn a_request_for_events_that_makes_no_sense_is_refused() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    for (query, code) in [
        ("after=soon", "invalid-cursor"),
        ("type=node.asleep", "invalid-parameter"),
        ("wait_s=21", "invalid-parameter"),
        ("wait_s=-1", "invalid-parameter"),
        ("node=a/b", "invalid-parameter"),
        ("limit=0", "invalid-parameter"),
        ("since=1", "invalid-parameter"),
    ] {
        let refused = console.get(&format!("/v1/events?{query}")).await;
        assert_eq!(refused.problem(), (400, code.to_owned()), "{query}");
    }
    let now = console.get("/v1/events?after=now&type=node.*&wait_s=0").await.json();
    assert_eq!(now["events"], json!([]));
    assert_eq!(console.get("/v1/nodes/nobody/events").await.problem(), (404, "unknown-node".to_owned()));
    cloud.stop().await;
}
