//! The store's contract, on every store: in memory, in the simulation, and in DynamoDB. Which DynamoDB that is, the
//! backend decides: the embedded engine, or DynamoDB Local in LocalStack.

mod drawn;
mod lists;
mod races;
mod simulated;

use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall_aws::{DynamoStore, create_tables, local_dynamo_client};
use rollcall_core::{
    Amending, Attribute, ConfigOutcome, ConfigState, Connection, CredentialVersion, Deletion, DesiredConfig, Event,
    EventKind, Expected, FirmwareImage, Health, Instance, Item, Key, NODE_ITEM_BYTES, Node, NodeId, Origin, Outcome,
    Policy, Queueing, Registering, Registration, Report, Setting, Site, Tags, Timestamp, Update, Value, Versions,
    amend, delete_node, expired, lost, plan, put_document, put_firmware, queue, register, remember, revoke,
    roll_back_config, set_config, set_site_config, unset_config,
};
use rollcall_service::{MemoryStore, Order, Store};
use rollcall_stack::EmbeddedDynamo;
use rollcall_tests::{Backend, localstack_dynamodb};

use drawn::{any_event, any_wish, node, policy};

/// A table of this test's own, and the engine behind it if that is this test's own, too.
async fn dynamodb() -> (Option<EmbeddedDynamo>, DynamoStore) {
    let table = format!("contract-{:016x}", rand::rng().random::<u64>());
    let (engine, client) = match Backend::chosen() {
        Backend::Embedded => {
            let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
            let engine = EmbeddedDynamo::start(listener, None).expect("an engine");
            let client = local_dynamo_client(&engine.url());
            (Some(engine), client)
        }
        Backend::LocalStack(url) => (None, localstack_dynamodb(&url)),
    };
    create_tables(&client, &table).await.expect("a table");
    (engine, DynamoStore::new(client, &table))
}

#[tokio::test]
async fn dynamodb_and_memory_agree_on_every_outcome_of_long_histories() {
    let (_engine, dynamo) = dynamodb().await;
    let memory = MemoryStore::default();
    let mut random = SmallRng::seed_from_u64(1);
    let (mut applied, mut refused) = (0, 0);
    for history in 0..60 {
        let id = node(&format!("node-{history}"));
        let registration = if history % 3 == 0 { Registration::Closed } else { Registration::Open };
        let policy = policy(registration);
        for _ in 0..25 {
            let stored = memory.read(&Key::Node(id.clone())).await.expect("memory");
            let update = match random.random_range(0..4) {
                0 => any_wish(&mut random, &id),
                _ => plan(&any_event(&mut random, &id, stored.as_ref(), &policy), &policy),
            };
            let expected = memory.write(&update).await.expect("memory").outcome;
            let written = dynamo.write(&update).await.expect("dynamo");
            assert_eq!(written.outcome, expected, "{update:?} on {stored:?}");
            match expected {
                Outcome::Applied { .. } => applied += 1,
                Outcome::Refused { .. } => refused += 1,
            }
        }
        assert_eq!(
            dynamo.read(&Key::Node(id.clone())).await.expect("dynamo"),
            memory.read(&Key::Node(id.clone())).await.expect("memory")
        );
    }
    assert!(applied > 100 && refused > 100, "{applied} applied, {refused} refused: too few of one kind to compare");
}

#[tokio::test]
async fn a_repeated_write_is_recognised_as_our_own() {
    let (_engine, dynamo) = dynamodb().await;
    recognises_its_own(&dynamo).await;
    recognises_its_own(&MemoryStore::default()).await;
    recognises_its_own(&rollcall_simulation::alone::Store::new(1, 0)).await;
}

async fn recognises_its_own(store: &impl Store) {
    // A message that is counted twice does no harm.
    let policy = policy(Registration::Open).with_budget(0);
    for event in a_life("twice") {
        let update = plan(&event, &policy);
        let first = applied(store, &update).await;
        assert_eq!(applied(store, &update).await, first, "repeating {event:?} changes nothing and is no refusal");
    }
}

fn check_in(connection: Connection, at: u64, seq: u64, report: Report) -> EventKind {
    let (credentials, received) = (CredentialVersion(1), Timestamp(at));
    EventKind::CheckIn { connection, credentials, received, seq, ack: true, report, results: 0 }
}

/// Connect, check in, disconnect.
fn a_life(id: &str) -> [Event; 3] {
    let connection = || Connection { id: "A".parse().expect("an id"), opened_at: Timestamp(10_000) };
    let event = |at, kind| Event::new(node(id), Timestamp(at), kind);
    let report = Report::new(Some("1.0".to_owned()), None, Health::default());
    [
        event(
            10_000,
            EventKind::Connect { connection: connection(), credentials: CredentialVersion(1), instance: None },
        ),
        event(11_000, check_in(connection(), 11_000, 1, report)),
        event(12_000, EventKind::Disconnect { connection: connection(), code: None, reason: None }),
    ]
}

