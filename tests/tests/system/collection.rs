//! Documents that no node uses are deleted.

use rollcall_core::{Attribute, Outcome, Timestamp, Update, note_unused, put_document, retire};
use rollcall_service::Store as _;
use rollcall_tests::{Cloud, now};
use rollcall_wire::sha256;
use serde_json::json;

/// The documents that the node runs, and is to run. That the first is desired no more may be noted anew at any moment.
const USED: [u32; 2] = [1, 4];

async fn write(cloud: &Cloud, update: &Update) {
    let written = cloud.store().write(update).await.expect("stored");
    assert!(matches!(written.outcome, Outcome::Applied { .. }), "{written:?}");
}

#[tokio::test]
async fn the_slow_scan_deletes_retired_documents_that_no_node_uses_and_no_others() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    assert_eq!(console.put("/v1/nodes/ap-1", "{}").await.status, 200);
    let before = Timestamp(now().0 - 3_600_000);
    for number in 0..5 {
        let document = format!(r#"{{"n":{number}}}"#);
        if USED.contains(&number) {
            let set = console.put("/v1/nodes/ap-1/config", document.clone()).await;
            assert_eq!(set.status, 200, "{set:?}");
        } else {
            write(&cloud, &put_document(&sha256(&document), &document)).await;
        }
        let [of_document, of_note] = retire(&sha256(&document), before, before);
        for update in [note_unused(&sha256(&document), before), of_document, of_note] {
            write(&cloud, &update).await;
        }
    }
    cloud.set("ap-1", Attribute::AppliedVersion, 1).await;
    // Somebody is about to make this one desired.
    write(&cloud, &put_document(&sha256(r#"{"n":0}"#), r#"{"n":0}"#)).await;
    assert_eq!(cloud.documents().await, 5);
    let swept = cloud.sweep().await;
    assert_eq!((&swept["collected"], &swept["failed"]), (&json!(2), &json!(0)), "{swept}");
    assert_eq!(cloud.documents().await, 3);
    let shown = console.get("/v1/nodes/ap-1/config").await.json();
    assert_eq!((&shown["document"], &shown["applied"]["document"]), (&json!({"n": 4}), &json!({"n": 1})), "{shown}");
    cloud.stop().await;
}
