//! A deployed API, seen from outside: sockets, tokens, and what is stored.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rollcall_aws::{DynamoStore, create_tables};
use rollcall_core::{
    Attribute, Connection, CredentialVersion, EndpointName, EndpointSpec, Event, EventKind, EventTypes, Item, Key,
    Node, NodeId, PARTITION_KEY, Registration, SORT_KEY, Secret, Table, Timestamp, add_endpoint, happened, plan,
    remove_endpoint,
};
use rollcall_node::{NodeConfig, Timing};
use rollcall_service::{Order, Store as _};
use rollcall_token::{Limits, Signer};

use crate::cloud::{now, policy};
use crate::socket::Socket;

/// When test tokens expire: 2100.
const EXPIRY: Timestamp = Timestamp(4_102_444_800_000);
/// Far longer than anything takes that a test waits for.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long to wait before looking again at what is stored: nothing else tells when a function elsewhere is done.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What was in both tables.
#[derive(Debug)]
pub struct Backup(Vec<(Table, Vec<HashMap<String, AttributeValue>>)>);

/// A deployed API.
#[derive(Debug)]
pub struct Api {
    ws_url: String,
    dynamodb: aws_sdk_dynamodb::Client,
    table: String,
    store: DynamoStore,
    signer: Signer,
}

impl Api {
    /// Nodes connect at `ws_url` with tokens of `signer`, and are stored in `table`.
    pub fn new(ws_url: String, dynamodb: aws_sdk_dynamodb::Client, table: &str, signer: Signer) -> Self {
        let store = DynamoStore::new(dynamodb.clone(), table);
        Self { ws_url, dynamodb, table: table.to_owned(), store, signer }
    }

    /// Where nodes connect.
    pub fn ws_url(&self) -> String {
        self.ws_url.clone()
    }

    /// The nodes as they are stored.
    pub fn store(&self) -> &DynamoStore {
        &self.store
    }

    /// A token for a node.
    pub fn token(&self, node: &str) -> String {
        self.token_of_version(node, 1)
    }

    /// A token for a node, of this credential version.
    pub fn token_of_version(&self, node: &str, version: u32) -> String {
        self.token_that_expires(node, version, EXPIRY)
    }

    /// A token for a node, of this credential version, that expires then.
    pub fn token_that_expires(&self, node: &str, version: u32, at: Timestamp) -> String {
        self.signer.sign(&id(node), CredentialVersion(version), at).expect("signed")
    }

    /// A token for a node that is limited further.
    pub fn token_limited(&self, node: &str, limits: Limits<'_>) -> String {
        self.token_limited_until(node, EXPIRY, limits)
    }

    /// A token for a node that expires then, and is limited further.
    pub fn token_limited_until(&self, node: &str, at: Timestamp, limits: Limits<'_>) -> String {
        self.signer.sign_limited(&id(node), CredentialVersion(1), at, limits).expect("signed")
    }

