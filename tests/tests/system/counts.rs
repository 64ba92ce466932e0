//! How many nodes there are of each kind, beside the nodes that there are.

use std::time::Duration;

use rollcall_core::{CountedBy, Deletion, Key};
use rollcall_service::{Order, Store as _};
use rollcall_tests::{Cloud, Frame, Http};
use serde_json::{Value, json};

/// Far longer than the feed is behind.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Every property by which nodes are counted.
const PROPERTIES: [&str; 6] = ["presence", "firmware", "firmware_update", "config", "model", "site"];

/// How many nodes a selector means.
async fn meant(console: &Http, selector: &str) -> u64 {
    let selector: String = url(selector);
    let page = console.get(&format!("/v1/nodes?limit=100&select={selector}")).await.json();
    page["total"].as_u64().unwrap_or_else(|| panic!("the fleet is larger than a page: {page}"))
}

fn url(text: &str) -> String {
    text.bytes().fold(String::new(), |url, byte| url + &format!("%{byte:02x}"))
}

/// The counts of a property that are not those of the nodes: each with its selector, and how many nodes that means.
async fn wrong(console: &Http, fleet: &Value, property: &str) -> Vec<String> {
    let (mut wrong, mut sum) = (vec![], 0);
    let counts = fleet[property]["counts"].as_array().expect("counts");
    for count in counts {
        let (select, nodes) =
            (count["select"].as_str().expect("a selector"), count["nodes"].as_u64().expect("a number"));
        let meant = meant(console, select).await;
        if meant != nodes {
            wrong.push(format!("{select}: {nodes} are counted, {meant} there are"));
        }
        sum += nodes;
    }
    if fleet["nodes"] != sum {
        wrong.push(format!("by {property}, {sum} of {} are counted", fleet["nodes"]));
    }
    wrong
}

/// Waits until so many nodes are counted, and each as what it is.
async fn until_right(console: &Http, nodes: u64) -> Value {
    let mut last = vec![];
    let right = async {
        loop {
            let fleet = console.get("/v1/fleet").await.json();
            last = vec![];
            for property in PROPERTIES {
                last.extend(wrong(console, &fleet, property).await);
            }
            if fleet["nodes"] == nodes && last.is_empty() {
                return fleet;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let right = tokio::time::timeout(PATIENCE, right).await;
    right.unwrap_or_else(|_| panic!("{nodes} nodes are not counted as what they are: {last:#?}"))
}

/// The counts of a property: values, and how many nodes have each.
fn counts<'a>(fleet: &'a Value, property: &str) -> Vec<(Option<&'a str>, u64)> {
    let counts = fleet[property]["counts"].as_array().expect("counts").iter();
    counts.map(|count| (count["value"].as_str(), count["nodes"].as_u64().expect("a number"))).collect()
}

#[tokio::test]
async fn nodes_are_counted_as_what_they_are_whatever_happens_to_them_and_a_scan_mends_counts() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let node = |number: usize| {
        let site = ["hq", "lab", "roof"][number % 3];
        json!({"node": format!("ap-{number:02}"), "site": site, "model": "ax-2"})
    };
    let nodes: Vec<_> = (0..30).map(node).collect();
    assert_eq!(console.send("POST", "/v1/nodes:batch", json!(nodes).to_string()).await.status, 200);
    let mut socket = cloud.socket("ap-01").await;
    let hostile = "2.5, \"beta\"\n";
    socket.send(json!({"type": "check-in", "seq": 1, "firmware": "2.4.9"}).to_string()).await;
    assert!(matches!(socket.next().await, Frame::Message(_)));
    let fleet = until_right(&console, 30).await;
    assert_eq!(counts(&fleet, "site"), [(Some("hq"), 10), (Some("lab"), 10), (Some("roof"), 10)], "{fleet}");
    assert_eq!(counts(&fleet, "firmware"), [(None, 29), (Some("2.4.9"), 1)], "{fleet}");

    console.put("/v1/nodes/ap-01/config", r#"{"channel":1}"#).await;
    console.put("/v1/nodes/ap-02/config", r#"{"channel":1}"#).await;
    let report = json!({"type": "check-in", "seq": 2, "firmware": hostile.trim(),
        "config": {"version": 1, "status": "applied"}});
    socket.send(report.to_string()).await;
    assert_eq!(console.send("DELETE", "/v1/nodes/ap-03", "").await.status, 204);
    console.send("PATCH", "/v1/nodes/ap-04", r#"{"site":null,"model":"ax-3"}"#).await;
    console.send("POST", "/v1/nodes/ap-05/revoke", "").await;
    let fleet = until_right(&console, 29).await;
    assert_eq!(counts(&fleet, "config"), [(Some("none"), 27), (Some("applied"), 1), (Some("pending"), 1)], "{fleet}");
    assert_eq!(counts(&fleet, "model"), [(Some("ax-2"), 28), (Some("ax-3"), 1)], "{fleet}");
    let firmware = &fleet["firmware"]["counts"][1];
    assert_eq!(firmware, &json!({"value": hostile.trim(), "nodes": 1, "select": r#"firmware="2.5, \"beta\"""#}));
    let deleted = cloud.store().read(&Key::Counted("ap-03".parse().expect("an id"))).await;
    assert_eq!(deleted.expect("readable"), None, "nothing is left of it");

    let forget = async |key| assert!(cloud.store().delete(&Deletion::of(key)).await.expect("deleted"));
    for by in CountedBy::ALL {
        for (key, _) in cloud.store().range(Key::counts(by), Order::Ascending, 99).await.expect("readable") {
            forget(key).await;
        }
    }
    for number in 0..30 {
        forget(Key::Counted(format!("ap-{number:02}").parse().expect("an id"))).await;
    }
    assert_eq!(console.get("/v1/fleet").await.json()["nodes"], 0);
    forget(Key::Sweep).await;
    let swept = cloud.sweep().await;
    assert_eq!((&swept["recounted"], &swept["failed"]), (&json!(29), &json!(0)), "{swept}");
    until_right(&console, 29).await;
    cloud.stop().await;
}
