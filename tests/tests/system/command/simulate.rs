//! `rollcall simulate`.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use rollcall_aws::local_dynamo_client;
use rollcall_core::{Attribute, Key, PARTITION_KEY, SORT_KEY};
use rollcall_tests::{Ended, Program, Up, User};
use serde_json::Value;

/// The table of a local cloud.
const TABLE: &str = "rollcall";

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

fn kinds(result: &Value) -> Vec<(String, String)> {
    let violations = result["violations"].as_array().expect("a list");
    let text = |violation: &Value, name: &str| violation[name].as_str().expect("text").to_owned();
    violations.iter().map(|violation| (text(violation, "kind"), text(violation, "text"))).collect()
}

#[tokio::test]
async fn a_fleet_with_every_fault_keeps_every_promise_and_every_fault_happens() {
    let user = User::new();
    let functions = user.functions().to_string_lossy().into_owned();
    let arguments = ["simulate", "--nodes", "40", "--seconds", "55", "--chaos", "all", "--seed", "1", "--json"];
    let ended = user.run(&[&arguments[..], &["--functions", &functions]].concat()).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let result = json(&ended);
    assert_eq!(kinds(&result), []);
    let faults = result["faults"].as_object().expect("an object");
    for fault in ["answers-lost", "cut-all", "gateway-restarted", "half-open", "messages-doubled", "store-down"] {
        assert!(faults.get(fault).and_then(Value::as_u64).is_some_and(|count| count > 0), "{fault}: {faults:?}");
    }
    assert!(result["acks"].as_u64().is_some_and(|acks| acks > 100), "{result}");
    user.nothing_is_left().await;
}

#[tokio::test]
async fn whoever_changes_the_table_behind_the_fleets_back_is_noticed() {
    let user = User::new();
    // The cloud has nodes of its own, whose names are alike.
    let program = user.start(&user.up(&["--nodes", "5"]));
    let up = Up::of(&program).await;
    let mut simulate = user.command(&["simulate", "--nodes", "6", "--seconds", "40", "--url", &up.ws, "--json"]);
    let mut simulation = Program::start(simulate.env("ROLLCALL_CONSOLE_URL", &up.http));
    let said = simulation.says(" nodes from ").await;
    let (_, name) = said.split_once(" nodes from ").expect("it is said");
    let (name, _) = name.split_once("-00000").expect("the first node");
    let node = |number: u32| format!("{name}-{number:05}");
    // The nodes are there, and the warden has looked at them.
    let client = local_dynamo_client(&up.dynamodb);
    let seen = || {
        let (client, key) = (client.clone(), Key::Node(node(1).parse().expect("an id")));
        async move {
            let item = client
                .get_item()
                .table_name(TABLE)
                .key(PARTITION_KEY, AttributeValue::S(key.partition()))
                .key(SORT_KEY, AttributeValue::S(key.sort()))
                .send()
                .await
                .expect("readable")
                .item;
            item.and_then(|item| item.get(Attribute::Seen.name())?.as_n().ok()?.parse::<u64>().ok())
        }
    };
    let mut every = tokio::time::interval(Duration::from_millis(100));
    let first = loop {
        every.tick().await;
        if let Some(seen) = seen().await {
            break seen;
        }
    };
    while seen().await.is_none_or(|seen| seen < first + 6_000) {
        every.tick().await;
    }
    let change = async |node: &str, expression: &str, attribute: Attribute, value: AttributeValue| {
        let key = Key::Node(node.parse().expect("an id"));
        let update = client.update_item().table_name(TABLE).update_expression(expression);
        let update = update.key(PARTITION_KEY, AttributeValue::S(key.partition()));
        let update = update.key(SORT_KEY, AttributeValue::S(key.sort()));
        let update = update.expression_attribute_names("#a", attribute.name());
        let update = update.expression_attribute_values(":v", value);
        update.send().await.expect("changed");
    };
    let number = |number: &str| AttributeValue::N(number.to_owned());
    // A version without a document says that nothing is desired.
    change(&node(2), "SET #a = :v", Attribute::DesiredHash, AttributeValue::S("0".repeat(64))).await;
    change(&node(2), "SET #a = :v", Attribute::DesiredVersion, number("77")).await;
    change(&node(3), "SET #a = :v", Attribute::CredentialVersion, number("9")).await;
    let ended = simulation.ended().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let found = kinds(&json(&ended));
    let changed = [node(2), node(3)];
    for node in &changed {
        assert!(found.iter().any(|(_, text)| text.contains(node)), "{node} is not named: {found:?}");
    }
    let others = found.iter().filter(|(_, text)| !changed.iter().any(|node| text.contains(node)));
    assert_eq!(others.count(), 0, "nobody changed others: {found:?}");
    drop(program);
}

#[tokio::test]
async fn a_simulation_that_can_t_be_understood_says_what_can_be_asked_for() {
    let user = User::new();
    let ended = user.run(&["simulate", "--chaos", "locusts"]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("locusts") && ended.stderr.contains("disconnects-lost"), "{ended:?}");
    let ended = user.run(&["simulate", "--url", "wss://example.org/live"]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
}
