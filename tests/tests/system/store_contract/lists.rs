//! Lists of nodes. A store may show a write in them a little later.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use rollcall_core::{
    About, Counted, CountedBy, DesiredConfig, Event, Item, Key, Kinds, Legacy, Node, NodeId, Outcome, Polled,
    Registering, Registration, Setting, Site, Timestamp, count, describe, due_shard, expired, note_polled, plan,
    put_document, recount, register, remember,
};
use rollcall_service::{Beside, MemoryStore, Order, PageKey, Segment, Store, StoreError};

use super::drawn::{node, policy};
use super::{a_life, applied, dynamodb};

/// How long a store may take to show a write in its lists, and how often that is looked at.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[tokio::test]
async fn lists_have_every_node_once_and_nothing_else() {
    let (_engine, dynamo) = dynamodb().await;
    lists_every_node_once(&dynamo).await;
    lists_every_node_once(&MemoryStore::default()).await;
    lists_every_node_once(&rollcall_simulation::alone::Store::new(1, 0)).await;
}

async fn lists_every_node_once(store: &impl Store) {
    let site: Site = "hq".parse().expect("a site");
    for number in 0..7 {
        let id = node(&format!("ap-{number}"));
        let site = (number % 2 == 0).then(|| site.clone());
        let stored = applied(store, &register(&id, &Registering { site, ..Registering::default() })).await;
        let stored = Node::read(&stored).expect("well-formed");
        let desired = Some(DesiredConfig { version: 1, sha256: "cd".to_owned() });
        let desiring = Node { desired, config_version: 1, ..stored };
        let _ = applied(store, &remember(&id, &desiring, &Setting { at: Timestamp(1), by: None })).await;
    }
    let _ = applied(store, &put_document("ab", "{}")).await;
    let all: Vec<_> = (0..7).map(|number| format!("ap-{number}")).collect();
    let sorted = |mut ids: Vec<String>| {
        ids.sort_unstable();
        ids
    };
    let whole = async || sorted(pages(async |after| store.page_of_all(after, 2).await).await);
    // Whoever stops half-way in a site goes on behind a node: its nodes are in order.
    let of_site = async || pages(async |after| store.page_of_site(&site, after, 2).await).await;
    let of_segments = async || {
        let segments = [0, 1, 2].map(|index| Segment { index, of: 3 });
        let mut ids = vec![];
        for segment in segments {
            ids.extend(pages(async |after| store.page_of_segment(segment, after, 2).await).await);
        }
        sorted(ids)
    };
    until_read(whole, all.clone()).await;
    until_read(of_segments, all).await;
    until_read(of_site, ["ap-0", "ap-2", "ap-4", "ap-6"].map(str::to_owned).to_vec()).await;
    let asked = [0, 9, 5].map(|number| node(&format!("ap-{number}")));
    let mut read: Vec<_> = store.nodes(&asked).await.expect("readable").into_iter().map(|(id, _)| id).collect();
    read.sort_unstable();
    assert_eq!(read, [node("ap-0"), node("ap-5")], "a node without an item is left out");
    let about = About { name: Some("Lobby".parse().expect("a name")), ..About::default() };
    let write = describe(&node("ap-5"), &About::default(), &about);
    assert!(matches!(store.write(&write).await.expect("stored").outcome, Outcome::Applied { .. }));
    let read: Vec<_> = store.beside(Beside::About, &asked).await.expect("readable");
    let [(of, item)] = &read[..] else { panic!("a node without a name is left out: {read:?}") };
    assert_eq!((of, About::read(item)), (&node("ap-5"), Ok(about)));
    let polled = note_polled(&node("ap-0"), Polled::Served, None, None, Timestamp(7));
    assert!(matches!(store.write(&polled).await.expect("stored").outcome, Outcome::Applied { .. }));
    let read: Vec<_> = store.beside(Beside::Legacy, &asked).await.expect("readable");
    let [(of, item)] = &read[..] else { panic!("a node that never polled is left out: {read:?}") };
    assert_eq!((of, Legacy::read(item).expect("readable").last), (&node("ap-0"), Some(Timestamp(7))));
    let read = store.nodes(&[node("ap-5")]).await.expect("readable");
    let stored = Node::read(&read[0].1).expect("a node");
    let kinds = Kinds::of(&node("ap-5"), &stored, Timestamp(7), &policy(Registration::Open));
    for (_, writes) in recount(&[(node("ap-5"), Counted::default(), Some(kinds.clone()))], Timestamp(7)) {
        assert!(store.transact(&writes).await.expect("stored") && !store.transact(&writes).await.expect("answered"));
    }
    let read: Vec<_> = store.beside(Beside::Counted, &asked).await.expect("readable");
    let [(of, item)] = &read[..] else { panic!("a node that is not counted is left out: {read:?}") };
    assert_eq!((of, Counted::read(item).expect("readable").kinds), (&node("ap-5"), Some(kinds)));
    let counts = store.range(Key::counts(CountedBy::Node), Order::Ascending, 9).await.expect("readable");
    assert_eq!(counts.iter().map(|(_, item)| count(item)).collect::<Vec<_>>(), [Ok(1)]);
}