async fn applied(store: &impl Store, update: &Update) -> Item {
    match store.write(update).await.expect("stored").outcome {
        Outcome::Applied { after } => after,
        Outcome::Refused { stored, .. } => panic!("refused by {stored:?}"),
    }
}

#[tokio::test]
async fn every_kind_of_item_is_kept_apart_and_read_as_it_was_written() {
    let (_engine, dynamo) = dynamodb().await;
    keeps_every_kind_of_item(&dynamo).await;
    keeps_every_kind_of_item(&MemoryStore::default()).await;
    keeps_every_kind_of_item(&rollcall_simulation::alone::Store::new(1, 0)).await;
}

async fn keeps_every_kind_of_item(store: &impl Store) {
    let (id, now) = (node("ap-1"), Timestamp(1_000));
    let registered = applied(store, &register(&id, &Registering::default())).await;
    let stored = Node::read(&registered).expect("well-formed");
    let image =
        FirmwareImage { object_key: "a/b".to_owned(), size: 7, sha256: "ab".to_owned(), signature: "s".to_owned() };
    let (model, version) = ("ax-2".parse().expect("a model"), "2.5".parse().expect("a version"));
    let desiring = Node {
        desired: Some(DesiredConfig { version: 9, sha256: "cd".to_owned() }),
        config_version: 9,
        ..stored.clone()
    };
    let setting = Setting { at: now, by: Some("deploy".to_owned()) };
    let (_, queued) = queue(&id, &stored, 0, &queueing("first"), now).expect("room");
    let mut written = vec![(Key::Node(id.clone()), registered)];
    for update in [
        put_document("ab", "{\"a\":1e400}"),
        put_firmware(&model, &version, &image),
        remember(&id, &desiring, &setting),
        queued[1].clone(),
        queued[2].clone(),
    ] {
        let after = applied(store, &update).await;
        let _ = store.write(&update).await.expect("stored");
        written.push((update.key, after));
    }
    for (key, item) in &written {
        assert_eq!(store.read(key).await.expect("readable").as_ref(), Some(item), "{key:?}");
    }
    assert_eq!(store.read(&Key::Command(id.clone(), 2)).await.expect("readable"), None);
    let other = FirmwareImage { size: 8, ..image };
    match store.write(&put_firmware(&model, &version, &other)).await.expect("stored").outcome {
        Outcome::Refused { stored, .. } => assert_eq!(stored.as_ref(), Some(&written[2].1), "a version never changes"),
        Outcome::Applied { after } => panic!("a version has changed to {after:?}"),
    }
}

#[tokio::test]
async fn a_deletion_under_a_condition_spares_what_it_does_not_hold_for() {
    let (_engine, dynamo) = dynamodb().await;
    deletes_under_a_condition(&dynamo).await;
    deletes_under_a_condition(&MemoryStore::default()).await;
    deletes_under_a_condition(&rollcall_simulation::alone::Store::new(1, 0)).await;
}

async fn deletes_under_a_condition(store: &impl Store) {
    let id = node("ap-1");
    let own = Key::Node(id.clone());
    assert!(store.delete(&delete_node(&id)).await.expect("answered"), "what is not there is gone");
    applied(store, &register(&id, &Registering::default())).await;
    assert!(!store.delete(&delete_node(&id)).await.expect("answered"), "it is not revoked");
    assert!(store.read(&own).await.expect("readable").is_some());
    applied(store, &revoke(&id)).await;
    assert!(store.delete(&delete_node(&id)).await.expect("answered"));
    assert_eq!(store.read(&own).await.expect("readable"), None);
    assert!(store.delete(&delete_node(&id)).await.expect("answered"), "twice is as good as once");
    applied(store, &put_document("ab", "{}")).await;
    let document = Deletion::of(Key::Document("ab".to_owned()));
    assert!(store.delete(&document).await.expect("answered"));
    assert_eq!(store.read(&document.key).await.expect("readable"), None);
}

fn queueing(key: &str) -> Queueing {
    let (name, key) = ("scan".parse().expect("a name"), key.parse().expect("a key"));
    Queueing { name, args: "[]".to_owned(), expires_in: 60, key, request: "hash".to_owned() }
}

#[tokio::test]
async fn a_transaction_is_made_whole_or_not_at_all() {
    let (_engine, dynamo) = dynamodb().await;
    makes_transactions_whole(&dynamo).await;
    makes_transactions_whole(&MemoryStore::default()).await;
    makes_transactions_whole(&rollcall_simulation::alone::Store::new(1, 0)).await;
}

