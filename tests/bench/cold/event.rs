//! What API Gateway would say, and what the node's item is before.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use rollcall_aws::DynamoStore;
use rollcall_core::{
    Connection, CredentialVersion, Event, EventKind, Outcome, PARTITION_KEY, Policy, Registration, Report, SORT_KEY,
    Timestamp, plan,
};
use rollcall_service::Store as _;
use rollcall_stack::TABLE;
use rollcall_tests::policy;
use serde_json::json;

/// When everything happens: 2027-01-15T08:00:00Z, in milliseconds since 1970.
const AT: u64 = 1_800_000_000_000;
const CONNECTION: &str = "bench=";

/// Makes a table without indexes: check-ins touch none, and what the engine makes of them is not what is measured.
pub(crate) async fn create_table(client: &Client) {
    let mut request = client.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [(PARTITION_KEY, KeyType::Hash), (SORT_KEY, KeyType::Range)] {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name(name).key_type(kind);
        request = request
            .attribute_definitions(attribute.build().expect("a definition"))
            .key_schema(key.build().expect("a key"));
    }
    request.send().await.expect("a table");
}

/// A check-in of this node.
pub(crate) fn check_in(node: &str, seq: u64) -> String {
    let context = json!({
        "routeKey": "check-in", "eventType": "MESSAGE", "connectionId": CONNECTION, "connectedAt": AT,
        "requestTimeEpoch": AT, "requestId": "bench", "extendedRequestId": "bench", "messageId": "bench",
        "requestTime": "15/Jan/2027:08:00:00 +0000", "messageDirection": "IN", "stage": "v1", "apiId": "bench",
        "domainName": "bench.execute-api.us-east-1.amazonaws.com", "identity": { "sourceIp": "192.0.2.1" },
        "authorizer": { "principalId": node, "node": node, "cv": "1", "integrationLatency": 1 },
    });
    let body = json!({ "type": "check-in", "seq": seq }).to_string();
    json!({ "requestContext": context, "body": body, "isBase64Encoded": false }).to_string()
}

/// Writes of one node, by the SDK.
pub(crate) struct Direct {
    store: DynamoStore,
    node: String,
    policy: Policy,
}

impl Direct {
    pub(crate) fn new(client: Client, node: &str) -> Self {
        let store = DynamoStore::new(client, TABLE);
        Self { store, node: node.to_owned(), policy: policy(Registration::Open, 6600) }
    }

    /// The node connects.
    pub(crate) async fn connect(&self) {
        self.write(EventKind::Connect { connection: connection(), credentials: CredentialVersion(1), instance: None })
            .await;
    }

    /// The node checks in.
    pub(crate) async fn check_in(&self, seq: u64) {
        self.write(EventKind::CheckIn {
            connection: connection(),
            credentials: CredentialVersion(1),
            received: Timestamp(AT),
            seq,
            ack: true,
            report: Report::default(),
            results: 0,
        })
        .await;
    }

    async fn write(&self, kind: EventKind) {
        let event = Event::new(self.node.parse().expect("an id"), Timestamp(AT), kind);
        let written = self.store.write(&plan(&event, &self.policy)).await.expect("stored");
        assert!(matches!(written.outcome, Outcome::Applied { .. }));
    }
}

fn connection() -> Connection {
    Connection { id: CONNECTION.parse().expect("an id"), opened_at: Timestamp(AT) }
}
