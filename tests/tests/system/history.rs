//! What was set before: listed, compared, and gone back to.

use rollcall_core::Attribute;
use rollcall_tests::{Cloud, Frame, Http, Socket};
use rollcall_wire::{ConfigNews, ServerMessage};
use serde_json::{Value, json};

const CONFIG: &str = "/v1/nodes/ap-1/config";

/// The configuration that the answer to this check-in brings.
async fn news(socket: &mut Socket, seq: u64, report: Option<(u64, &str)>) -> Option<ConfigNews> {
    let mut check_in = json!({"type": "check-in", "seq": seq});
    if let Some((version, status)) = report {
        check_in["config"] = json!({"version": version, "status": status});
    }
    socket.send(check_in.to_string()).await;
    loop {
        match socket.next().await {
            Frame::Message(ServerMessage::Ack(ack)) => return ack.config,
            // What was pushed before is told again by the ack.
            Frame::Message(ServerMessage::Config(_)) => {}
            other => panic!("no ack: {other:?}"),
        }
    }
}

async fn set(console: &Http, channel: u32) -> Value {
    let set = console.put(CONFIG, json!({"channel": channel}).to_string()).await;
    assert_eq!(set.status, 200, "{set:?}");
    set.json()
}

async fn states(console: &Http) -> Vec<(u64, String)> {
    let list = console.get(&format!("{CONFIG}/versions")).await.json();
    let versions = list["versions"].as_array().expect("a list").iter();
    let state = |version: &Value| version["state"].as_str().expect("a state").to_owned();
    versions.map(|version| (version["version"].as_u64().expect("a number"), state(version))).collect()
}