    /// A token for a node with this header, which its signature is not for.
    pub fn token_with(&self, header: &str, node: &str) -> String {
        let token = self.token(node);
        let (_, rest) = token.split_once('.').expect("a JWT");
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))
    }

    /// A raw connection of a node, let in.
    pub async fn socket(&self, node: &str) -> Socket {
        Socket::open(&self.ws_url, &self.token(node)).await.expect("let in")
    }

    /// How the reference library connects a node.
    pub fn node_config(&self, node: &str) -> NodeConfig {
        // A handshake that a busy machine holds up is no outage.
        let timing = Timing { ack_every: 1, handshake_timeout: PATIENCE, ..Timing::default() };
        NodeConfig { timing, ..NodeConfig::new(self.ws_url(), self.token(node)) }
    }

    /// A node as it is stored; nothing if it is not.
    pub async fn stored(&self, node: &str) -> Option<Node> {
        let item = self.store.read(&Key::Node(id(node))).await.expect("readable");
        item.map(|item| Node::read(&item).expect("well-formed"))
    }

    /// Waits until a node is stored like this, and returns it.
    pub async fn until_stored(&self, node: &str, like: impl Fn(&Node) -> bool) -> Node {
        let reached = async {
            loop {
                match self.stored(node).await {
                    Some(stored) if like(&stored) => return stored,
                    _ => tokio::time::sleep(LOOK_AGAIN).await,
                }
            }
        };
        let Ok(stored) = tokio::time::timeout(PATIENCE, reached).await else {
            panic!("{node} does not become what is waited for; it is {:#?}", self.stored(node).await)
        };
        stored
    }

    /// The types of the events that were told of a node, in order.
    pub async fn told(&self, node: &str) -> Vec<String> {
        let place = |id: &str| Key::EventOf(self::id(node), id.parse().expect("an id"));
        let places = self.store.range(place("-")..=place("z"), Order::Ascending, 100).await.expect("readable");
        let kind = |(_, place): &(Key, Item)| happened(place).expect("readable").expect("a type").0;
        places.iter().map(kind).collect()
    }

    /// Waits until this is the type of the only event that is known of a node.
    pub async fn until_told_alone(&self, node: &str, kind: &str) {
        let reached = async {
            while self.told(node).await != [kind] {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        assert!(reached.is_ok(), "{node} was told of: {:?}", self.told(node).await);
    }

    /// Adds an endpoint with this name, at a URL.
    pub async fn add_endpoint(&self, name: &str, url: &str) {
        let spec = EndpointSpec { url: url.to_owned(), types: EventTypes::default(), site: None, select: None };
        let secret = Secret::new("whsec_c2VjcmV0LW9mLWEtdGVzdA==".to_owned());
        let add = add_endpoint(&name.parse().expect("a name"), &spec, &secret, now());
        let _ = self.store.write(&add).await.expect("stored");
    }

    /// Removes an endpoint.
    pub async fn remove_endpoint(&self, name: &str) {
        let remove = remove_endpoint(&name.parse().expect("a name"), now());
        let _ = self.store.write(&remove).await.expect("stored");
    }

    /// How many events were tried to be delivered to an endpoint, at most 100.
    pub async fn tried(&self, endpoint: &str) -> usize {
        let name: EndpointName = endpoint.parse().expect("a name");
        let key = |id: &str| Key::Delivery(name.clone(), id.parse().expect("an id"));
        self.store.range(key("-")..=key("z"), Order::Ascending, 100).await.expect("readable").len()
    }

    /// Stores that a connection holds the node which this gateway does not have: its `$disconnect` was lost.
    pub async fn held_elsewhere(&self, node: &str) -> Node {
        let at = Timestamp(1_000);
        let connection = Connection { id: "Z29uZS1mb3ItZXZlcg=".parse().expect("an id"), opened_at: at };
        let kind = EventKind::Connect { connection, credentials: CredentialVersion(1), instance: None };
        let update = plan(&Event::new(id(node), at, kind), &policy(Registration::Open, 6600));
        let _ = self.store.write(&update).await.expect("stored");
        self.stored(node).await.expect("stored")
    }

    /// How many configuration documents are kept, of whichever nodes.
    pub async fn documents(&self) -> i32 {
        let scan = self
            .dynamodb
            .scan()
            .table_name(Table::Records.name(&self.table))
            .select(Select::Count)
            .filter_expression("#s = :s");
        let scan = scan.expression_attribute_names("#s", SORT_KEY);
        let scan = scan.expression_attribute_values(":s", AttributeValue::S(Key::Document(String::new()).sort()));
        scan.send().await.expect("counted").count
    }

    /// What is in both tables.
    pub async fn backup(&self) -> Backup {
        let mut tables = vec![];
        for table in Table::ALL {
            let items = self.dynamodb.scan().table_name(table.name(&self.table)).into_paginator().items().send();
            tables.push((table, items.collect::<Result<Vec<_>, _>>().await.expect("readable")));
        }
        Backup(tables)
    }

    /// Loses both tables with all that is in them, and makes them anew.
    pub async fn lose_tables(&self) {
        for table in Table::ALL {
            self.dynamodb.delete_table().table_name(table.name(&self.table)).send().await.expect("deleted");
        }
        create_tables(&self.dynamodb, &self.table).await.expect("made anew");
    }

    /// Puts back what was in both tables.
    pub async fn restore(&self, backup: Backup) {
        for (table, items) in backup.0 {
            for item in items {
                let put = self.dynamodb.put_item().table_name(table.name(&self.table)).set_item(Some(item));
                put.send().await.expect("put back");
            }
        }
    }

    /// The items of both tables that have this text in them, in their keys or their attributes; each as text.
    pub async fn items_with(&self, text: &str) -> Vec<String> {
        let mut found = vec![];
        for table in Table::ALL {
            let items = self.dynamodb.scan().table_name(table.name(&self.table)).into_paginator().items().send();
            let items = items.collect::<Result<Vec<_>, _>>().await.expect("readable");
            found.extend(items.iter().map(|item| format!("{item:?}")).filter(|item| item.contains(text)));
        }
        found
    }

    /// Sets a number of a node, as the monolith's side will.
    pub async fn set(&self, node: &str, attribute: Attribute, number: u32) {
        self.set_number(&Key::Node(id(node)), attribute, number.into()).await;
    }

    /// Sets an instant of a node to so many seconds from now.
    pub async fn set_ahead(&self, node: &str, attribute: Attribute, seconds: u32) {
        self.set_number(&Key::Node(id(node)), attribute, now().plus_seconds(seconds).0).await;
    }

    /// Notes that a command was handed out, as a push does.
    pub async fn set_sent(&self, node: &str, command: u64) {
        self.set_number(&Key::Command(id(node), command), Attribute::SentAt, now().0).await;
    }

    /// Deletes the item of a node, as an operator can who works on the table.
    pub async fn delete(&self, node: &str) {
        let (delete, key) = (self.dynamodb.delete_item().table_name(&self.table), Key::Node(id(node)));
        delete
            .key(PARTITION_KEY, AttributeValue::S(key.partition()))
            .key(SORT_KEY, AttributeValue::S(key.sort()))
            .send()
            .await
            .expect("deleted");
    }

    /// Writes an item of a node that no rule writes, as an operator can who works on the table: when it was seen is a
    /// text. The stream says so.
    pub async fn poison(&self, node: &str) {
        let (key, text) = (Key::Node(id(node)), |text: &str| AttributeValue::S(text.to_owned()));
        let put = self.dynamodb.put_item().table_name(&self.table);
        put.item(PARTITION_KEY, text(&key.partition()))
            .item(SORT_KEY, text(&key.sort()))
            .item(Attribute::Announces.name(), text(""))
            .item(Attribute::Seen.name(), text("soon"))
            .send()
            .await
            .expect("put");
    }

    async fn set_number(&self, key: &Key, attribute: Attribute, number: u64) {
        let set = self.dynamodb.update_item().table_name(key.table().name(&self.table));
        set.key(PARTITION_KEY, AttributeValue::S(key.partition()))
            .key(SORT_KEY, AttributeValue::S(key.sort()))
            .update_expression("SET #a = :n")
            .expression_attribute_names("#a", attribute.name())
            .expression_attribute_values(":n", AttributeValue::N(number.to_string()))
            .send()
            .await
            .expect("set");
    }
}

fn id(node: &str) -> NodeId {
    node.parse().expect("a node id")
}
