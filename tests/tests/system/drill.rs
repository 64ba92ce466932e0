//! The disaster drill of docs/disaster.md: the tables are lost, or an hour of what was written to them is.

use std::time::Duration;

use rollcall_core::{Node, Policy, Presence, Registration};
use rollcall_node::{NodeConfig, NodeEvent, Timing};
use rollcall_tests::{Cloud, Http, Options, Watched};
use serde_json::{Value, json};

/// The nodes that are connected, and one that is away.
const CONNECTED: [&str; 3] = ["ap-0", "ap-1", "ap-2"];
const AWAY: &str = "ap-away";
/// How often nodes check in, in seconds.
const INTERVAL_S: u32 = 2;

/// A cloud where only what the application registers may connect.
async fn cloud() -> Cloud {
    let policy = Policy::new(Registration::Closed, 6600, INTERVAL_S, 30, 0).expect("in range");
    Cloud::with(Options { policy, ..Options::default() }).await
}

/// A node whose waits are short.
fn start(cloud: &Cloud, node: &str) -> Watched {
    let config = cloud.node_config(node);
    let timing = Timing {
        unregistered_base: Duration::from_secs(1),
        // The restored item names an earlier connection: the node is told that another device took over.
        superseded_base: Duration::from_secs(1),
        backoff_cap: Duration::from_secs(2),
        first_spread: Duration::from_secs(1),
        ..config.timing
    };
    Watched::start(NodeConfig { timing, ..config })
}

async fn put(console: &Http, path: &str, body: Value) {
    let reply = console.put(path, body.to_string()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

async fn queue(console: &Http, node: &str, key: &str) -> u64 {
    let path = format!("/v1/nodes/{node}/commands");
    let queued = console.send_with("POST", &path, &[("idempotency-key", key)], r#"{"name":"scan","args":[5]}"#).await;
    assert_eq!(queued.status, 201, "{queued:?}");
    queued.json()["command"].as_u64().expect("a number")
}

/// Registers a node that is to run the second version of its configuration.
async fn register(console: &Http, node: &str) {
    put(console, &format!("/v1/nodes/{node}"), json!({"site": "hq", "name": format!("the {node}")})).await;
    for version in 1..=2 {
        put(console, &format!("/v1/nodes/{node}/config"), json!({ "n": version })).await;
    }
}

/// Every node, as an import takes it.
async fn exported(console: &Http) -> Vec<Value> {
    let page = console.get("/v1/nodes:export").await.json();
    let mut nodes = page["nodes"].as_array().expect("a list").clone();
    nodes.sort_by_key(|node| node["node"].as_str().map(str::to_owned));
    nodes
}

/// Whether a node is connected, and runs this version of its configuration.
fn runs(node: &Node, version: u64) -> bool {
    matches!(node.presence, Presence::Online(_))
        && node.applied == Some(version)
        && node.firmware.is_some()
        && node.desired.as_ref().is_some_and(|desired| desired.version == version)
}

#[tokio::test]
async fn after_the_tables_were_lost_an_export_brings_back_all_of_it_and_the_nodes_come_by_themselves() {
    let cloud = cloud().await;
    let console = cloud.console();
    for node in CONNECTED.iter().chain([&AWAY]) {
        register(&console, node).await;
    }
    let nodes = CONNECTED.map(|node| start(&cloud, node));
    for node in CONNECTED {
        cloud.until_stored(node, |node| runs(node, 2)).await;
    }
    assert_eq!(queue(&console, CONNECTED[0], "done").await, 1);
    cloud.until_stored(CONNECTED[0], |node| node.commands_over == 1 || node.open_commands().is_none()).await;
    assert_eq!((queue(&console, AWAY, "a").await, queue(&console, AWAY, "b").await), (1, 2));
    let open = console.get(&format!("/v1/nodes/{AWAY}/commands")).await.json();
    let before = exported(&console).await;

    cloud.lose_tables().await;
    assert_eq!(exported(&console).await, [] as [Value; 0]);
    let imported = console.send("POST", "/v1/nodes:import", Value::from(before.clone()).to_string()).await;
    let results = imported.json();
    let results = results.as_array().expect("a list");
    assert!(results.iter().all(|result| result["status"] == 200), "{results:#?}");

    for node in CONNECTED {
        let stored = cloud.until_stored(node, |node| runs(node, 2)).await;
        assert!(stored.config_is_its_own, "{stored:?}");
    }
    let after = exported(&console).await;
    assert_eq!(after, before, "nothing differs");
    assert_eq!(console.get(&format!("/v1/nodes/{AWAY}/commands")).await.json(), open, "its commands are open");
    let dry = console.send("POST", "/v1/nodes:import?dry_run=true", Value::from(before).to_string()).await.json();
    let changed = dry.as_array().expect("a list").iter().filter(|result| result["changed"] != json!([]));
    assert_eq!(changed.count(), 0, "there is no drift: {dry:#?}");

    // Numbers go on where they were.
    assert_eq!((queue(&console, AWAY, "c").await, queue(&console, CONNECTED[0], "next").await), (3, 2));
    put(&console, &format!("/v1/nodes/{}/config", CONNECTED[1]), json!({"n": 3})).await;
    cloud.until_stored(CONNECTED[1], |node| runs(node, 3)).await;
    assert_eq!(nodes[1].running().as_deref(), Some(r#"{"n":3}"#));
    let _away = start(&cloud, AWAY);
    cloud.until_stored(AWAY, |node| runs(node, 2) && node.commands_queued == 3).await;
    drop(nodes);
    cloud.stop().await;
}

#[tokio::test]
async fn after_an_old_backup_was_restored_no_number_that_was_given_out_is_given_out_again() {
    let cloud = cloud().await;
    let console = cloud.console();
    register(&console, "ap-0").await;
    let node = start(&cloud, "ap-0");
    cloud.until_stored("ap-0", |node| runs(node, 2)).await;
    let backup = cloud.backup().await;
    // What happens in the hour that will be lost.
    let lost: Vec<_> = (3..=4).collect();
    for version in &lost {
        put(&console, "/v1/nodes/ap-0/config", json!({ "n": version })).await;
        cloud.until_stored("ap-0", |node| runs(node, *version)).await;
    }
    assert_eq!(queue(&console, "ap-0", "a").await, 1);
    node.until(1, |event| matches!(event, NodeEvent::CommandFinished(_))).await;

    cloud.lose_tables().await;
    cloud.restore(backup).await;
    let body = json!([{"node": "ap-0"}, {"node": "nobody"}]).to_string();
    let renumbered = console.send("POST", "/v1/nodes:renumber", body).await.json();
    assert_eq!((&renumbered[0]["status"], &renumbered[1]["status"]), (&json!(200), &json!(404)), "{renumbered}");
    let given = cloud.stored("ap-0").await.and_then(|node| node.desired).expect("a configuration").version;
    assert!(given > 4, "{given} was given out before");
    cloud.until_stored("ap-0", |node| runs(node, given)).await;
    assert_eq!(node.running().as_deref(), Some(r#"{"n":2}"#), "it runs what is desired, which is the old one");
    put(&console, "/v1/nodes/ap-0/config", json!({"n": 5})).await;
    cloud.until_stored("ap-0", |node| runs(node, given + 1)).await;
    assert_eq!(node.running().as_deref(), Some(r#"{"n":5}"#));
    let next = queue(&console, "ap-0", "b").await;
    assert!(next > 1, "{next} was given out before");
    node.until(2, |event| matches!(event, NodeEvent::CommandFinished(_))).await;
    cloud.stop().await;
}
