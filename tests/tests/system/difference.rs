//! How what a node runs differs from what it is to run.

use rollcall_service::Store as _;
use rollcall_tests::{Cloud, Http};
use serde_json::{Value, json};

/// A registered node that polls: what it reports, and what the console says then.
struct Polling {
    node: Http,
    console: Http,
}

impl Polling {
    async fn of(cloud: &Cloud) -> Self {
        let console = cloud.console();
        console.put("/v1/nodes/ap-1", "{}").await;
        Self { node: cloud.http(&cloud.token("ap-1")), console }
    }

    async fn want(&self, document: &Value) {
        let set = self.console.put("/v1/nodes/ap-1/config", document.to_string()).await;
        assert_eq!(set.status, 200, "{set:?}");
    }

    async fn report(&self, version: u64, status: &str) {
        let report = json!({"type": "check-in", "seq": 1, "config": {"version": version, "status": status}});
        let ack = self.node.send("POST", "/v1/check-in", report.to_string()).await;
        assert_eq!(ack.status, 200, "{ack:?}");
    }

    async fn shown(&self) -> Value {
        self.console.get("/v1/nodes/ap-1/config").await.json()
    }
}

#[tokio::test]
async fn what_a_node_runs_is_shown_and_how_to_get_from_there_to_what_is_desired() {
    let cloud = Cloud::start().await;
    let node = Polling::of(&cloud).await;
    node.want(&json!({"ssid": "guests", "channel": 36})).await;
    let shown = node.shown().await;
    assert_eq!((&shown["applied"], shown.get("difference")), (&Value::Null, None), "nobody knows what it runs");
    node.report(1, "applied").await;
    let shown = node.shown().await;
    assert_eq!((&shown["applied"]["sha256"], &shown["difference"]), (&shown["desired"]["sha256"], &json!([])));

    node.want(&json!({"ssid": "guests", "channel": 40})).await;
    let shown = node.shown().await;
    assert_eq!((&shown["desired"]["version"], &shown["applied"]["version"]), (&json!(2), &json!(1)));
    assert_eq!(shown["applied"]["document"], json!({"ssid": "guests", "channel": 36}));
    assert_eq!(shown["difference"], json!([{"op": "replace", "path": "/channel", "value": 40}]));
    node.report(2, "substituted").await;
    assert_eq!(node.shown().await["difference"], json!([]), "something close to it runs");
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_that_rejects_a_version_is_compared_with_the_one_that_it_went_on_with() {
    let cloud = Cloud::start().await;
    let node = Polling::of(&cloud).await;
    node.want(&json!([1])).await;
    node.report(1, "applied").await;
    node.want(&json!([2])).await;
    node.report(2, "rejected").await;
    for status in ["rejected", "pending"] {
        let shown = node.shown().await;
        assert_eq!((&shown["status"], &shown["applied"]["version"]), (&json!(status), &json!(1)));
        assert_eq!(shown["applied"]["document"], json!([1]), "{status}");
        node.want(&json!([3])).await;
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_that_is_many_versions_behind_is_compared_with_what_it_runs() {
    let cloud = Cloud::start().await;
    let node = Polling::of(&cloud).await;
    node.want(&json!({"n": 1})).await;
    node.want(&json!({"n": 2})).await;
    node.report(2, "applied").await;
    for n in 3..=30 {
        node.want(&json!({"n": n})).await;
        let shown = node.shown().await;
        assert_eq!(shown["applied"]["document"], json!({"n": 2}), "{n} is desired");
        assert_eq!(shown["difference"], json!([{"op": "replace", "path": "/n", "value": n}]));
    }
    cloud.stop().await;
}

#[tokio::test]
async fn what_is_not_known_is_left_out_and_claimed_versions_prove_nothing() {
    let cloud = Cloud::start().await;
    let node = Polling::of(&cloud).await;
    node.report(7, "applied").await;
    node.want(&json!([1])).await;
    let shown = node.shown().await;
    assert_eq!(shown["applied"], json!({"version": 7, "sha256": null, "document": null}));
    assert_eq!(shown.get("difference"), None);

    let too_large = node.console.put("/v1/nodes/ap-1/config", "1e400").await;
    assert_eq!(too_large.status, 200, "numbers are kept as they were written");
    node.report(2, "applied").await;
    let shown = node.console.get("/v1/nodes/ap-1/config").await.text;
    assert!(shown.contains(r#""document":1e400"#) && shown.contains(r#""difference":[]"#), "{shown}");
    cloud.stop().await;
}

#[tokio::test]
async fn what_is_remembered_of_a_node_is_no_node() {
    let cloud = Cloud::start().await;
    let node = Polling::of(&cloud).await;
    node.want(&json!([1])).await;
    let (nodes, _) = cloud.store().page_of_all(None, 100).await.expect("readable");
    assert_eq!(nodes.len(), 1, "{nodes:?}");
    assert_eq!(node.console.get("/v1/nodes").await.json()["nodes"].as_array().map(Vec::len), Some(1));
    cloud.stop().await;
}