/// The ids of all pages of a list, of two nodes each.
async fn pages(
    page: impl AsyncFn(Option<PageKey>) -> Result<(Vec<(NodeId, Item)>, Option<PageKey>), StoreError>,
) -> Vec<String> {
    let (mut ids, mut after) = (vec![], None);
    loop {
        let (nodes, next) = page(after).await.expect("readable");
        assert!(nodes.len() <= 2, "{nodes:?}");
        ids.extend(nodes.into_iter().map(|(id, _)| id.to_string()));
        after = next;
        if after.is_none() {
            return ids;
        }
    }
}

/// Reads again until that is what is read. A scan, and a query of an index, show a write a little later (Amazon DynamoDB
/// Developer Guide, "DynamoDB read consistency").
async fn until_read<T: PartialEq + std::fmt::Debug>(read: impl AsyncFn() -> T, expected: T) {
    let began = Instant::now();
    loop {
        let found = read().await;
        if found == expected {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{found:?} is read, and not {expected:?}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

#[tokio::test]
async fn suspected_nodes_are_found_by_the_end_of_their_grace_period() {
    let (_engine, dynamo) = dynamodb().await;
    finds_suspected_nodes(&dynamo).await;
    finds_suspected_nodes(&MemoryStore::default()).await;
    finds_suspected_nodes(&rollcall_simulation::alone::Store::new(1, 0)).await;
}

async fn finds_suspected_nodes(store: &impl Store) {
    let policy = policy(Registration::Open);
    let ids: Vec<_> = (0..12).map(|number| node(&format!("suspect-{number}"))).collect();
    for (late, id) in (0_u64..).zip(&ids) {
        let [connect, _, disconnect] = a_life(id.as_str());
        let _ = applied(store, &plan(&connect, &policy)).await;
        let _ = applied(store, &plan(&Event { at: Timestamp(12_000 + late), ..disconnect }, &policy)).await;
    }
    let due = |late: u64| Timestamp(12_000 + late).plus_seconds(policy.grace);
    let until_found = async |ends: RangeInclusive<Timestamp>, limit, expected: &[NodeId]| {
        let found = async || {
            let mut found = store.suspects(ends.clone(), limit).await.expect("readable");
            found.sort_unstable_by_key(|id| ids.iter().position(|known| known == id));
            found
        };
        until_read(found, expected.to_vec()).await;
    };
    until_found(Timestamp(0)..=due(7), 100, &ids[..8]).await;
    until_found(due(10)..=Timestamp(u64::MAX), 100, &ids[10..]).await;
    let is_first = |id: &&NodeId| ids.iter().find(|other| due_shard(other) == due_shard(id)) == Some(*id);
    let first_of_each_shard: Vec<_> = ids.iter().filter(is_first).cloned().collect();
    until_found(Timestamp(0)..=due(11), 1, &first_of_each_shard).await;
    let stored = store.read(&Key::Node(ids[0].clone())).await.expect("readable").expect("stored");
    let over = expired(&ids[0], &Node::read(&stored).expect("well-formed"), due(0), &policy);
    let _ = applied(store, &plan(&over.expect("its grace period is over"), &policy)).await;
    // A node that is offline is suspected no more.
    until_found(Timestamp(0)..=due(7), 100, &ids[1..8]).await;
}
