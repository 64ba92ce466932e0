use std::collections::BTreeMap;

use futures_util::FutureExt as _;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall_core::{
    Connection, CountedBy, CredentialVersion, Event, EventKind, Expected, Key, Outcome, Registering, Registration,
    Seconds, Update, count, delete_node, plan, register, revoke, set_config,
};

use super::*;
use crate::feed::{Change, Feed};
use crate::memory::MemoryStore;
use crate::queue::{Message, Queue, QueueError};
use crate::store::Order;
use crate::sweep::Sweeps;

/// A queue that nobody reads.
#[derive(Debug)]
struct Nobody;

impl Queue for Nobody {
    async fn send(&self, _: &[Message]) -> Result<(), QueueError> {
        Ok(())
    }

    async fn postpone(&self, _: &str, _: Seconds) -> Result<(), QueueError> {
        Ok(())
    }

    async fn bury(&self, _: &Message, reason: &str) -> Result<(), QueueError> {
        panic!("{reason}")
    }
}

/// A fleet, whose stream is read late and twice.
struct World {
    store: MemoryStore,
    policy: Policy,
    records: Vec<Change>,
    read: usize,
    now: Timestamp,
}

fn id(number: u32) -> NodeId {
    format!("ap-{number}").parse().expect("an id")
}

impl World {
    fn new() -> Self {
        let policy = Policy::new(Registration::Open, 600, 10, 30, 0).expect("in range");
        Self { store: MemoryStore::default(), policy, records: vec![], read: 0, now: Timestamp(1_000_000_000) }
    }

    fn write(&mut self, node: &NodeId, update: &Update) {
        let was = self.store.get(&update.key);
        if let Outcome::Applied { after } = self.store.apply(update) {
            self.record(node, was, Some(after));
        }
    }

    fn record(&mut self, node: &NodeId, was: Option<Item>, is: Option<Item>) {
        let sequence = (self.records.len() + 1).to_string();
        self.records.push(Change { node: node.clone(), sequence, at: self.now, was, is });
    }

    fn something_happens(&mut self, draw: &mut ChaCha8Rng) {
        let node = id(draw.random_range(0..6));
        self.now = self.now.plus_seconds(draw.random_range(1..90));
        match draw.random_range(0..10) {
            0..3 => {
                let site = ["hq", "lab"][draw.random_range(0..2)].parse().ok();
                self.write(&node, &register(&node, &Registering { site, ..Registering::default() }));
            }
            3..6 => {
                let connection = Connection { id: "A".parse().expect("an id"), opened_at: self.now };
                let kind = EventKind::Connect { connection, credentials: CredentialVersion(1), instance: None };
                let update = plan(&Event::new(node.clone(), self.now, kind), &self.policy);
                self.write(&node, &update);
            }
            6..8 => self.write(&node, &set_config(&node, "ab", &Expected::default())),
            8 => self.write(&node, &revoke(&node)),
            _ => {
                let was = self.store.get(&Key::Node(node.clone()));
                if was.is_some() && self.store.delete_if(&delete_node(&node)) {
                    self.record(&node, was, None);
                }
            }
        }
    }

    /// The feed reads on, from a record that it may have read before.
    fn feed(&mut self, draw: &mut ChaCha8Rng) {
        let from = self.read.saturating_sub(draw.random_range(0..4));
        let to = draw.random_range(self.read..=self.records.len());
        self.feed_between(from, to);
    }

    fn feed_between(&mut self, from: usize, to: usize) {
        let feed = Feed { store: &self.store, queue: Nobody, policy: self.policy, keep_for: 60 };
        assert!(feed.run(&self.records[from..to], self.now).now_or_never().expect("memory answers at once").is_ok());
        self.read = self.read.max(to);
    }

    /// Sweeps run until a scan goes through all nodes: at first they may wait, as nothing was heard of nodes for a while.
    /// Returns how many nodes it has counted as something else.
    fn sweep(&mut self) -> u64 {
        for _ in 0..20 {
            self.now = self.now.plus_seconds(5);
            let before = self.nodes();
            let sweeps = Sweeps { store: &self.store, policy: self.policy, every: 1, keep_for: 3600 };
            let swept =
                sweeps.run(self.now).now_or_never().expect("memory answers at once").expect("memory does not fail");
            for ((node, was), (_, is)) in before.iter().zip(self.nodes()) {
                if *was != is {
                    self.record(node, was.clone(), is);
                }
            }
            if swept.scanned > 0 {
                return swept.recounted;
            }
        }
        0
    }

    fn nodes(&self) -> Vec<(NodeId, Option<Item>)> {
        (0..6).map(id).map(|node| (node.clone(), self.store.get(&Key::Node(node)))).collect()
    }

    fn counts(&self) -> BTreeMap<Key, u64> {
        let all = CountedBy::ALL.into_iter().flat_map(|by| self.store.between(Key::counts(by), Order::Ascending, 999));
        let counts = all.map(|(key, item)| (key, count(&item).expect("readable")));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// What the counts would be if they were made now.
    fn truly(&self) -> BTreeMap<Key, u64> {
        let other = MemoryStore::default();
        for (node, item) in self.nodes() {
            let kinds = kinds(&node, item.as_ref(), self.now, &self.policy).expect("readable");
            for (_, writes) in recount(&[(node, Counted::default(), kinds)], self.now) {
                assert!(other.apply_all(&writes));
            }
        }
        Self { store: other, ..Self::new() }.counts()
    }
}

#[test]
fn however_late_and_however_often_the_stream_is_read_nodes_are_counted_as_what_they_are() {
    for seed in 0..300 {
        let (mut world, mut draw) = (World::new(), ChaCha8Rng::seed_from_u64(seed));
        for _ in 0..40 {
            match draw.random_range(0..10) {
                0..7 => world.something_happens(&mut draw),
                7..9 => world.feed(&mut draw),
                _ => drop(world.sweep()),
            }
        }
        world.feed_between(world.read, world.records.len());
        // Nodes have become silent since, and that is written nowhere.
        world.sweep();
        world.feed_between(world.read, world.records.len());
        assert_eq!(world.counts(), world.truly(), "seed {seed}");
        for (node, _) in world.nodes().into_iter().filter(|(_, item)| item.is_none()) {
            assert_eq!(world.store.get(&Key::Counted(node.clone())), None, "seed {seed}: {node} is gone");
        }
    }
}

#[test]
fn a_scan_counts_nodes_that_nobody_counted_and_deletes_counts_of_no_node() {
    let (mut world, node) = (World::new(), id(1));
    for site in ["hq", "lab"] {
        let site = site.parse().ok();
        world.write(&node, &register(&node, &Registering { site, ..Registering::default() }));
        world.feed_between(world.read, world.records.len());
    }
    let site = |name: &str| Key::Count(CountedBy::Site, name.to_owned());
    assert!(world.store.get(&site("hq")).is_some());
    assert_eq!(world.sweep(), 0, "it is counted as what it is");
    assert_eq!((world.store.get(&site("hq")), world.counts()), (None, world.truly()));
    world.store.forget(&Key::Counted(node.clone()));
    for by in CountedBy::ALL {
        for (key, _) in world.store.between(Key::counts(by), Order::Ascending, 9) {
            world.store.forget(&key);
        }
    }
    assert_eq!(world.sweep(), 1);
    assert_eq!(world.counts(), world.truly());
}
