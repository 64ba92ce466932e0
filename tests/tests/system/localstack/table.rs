//! The tables that LocalStack makes by itself are those that the code makes.

use rand::RngExt as _;
use rollcall_aws::create_tables;
use rollcall_core::Table;
use rollcall_stack::TABLE;
use rollcall_tests::{Backend, localstack_dynamodb};

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn the_tables_of_the_init_script_are_the_tables_of_the_code() {
    let Backend::LocalStack(url) = Backend::chosen() else { panic!("this test is about LocalStack") };
    let client = localstack_dynamodb(&url);
    let name = format!("table-{:016x}", rand::rng().random::<u64>());
    let both = Table::ALL.map(|table| table.name(&name));
    assert_eq!(create_tables(&client, &name).await.ok(), Some(both.to_vec()));
    assert_eq!(create_tables(&client, &name).await.ok(), Some(vec![]), "making them again changes nothing");
    for table in Table::ALL {
        let (made, found) = (describe(&client, &table.name(&name)).await, describe(&client, &table.name(TABLE)).await);
        assert_eq!(made, found);
        client.delete_table().table_name(table.name(&name)).send().await.expect("deleted");
    }
}

/// What makes a table what it is, in an order of its own.
async fn describe(client: &aws_sdk_dynamodb::Client, table: &str) -> Vec<String> {
    let described = client.describe_table().table_name(table).send().await.expect("described");
    let table = described.table.expect("a table");
    let mut parts = vec![format!("{:?}", table.key_schema())];
    parts.extend(table.attribute_definitions().iter().map(|attribute| format!("{attribute:?}")));
    parts.extend(
        table
            .global_secondary_indexes()
            .iter()
            .map(|index| format!("{:?} {:?} {:?}", index.index_name(), index.key_schema(), index.projection())),
    );
    parts.extend(table.billing_mode_summary().map(|summary| format!("{:?}", summary.billing_mode())));
    parts.sort();
    parts
}
