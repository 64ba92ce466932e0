//! The engine, which keeps what it is given.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use rollcall_aws::{create_tables, forget_in_time, local_dynamo_client};
use rollcall_core::{Attribute, PARTITION_KEY, SORT_KEY, Table};
use rollcall_stack::{EmbeddedDynamo, TABLE, listen};

/// How long to wait before looking again: nothing tells when the engine has swept.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn the_engine_forgets_what_has_expired_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || EmbeddedDynamo::start(listen(0, "DynamoDB", "").expect("a port"), Some(folder.path()));
    let engine = start().expect("it starts");
    let client = local_dynamo_client(&engine.url());
    create_tables(&client, TABLE).await.expect("tables");
    forget_in_time(&client, TABLE).await.expect("it forgets");
    forget_in_time(&client, TABLE).await.expect("saying it again changes nothing");
    for (name, forget_at) in [("expired", Some(1)), ("later", Some(4_102_444_800)), ("never", None)] {
        put(&client, name, forget_at).await;
    }
    drop(engine);

    let engine = start().expect("it starts");
    let client = local_dynamo_client(&engine.url());
    let forgotten = async {
        while kept(&client).await.contains("expired") {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(PATIENCE, forgotten).await.expect("it is forgotten");
    assert_eq!(kept(&client).await, BTreeSet::from(["later".to_owned(), "never".to_owned()]));
}

async fn put(client: &Client, name: &str, forget_at: Option<u64>) {
    let key = |name: &str| AttributeValue::S(name.to_owned());
    let item = client
        .put_item()
        .table_name(Table::Records.name(TABLE))
        .item(PARTITION_KEY, key(name))
        .item(SORT_KEY, key("soak"));
    let item = match forget_at {
        Some(at) => item.item(Attribute::ForgetAt.name(), AttributeValue::N(at.to_string())),
        None => item,
    };
    item.send().await.expect("stored");
}

async fn kept(client: &Client) -> BTreeSet<String> {
    let page = client.scan().table_name(Table::Records.name(TABLE)).send().await.expect("readable");
    let names = page.items().iter().map(|item| item[PARTITION_KEY].as_s().expect("text").clone());
    names.collect()
}