#[tokio::test]
async fn a_bad_configuration_is_rolled_back_and_the_node_is_told_the_old_document_under_a_new_version() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let mut socket = cloud.socket("ap-1").await;
    set(&console, 1).await;
    assert_eq!(news(&mut socket, 1, None).await.map(|news| news.version), Some(1));
    assert_eq!(news(&mut socket, 2, Some((1, "applied"))).await, None);
    set(&console, 2).await;
    assert_eq!(news(&mut socket, 3, Some((2, "rejected"))).await, None);

    let dry = console.send("POST", &format!("{CONFIG}/rollback?dry_run=true"), "{}").await;
    assert_eq!((dry.status, &dry.json()["version"]), (200, &json!(3)), "{dry:?}");
    let back = console.send_with("POST", &format!("{CONFIG}/rollback"), &[("if-match", "\"2\"")], "{}").await;
    assert_eq!(back.status, 200, "{back:?}");
    assert_eq!((&back.json()["from"], &back.json()["to"], &back.json()["version"]), (&json!(2), &json!(1), &json!(3)));
    let told = news(&mut socket, 4, None).await.expect("news");
    assert_eq!((told.version, told.document.as_deref()), (3, Some(r#"{"channel":1}"#)));
    let again = console.send_with("POST", &format!("{CONFIG}/rollback"), &[("if-match", "\"2\"")], "{}").await;
    assert_eq!(again.problem(), (412, "version-mismatch".to_owned()));
    assert_eq!(news(&mut socket, 5, Some((3, "applied"))).await, None);
    let expected = [(3, "applied"), (2, "rejected"), (1, "applied")];
    assert_eq!(states(&console).await, expected.map(|(version, state)| (version, state.to_owned())));
    cloud.stop().await;
}

#[tokio::test]
async fn of_many_rollbacks_at_once_one_makes_a_version_and_all_say_which() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    for channel in [1, 2] {
        set(&console, channel).await;
    }
    let body = json!({"to": 1}).to_string();
    let rollbacks = (0..8).map(|_| {
        let (console, body) = (console.clone(), body.clone());
        tokio::spawn(async move { console.send("POST", &format!("{CONFIG}/rollback"), body).await })
    });
    for rollback in rollbacks.collect::<Vec<_>>() {
        let back = rollback.await.expect("it does not panic");
        assert_eq!((back.status, &back.json()["version"]), (200, &json!(3)), "{back:?}");
    }
    assert_eq!(states(&console).await.len(), 3);
    cloud.stop().await;
}

#[tokio::test]
async fn an_unset_node_keeps_what_it_runs_and_its_next_version_is_higher() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let mut socket = cloud.socket("ap-1").await;
    set(&console, 1).await;
    assert!(news(&mut socket, 1, None).await.is_some());
    assert_eq!(news(&mut socket, 2, Some((1, "applied"))).await, None);
    let stale = console.send_with("DELETE", CONFIG, &[("if-match", "\"7\"")], "").await;
    assert_eq!(stale.problem(), (412, "version-mismatch".to_owned()));
    let unset = console.send_with("DELETE", CONFIG, &[("if-match", "\"1\"")], "").await;
    assert_eq!(unset.json(), json!({"node": "ap-1", "version": 2, "changed": true, "applied": 1}), "{unset:?}");
    assert_eq!(news(&mut socket, 3, None).await, None, "it is told nothing");
    let stored = cloud.stored("ap-1").await.expect("stored");
    assert_eq!((stored.desired, stored.applied, stored.config_version), (None, Some(1), 2));
    let shown = console.get(CONFIG).await;
    assert_eq!(
        (&shown.json()["status"], &shown.json()["applied"]["document"]),
        (&json!("none"), &json!({"channel": 1}))
    );
    let again = console.send_with("PUT", CONFIG, &[("if-none-match", "*")], r#"{"channel":9}"#).await;
    assert_eq!((again.status, &again.json()["version"]), (200, &json!(3)), "{again:?}");
    assert_eq!(news(&mut socket, 4, None).await.map(|news| news.version), Some(3));
    cloud.stop().await;
}

#[tokio::test]
async fn a_site_s_configuration_keeps_a_node_s_own_until_it_is_unset_or_replaced() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    for node in ["ap-1", "ap-2"] {
        console.put(&format!("/v1/nodes/{node}"), r#"{"site":"hq"}"#).await;
    }
    set(&console, 1).await;
    let site = async |query: &str, channel: u32| {
        let path = format!("/v1/sites/hq/config{query}");
        console.put(&path, json!({"channel": channel}).to_string()).await.json()
    };
    let kept = site("", 2).await;
    assert_eq!((&kept["kept"], &kept["kept_nodes"], &kept["pending"]), (&json!(1), &json!(["ap-1"]), &json!(1)));
    assert_eq!(console.send("DELETE", CONFIG, "").await.status, 200);
    let left = site("", 2).await;
    assert_eq!((&left["kept"], &left["pending"], &left["unchanged"]), (&json!(0), &json!(1), &json!(1)));
    set(&console, 3).await;
    assert_eq!(site("?replace=true", 4).await["pending"], 2);
    assert_eq!(console.get(CONFIG).await.json()["desired"]["origin"], "site");
    assert_eq!(console.put("/v1/sites/hq/config?replace=yes", "{}").await.status, 400);
    let item = cloud.stored("ap-1").await.expect("stored");
    assert_eq!(item.config_version, 5, "{:?}", Attribute::SiteConfig);
    cloud.stop().await;
}

#[tokio::test]
async fn a_rollback_and_an_unset_are_told_with_who_did_it() {
    let cloud = Cloud::with_sources(rollcall_tests::Options::default()).await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    for channel in [1, 2] {
        set(&console, channel).await;
    }
    assert_eq!(console.send("POST", &format!("{CONFIG}/rollback"), "{}").await.status, 200);
    assert_eq!(console.send("DELETE", CONFIG, "").await.status, 200);
    let (mut events, mut after) = (vec![], String::new());
    while events.len() < 4 {
        let page = console.get(&format!("/v1/events?node=ap-1&type=config.*&wait_s=2{after}")).await.json();
        events.extend(page["events"].as_array().expect("a list").clone());
        after = format!("&after={}", page["cursor"].as_str().expect("a cursor"));
    }
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().expect("a type")).collect();
    assert_eq!(kinds, ["config.desired", "config.desired", "config.desired", "config.unset"]);
    let (first, back, unset) = (&events[0]["data"], &events[2]["data"], &events[3]["data"]);
    assert_eq!((&back["is"]["version"], &back["is"]["sha256"]), (&json!(3), &first["is"]["sha256"]));
    assert_eq!((&unset["was"], &unset["version"]), (&back["is"], &json!(4)));
    for event in &events {
        assert!(event["actor"].as_str().is_some_and(|actor| actor.starts_with("key-")), "{event}");
    }
    cloud.stop().await;
}
