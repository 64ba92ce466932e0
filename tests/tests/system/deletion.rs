//! A node that is deleted leaves nothing behind but the news of it.

use rollcall_core::{Policy, Registration};
use rollcall_tests::{Cloud, Frame, Options, refused};
use rollcall_wire::{ByeReason, ServerMessage};
use serde_json::json;

use crate::webhooks::Receiver;

/// The node's id: no other text of a test has it in it.
const NODE: &str = "the-node-that-is-deleted";
/// Its events: it is registered, is to run a configuration, is online, is to carry out a command, and has done both.
const EVENTS: usize = 6;

#[tokio::test]
async fn a_deleted_node_leaves_nothing_in_the_tables_but_that_it_was_deleted() {
    let schedule = "0,1,1,1,1,1".to_owned();
    let cloud = Cloud::with_sources(Options { delivery_schedule: schedule, ..Options::default() }).await;
    let console = cloud.console();
    let (receiver, url) = Receiver::start().await;
    cloud.add_endpoint("crm", &url).await;
    let path = format!("/v1/nodes/{NODE}");
    let registration = json!({"site": "hq", "name": "the name of it", "labels": {"floor": "its label"}}).to_string();
    assert_eq!(console.put(&path, registration).await.status, 200);
    assert_eq!(console.put(&format!("{path}/config"), r#"{"n": 1}"#).await.status, 200);
    let mut socket = cloud.socket(NODE).await;
    let commands = format!("{path}/commands");
    let queued = console.send_with("POST", &commands, &[("idempotency-key", "its-key")], r#"{"name": "scan"}"#).await;
    assert_eq!(queued.status, 201, "{queued:?}");
    let report = json!({
        "type": "check-in", "seq": 1, "config": {"version": 1, "status": "applied"},
        "results": [{"command": 1, "status": "done", "output": "its output"}]
    });
    socket.send(report.to_string()).await;
    receiver.until(EVENTS).await;
    for text in [NODE, "the name of it", "its label", "its-key", "its output"] {
        assert!(!cloud.items_with(text).await.is_empty(), "{text} is somewhere");
    }

    assert_eq!(console.send("DELETE", &path, "").await.status, 204);
    assert_eq!(console.get(&path).await.problem(), (404, "unknown-node".to_owned()));
    assert_eq!(console.send("DELETE", &path, "").await.problem(), (404, "unknown-node".to_owned()));
    let told = receiver.until(EVENTS + 2).await;
    let [.., revoked, deleted] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&revoked["type"], &deleted["type"]), (&json!("node.revoked"), &json!("node.deleted")));
    assert_eq!(deleted["subject"], NODE);
    cloud.until_told_alone(NODE, "node.deleted").await;
    let left = cloud.items_with(NODE).await;
    // The other one was on its way to the endpoint when the node was deleted: the record of that delivery may be left.
    let is_news =
        |item: &String| [revoked, deleted].iter().any(|event| item.contains(event["id"].as_str().expect("text")));
    assert!(!left.is_empty() && left.iter().all(is_news), "{left:#?}");
    for text in ["the name of it", "its label", "its-key", "its output"] {
        assert_eq!(cloud.items_with(text).await, [] as [String; 0], "{text}");
    }
    if cloud.pushes {
        let bye = loop {
            match socket.next().await {
                Frame::Message(ServerMessage::Bye { reason, .. }) => break reason,
                Frame::Message(_) => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(bye, ByeReason::Revoked);
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_deleted_node_is_unknown_where_nodes_are_registered_and_can_be_registered_anew() {
    let policy = Policy::new(Registration::Closed, 6600, 300, 30, 0).expect("in range");
    let cloud = Cloud::with(Options { policy, ..Options::default() }).await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", r#"{"credential_version": 7, "name": "Lobby"}"#).await;
    assert_eq!(console.send("POST", "/v1/nodes/ap-1/revoke", "").await.status, 204);
    assert_eq!(console.send("DELETE", "/v1/nodes/ap-1", "").await.status, 204, "a revoked node can be deleted");
    assert_eq!(refused(&cloud.ws_url(), &cloud.token_of_version("ap-1", 7)).await, 403);
    let anew = console.put("/v1/nodes/ap-1", "{}").await;
    assert_eq!(anew.status, 200, "{anew:?}");
    let anew = anew.json();
    assert_eq!(
        (&anew["credential_version"], &anew["name"], &anew["revoked"]),
        (&json!(1), &json!(null), &json!(false))
    );
    drop(cloud.socket("ap-1").await);
    cloud.stop().await;
}
