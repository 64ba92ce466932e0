//! Presence ends: a node that has gone is silent, and then offline, whether anybody is told or not.

use std::time::Duration;

use rollcall_core::{Attribute, Policy, Presence, Registration};
use rollcall_tests::{Cloud, Http, Options};
use serde_json::{Value, json};

/// Far longer than it takes until two check-ins are missing.
const PATIENCE: Duration = Duration::from_secs(30);

/// A check-in each second, and a life that outlasts a test.
fn quick() -> Policy {
    Policy::new(Registration::Open, 6600, 1, 60, 0).expect("in range")
}

/// How the console shows a node, once it shows this presence. That a check-in is missing is no event that could be waited
/// for.
async fn until_shown(console: &Http, node: &str, state: &str) -> Value {
    let asked = async {
        loop {
            let shown = console.get(&format!("/v1/nodes/{node}")).await.json();
            if shown["presence"]["state"] == state {
                return shown;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("{node} is never shown as {state}"))
}

fn is_online(presence: Presence) -> bool {
    matches!(presence, Presence::Online(_))
}

#[tokio::test]
async fn a_node_that_sends_nothing_is_silent_after_two_intervals_and_online_with_its_next_check_in() {
    let cloud = Cloud::with(Options { policy: quick(), ..Options::default() }).await;
    let console = cloud.console();
    let mut frozen = cloud.socket("ap-1").await;
    frozen.check_in(1).await;
    let seen = cloud.until_stored("ap-1", |node| node.seen.is_some()).await.seen.expect("it has checked in");
    let silent = until_shown(&console, "ap-1", "silent").await;
    let expected = json!({"state": "silent", "since_ms": seen.0 + 2_000, "reason": "check-ins-missed"});
    assert_eq!((&silent["presence"], &silent["online"]), (&expected, &json!(true)), "{silent}");
    let listed = console.get("/v1/nodes?presence=silent").await.json();
    assert_eq!(listed["nodes"][0]["node"], "ap-1", "{listed}");
    assert_eq!(console.get("/v1/nodes?presence=offline").await.json()["nodes"], json!([]));
    frozen.check_in(2).await;
    let back = until_shown(&console, "ap-1", "online").await;
    assert_eq!(back["presence"]["reason"], "connected", "{back}");
    cloud.stop().await;
}

#[tokio::test]
async fn the_sweep_calls_a_node_offline_when_its_grace_period_is_over_and_no_other() {
    let cloud = Cloud::start().await;
    let _there = cloud.socket("ap-2").await;
    drop(cloud.socket("ap-1").await);
    drop(cloud.socket("ap-3").await);
    for node in ["ap-1", "ap-3"] {
        cloud.until_stored(node, |node| node.due.is_some()).await;
    }
    cloud.set("ap-1", Attribute::Due, 1).await;
    let swept = cloud.sweep().await;
    assert_eq!((&swept["expired"], &swept["held"], &swept["failed"]), (&json!(1), &json!(false), &json!(0)), "{swept}");
    let offline = cloud.stored("ap-1").await.expect("stored");
    assert!(!is_online(offline.presence) && offline.due.is_none(), "{offline:?}");
    for node in ["ap-2", "ap-3"] {
        assert!(is_online(cloud.stored(node).await.expect("stored").presence), "{node}");
    }
    let shown = cloud.console().get("/v1/nodes/ap-1").await.json();
    assert_eq!(shown["presence"]["state"], "offline", "{shown}");
    assert_eq!(cloud.sweep().await["expired"], 0, "it is offline already");
    cloud.stop().await;
}

#[tokio::test]
async fn the_slow_scan_finds_a_node_whose_disconnect_was_lost() {
    let cloud = Cloud::start().await;
    let _there = cloud.socket("ap-2").await;
    assert!(is_online(cloud.held_elsewhere("ap-1").await.presence), "it was connected in 1970, and never since");
    let swept = cloud.sweep().await;
    assert_eq!((&swept["lost"], &swept["scanned"]), (&json!(1), &json!(2)), "{swept}");
    let offline = cloud.stored("ap-1").await.expect("stored");
    let closed = offline.held.and_then(|held| held.closed).and_then(|closed| closed.reason);
    assert_eq!((is_online(offline.presence), closed.as_deref()), (false, Some("lost")));
    let shown = cloud.console().get("/v1/nodes/ap-1").await.json();
    assert_eq!((&shown["presence"]["state"], &shown["presence"]["reason"]), (&json!("offline"), &json!("lost")));
    assert!(is_online(cloud.stored("ap-2").await.expect("stored").presence));
    cloud.stop().await;
}
