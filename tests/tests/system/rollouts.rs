//! Rollouts, on real sockets and stepped by the real schedule.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_core::{Policy, Registration};
use rollcall_tests::{Cloud, Http, Options, Watched};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

/// Far longer than a rollout of these tests takes.
const PATIENCE: Duration = Duration::from_mins(2);
/// How many nodes there are.
const NODES: usize = 8;

/// A cloud whose nodes check in each second, and whose rollouts are stepped each second.
async fn cloud() -> Cloud {
    let policy = Policy::new(Registration::Open, 6600, 1, 30, 0).expect("in range");
    Cloud::stepping(Options { policy, ..Options::default() }).await
}

async fn connected(cloud: &Cloud, console: &Http) -> BTreeMap<String, Watched> {
    let mut nodes = BTreeMap::new();
    for nth in 0..NODES {
        let (id, spec) = (format!("ap-{nth}"), json!({"site": "hq", "model": "ax-2"}).to_string());
        assert_eq!(console.put(&format!("/v1/nodes/{id}"), spec).await.status, 200);
        assert_eq!(console.put(&format!("/v1/nodes/{id}/config"), r#"{"channel":1}"#).await.status, 200);
        nodes.insert(id.clone(), Watched::start(cloud.node_config(&id)));
    }
    for nth in 0..NODES {
        cloud.until_stored(&format!("ap-{nth}"), |node| node.applied == Some(1)).await;
    }
    nodes
}

async fn start(console: &Http, name: &str, change: Value) -> Value {
    let spec = json!({
        "select": "site=hq",
        "change": change,
        "waves": [{"nodes": 2}, {"percent": 100}],
        "gate": {"wait_s": 3, "patience_s": 30},
    });
    let made = console.put(&format!("/v1/rollouts/{name}"), spec.to_string()).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.json()
}

/// Waits until a rollout is in this state.
async fn until(console: &Http, name: &str, state: &str) -> Value {
    let mut last = Value::Null;
    let reached = async {
        loop {
            last = console.get(&format!("/v1/rollouts/{name}")).await.json();
            if last["state"] == state {
                return;
            }
            sleep(Duration::from_millis(200)).await;
        }
    };
    let is_reached = timeout(PATIENCE, reached).await.is_ok();
    assert!(is_reached, "it is never {state}: {last}");
    last
}

/// What was told of rollouts, in order.
async fn told(console: &Http) -> Vec<Value> {
    let (mut kinds, mut after) = (vec![], String::new());
    loop {
        let page = console.get(&format!("/v1/events?type=rollout.*{after}")).await.json();
        kinds.extend(page["events"].as_array().expect("a list").iter().map(|event| event["type"].clone()));
        let next = format!("&after={}", page["cursor"].as_str().expect("a cursor"));
        if next == after {
            return kinds;
        }
        after = next;
    }
}

#[tokio::test]
async fn a_rollout_reaches_connected_nodes_in_waves_and_can_be_taken_back_and_each_step_is_told() {
    let cloud = cloud().await;
    let console = cloud.console();
    let nodes = connected(&cloud, &console).await;

    let made = start(&console, "channel-36", json!({"config": {"channel": 36}})).await;
    assert_eq!((&made["state"], &made["nodes"]), (&json!("waiting"), &Value::Null));
    let done = until(&console, "channel-36", "completed").await;
    assert_eq!((&done["counts"]["applied"], &done["waves"]), (&json!(8), &json!([2, 8])), "{done}");
    for nth in 0..NODES {
        cloud.until_stored(&format!("ap-{nth}"), |node| node.applied == Some(2)).await;
    }

    let back = console.send("POST", "/v1/rollouts/channel-36/roll-back", "").await;
    assert_eq!(back.status, 200, "{back:?}");
    let done = until(&console, "channel-36", "rolled-back").await;
    assert_eq!(done["counts"]["rolled_back"], json!(8), "{done}");
    for nth in 0..NODES {
        let node = cloud.until_stored(&format!("ap-{nth}"), |node| node.applied == Some(3)).await;
        let sha256 = node.desired.expect("desired").sha256;
        assert_eq!(sha256, rollcall_wire::Document::parse(r#"{"channel":1}"#).expect("a document").sha256());
    }

    let kinds = told(&console).await;
    let [started, wave, ended] = ["rollout.started", "rollout.wave_started", "rollout.wave_ended"];
    let (completed, rolling, rolled) = ("rollout.completed", "rollout.rolling_back", "rollout.rolled_back");
    assert_eq!(kinds, [started, wave, ended, wave, ended, completed, rolling, rolled]);
    drop(nodes);
    cloud.stop().await;
}

#[tokio::test]
async fn nodes_that_go_away_after_they_were_told_stop_a_rollout_by_themselves() {
    let cloud = cloud().await;
    let console = cloud.console();
    let mut nodes = connected(&cloud, &console).await;
    start(&console, "silent", json!({"config": {"channel": 36}})).await;
    // The first wave has two nodes. Both go away as soon as they were told.
    let told = timeout(PATIENCE, async {
        loop {
            let page = console.get("/v1/rollouts/silent/nodes").await.json();
            let told = page["nodes"].as_array().expect("a list").iter().filter(|node| node["state"] != "waiting");
            let told: Vec<_> = told.filter_map(|node| node["node"].as_str().map(str::to_owned)).collect();
            if told.len() == 2 {
                return told;
            }
            sleep(Duration::from_millis(50)).await;
        }
    });
    for node in told.await.expect("told") {
        drop(nodes.remove(&node));
    }
    let failed = until(&console, "silent", "failed").await;
    assert_eq!((&failed["wave"], &failed["counts"]["lost"]), (&json!(1), &json!(2)), "{failed}");
    let desired = console.get("/v1/nodes?select=config=pending").await.json();
    assert!(desired["nodes"].as_array().expect("a list").len() <= 2, "nobody else was told: {desired}");
    drop(nodes);
    cloud.stop().await;
}

#[tokio::test]
async fn a_change_that_nodes_refuse_is_taken_back_by_itself_after_the_first_wave() {
    let cloud = cloud().await;
    let console = cloud.console();
    let nodes = connected(&cloud, &console).await;
    let spec = json!({
        "select": "model=ax-2",
        "change": {"config": {"impossible": true}},
        "waves": [{"nodes": 2}, {"percent": 100}],
        "gate": {"wait_s": 3, "on_failure": "roll-back"},
    });
    assert_eq!(console.put("/v1/rollouts/impossible", spec.to_string()).await.status, 201);
    let done = until(&console, "impossible", "rolled-back").await;
    assert_eq!((&done["counts"]["rolled_back"], &done["counts"]["waiting"]), (&json!(2), &json!(6)), "{done}");
    for node in nodes.values() {
        assert_eq!(node.running().as_deref(), Some(r#"{"channel":1}"#));
    }
    drop(nodes);
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_that_refuses_a_change_is_told_again_and_has_failed_after_its_last_attempt() {
    let cloud = cloud().await;
    let console = cloud.console();
    let nodes = connected(&cloud, &console).await;
    let spec = json!({
        "select": "model=ax-2",
        "change": {"config": {"impossible": true}},
        "waves": [{"nodes": 1}, {"percent": 100}],
        "gate": {"wait_s": 3},
        "retry": [{"code": "rejected", "times": 2, "wait_s": 1}],
    });
    assert_eq!(console.put("/v1/rollouts/impossible", spec.to_string()).await.status, 201);
    let done = until(&console, "impossible", "failed").await;
    assert_eq!((&done["counts"]["failed"], &done["retries"]), (&json!(1), &json!(2)), "{done}");
    let page = console.get("/v1/rollouts/impossible/nodes?state=failed").await.json();
    let node = &page["nodes"][0];
    assert_eq!((&node["attempts"], &node["version"]), (&json!(3), &json!(4)), "{page}");
    assert!(node["code"].is_string() && page["nodes"].as_array().map(Vec::len) == Some(1), "{page}");
    for node in nodes.values() {
        assert_eq!(node.running().as_deref(), Some(r#"{"channel":1}"#));
    }
    drop(nodes);
    cloud.stop().await;
}

#[tokio::test]
async fn the_rollout_of_the_documentation_is_taken_as_it_is_written() {
    let cloud = cloud().await;
    let console = cloud.console();
    let page = include_str!("../../../docs/rollouts.md");
    let (_, example) = page.split_once("```json\n").expect("an example");
    let (example, _) = example.split_once("```").expect("its end");
    assert_eq!(console.put("/v1/nodes/ap-1", r#"{"site":"hq","model":"ax-2"}"#).await.status, 200);
    let made = console.put("/v1/rollouts/channel-36", example.to_owned()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let written: Value = serde_json::from_str(example).expect("JSON");
    assert_eq!(console.get("/v1/rollouts/channel-36").await.json()["spec"], written);
    cloud.stop().await;
}