async fn makes_transactions_whole(store: &impl Store) {
    let (id, now) = (node("ap-1"), Timestamp(1_000));
    let read = async || Node::read(&store.read(&Key::Node(id.clone())).await.expect("readable").expect("stored"));
    let _ = applied(store, &register(&id, &Registering::default())).await;
    for number in 1..=12 {
        let stored = read().await.expect("well-formed");
        let (_, updates) = queue(&id, &stored, 0, &queueing(&format!("k{number}")), now).expect("room");
        assert!(store.transact(&updates).await.expect("stored"), "{number}");
        let (_, repeated) = queue(&id, &stored, 0, &queueing("another"), now).expect("room");
        assert!(!store.transact(&repeated).await.expect("stored"), "number {number} is taken");
        let (_, used) = queue(&id, &read().await.expect("well-formed"), 0, &queueing("k1"), now).expect("room");
        assert!(!store.transact(&used).await.expect("stored"), "the idempotency key is taken");
    }
    assert_eq!(read().await.map(|node| node.commands_queued), Ok(12));
    let in_order = async |range: RangeInclusive<u64>, order, limit| {
        let items = store.range(commands_of(&id, &range), order, limit).await.expect("readable");
        items.into_iter().map(|(key, _)| number_of(&key)).collect::<Vec<_>>()
    };
    let numbers = async |range, limit| in_order(range, Order::Ascending, limit).await;
    assert_eq!(numbers(1..=20, 100).await, (1..=12).collect::<Vec<_>>());
    assert_eq!(numbers(9..=11, 100).await, [9, 10, 11]);
    assert_eq!(numbers(2..=20, 3).await, [2, 3, 4]);
    assert_eq!(numbers(13..=20, 3).await, [0; 0]);
    assert_eq!(in_order(2..=20, Order::Descending, 3).await, [12, 11, 10]);
}

fn commands_of(id: &NodeId, numbers: &RangeInclusive<u64>) -> RangeInclusive<Key> {
    Key::Command(id.clone(), *numbers.start())..=Key::Command(id.clone(), *numbers.end())
}

fn number_of(key: &Key) -> u64 {
    match key {
        Key::Command(_, number) => *number,
        other => panic!("{other:?} is no command"),
    }
}

#[tokio::test]
async fn an_idle_check_in_and_a_planned_reconnect_cost_one_write_unit_each() {
    let (_engine, dynamo) = dynamodb().await;
    let policy = policy(Registration::Open).with_budget(Policy::BUDGET);
    let connection = |id: &str, at| Connection { id: id.parse().expect("an id"), opened_at: Timestamp(at) };
    let connect = |id, at| EventKind::Connect {
        connection: connection(id, at),
        credentials: CredentialVersion(1),
        instance: None,
    };
    let check_in = |id, at, seq| {
        let connection = connection(id, at);
        self::check_in(connection, at, seq, Report::default())
    };
    let disconnect = |id, at| EventKind::Disconnect { connection: connection(id, at), code: None, reason: None };
    let life = [
        ("a first connect", connect("A", 10_000), 1.0),
        ("an idle check-in", check_in("A", 10_000, 1), 1.0),
        ("a planned reconnect", connect("B", 11_000), 1.0),
        ("an idle check-in after it", check_in("B", 11_000, 1), 1.0),
        ("a loss, which puts the node into the index", disconnect("B", 11_000), 2.0),
        ("a return, which takes it out", connect("C", 12_000), 2.0),
    ];
    for (at, (what, kind, units)) in (10..).zip(life) {
        let event = Event::new(node("cost"), Timestamp(at * 1000), kind);
        let written = dynamo.write(&plan(&event, &policy)).await.expect("stored");
        assert!(matches!(written.outcome, Outcome::Applied { .. }), "{what} is stored");
        let consumed = written.units.expect("the engine says");
        assert_eq!((consumed.write, consumed.read), (units, 0.0), "{what}");
    }
}

#[tokio::test]
async fn the_largest_item_still_costs_one_write_unit() {
    let (_engine, dynamo) = dynamodb().await;
    let policy = policy(Registration::Open);
    let [connect, ..] = a_life(&"n".repeat(64));
    let _ = dynamo.write(&plan(&connect, &policy)).await.expect("stored");
    let EventKind::Connect { connection, .. } = connect.kind else { panic!("a connect") };
    let config =
        ConfigOutcome { version: u64::MAX, state: ConfigState::Substituted, detail: Some("d".repeat(NODE_ITEM_BYTES)) };
    let health = Health {
        uptime_s: Some(u64::MAX),
        load_percent: Some(u32::MAX),
        memory_free_kib: Some(u64::MAX),
        clients: Some(u32::MAX),
    };
    let report = Report::new(Some("f".repeat(64)), Some(config), health);
    let kind = check_in(connection, 9_999_999_999_999, (1 << 53) - 1, report);
    let event = Event::new(connect.node, Timestamp(9_999_999_999_999), kind);
    let written = dynamo.write(&plan(&event, &policy)).await.expect("stored");
    assert_eq!(written.units.map(|units| units.write), Some(1.0));
}
