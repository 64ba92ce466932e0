//! Two devices with one token are calmed, and a node that is alone is never taken for two.

use rand::{RngExt, SeedableRng, rngs::SmallRng};

use super::configuring::pushed;
use super::*;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// What a server lets the connection know that it replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    Bye,
    /// The bye is lost.
    Close,
    /// Both are lost: the next check-in is answered with an error.
    Error,
}

/// A server that gives the node to whoever connected last.
struct World {
    nodes: Vec<Bench>,
    /// How much of what each node opened and said was looked at.
    seen: Vec<(usize, usize)>,
    holder: Option<(usize, LinkId)>,
    tells: Tells,
    rng: SmallRng,
    /// How many of a hundred handshakes end badly.
    bad: u32,
}

impl World {
    fn new(nodes: usize, tells: Tells, seed: u64) -> Self {
        let seeds = (0..nodes as u64).map(|node| 1000 * seed + node);
        let nodes: Vec<_> = seeds.map(Bench::seeded).collect();
        let rng = SmallRng::seed_from_u64(seed);
        Self { seen: vec![(0, 0); nodes.len()], nodes, holder: None, tells, rng, bad: 0 }
    }

    /// Lets time pass until then.
    fn run_until(&mut self, end: Duration) {
        loop {
            while (0..self.nodes.len()).any(|node| self.serve(node)) {}
            let next = self.nodes.iter().filter_map(|node| node.machine.deadline()).min().expect("a node runs");
            let now = next.min(end);
            for node in &mut self.nodes {
                node.now = now.max(node.now);
                node.settle();
            }
            if next > end {
                return;
            }
        }
    }

    /// Does what the server does next about what this node did; whether there was anything.
    fn serve(&mut self, node: usize) -> bool {
        let (opened, said) = &mut self.seen[node];
        if let Some(link) = self.nodes[node].opened.get(*opened).copied() {
            *opened += 1;
            self.handshake(node, link);
            return true;
        }
        if let Some((link, check_in)) = self.nodes[node].said.get(*said).cloned() {
            *said += 1;
            self.check_in(node, link, check_in.seq);
            return true;
        }
        false
    }

    fn handshake(&mut self, node: usize, link: LinkId) {
        let fate = self.rng.random_range(0..100);
        // Half of the bad ones are let in, and the node does not hear of it.
        if fate >= self.bad || fate % 2 == 0 {
            self.take_over(node, link);
        }
        match fate {
            fate if fate >= self.bad => self.nodes[node].opened(),
            fate if fate % 3 == 0 => self.nodes[node].refuse(503),
            _ => self.nodes[node].fail(),
        }
    }

    fn take_over(&mut self, node: usize, link: LinkId) {
        let Some((loser, old)) = self.holder.replace((node, link)) else { return };
        let loser = &mut self.nodes[loser];
        if self.tells == Tells::Bye {
            loser.receive(old, &json!({"type": "bye", "reason": "superseded"}));
        }
        if self.tells != Tells::Error {
            loser.server_closes(old);
        }
    }

    fn check_in(&mut self, node: usize, link: LinkId, seq: u64) {
        if self.holder == Some((node, link)) {
            self.nodes[node].ack(link, seq);
        } else {
            let error = json!({"type": "error", "code": "not-connected", "message": "", "seq": seq});
            self.nodes[node].receive(link, &error);
        }
    }

    fn connects(&self) -> usize {
        self.nodes.iter().map(|node| node.opened.len()).sum()
    }

    fn told(&self) -> usize {
        let told = |event: &&NodeEvent| matches!(event, NodeEvent::Superseded { .. });
        self.nodes.iter().map(|node| node.events.iter().filter(told).count()).sum()
    }

    fn longest_wait(&self) -> Duration {
        let waits = self.nodes.iter().flat_map(|node| &node.events).map(|event| match event {
            NodeEvent::BackingOff { delay } => *delay,
            _ => Duration::ZERO,
        });
        waits.max().expect("events")
    }
}

/// The numbers are in ADR 15.
#[test]
fn two_devices_with_one_token_settle_to_about_a_connect_an_hour_each() {
    for (tells, seed) in
        [Tells::Bye, Tells::Close, Tells::Error].into_iter().flat_map(|tells| (0..20).map(move |seed| (tells, seed)))
    {
        let mut world = World::new(2, tells, seed);
        world.run_until(DAY);
        let first_day = world.connects();
        assert!((30..=55).contains(&first_day), "{tells:?}, seed {seed}: {first_day} connects in a day");
        assert!(tells != Tells::Bye || world.told() > 20, "only told {} times", world.told());
        world.run_until(2 * DAY);
        let second_day = world.connects() - first_day;
        assert!((24..=34).contains(&second_day), "{tells:?}, seed {seed}: {second_day} connects in the second day");
    }
}

#[test]
fn when_one_of_two_devices_stops_the_other_is_back_within_the_longest_wait_and_then_stays() {
    for seed in 0..40 {
        let mut world = World::new(2, Tells::Bye, seed);
        let stop = HOUR * u32::try_from(seed % 20).expect("small");
        world.run_until(stop);
        world.nodes.truncate(1);
        world.holder = world.holder.filter(|(node, _)| *node == 0);
        world.run_until(stop + HOUR);
        assert!(world.nodes[0].machine.sessions.current.is_some(), "seed {seed}: not back after an hour");
        let (connects, told) = (world.connects(), world.told());
        world.run_until(stop + HOUR + DAY);
        assert_eq!(world.told(), told, "seed {seed}");
        // Planned ones: a life is 100 min.
        assert!(world.connects() - connects < 24, "seed {seed}: {}", world.connects() - connects);
    }
}

#[test]
fn a_node_that_is_alone_is_never_taken_for_two_whatever_happens_to_its_handshakes() {
    for (tells, seed) in
        [Tells::Bye, Tells::Close, Tells::Error].into_iter().flat_map(|tells| (0..30).map(move |seed| (tells, seed)))
    {
        let mut world = World::new(1, tells, seed);
        world.bad = 30;
        for step in 1..400 {
            world.run_until(s(step * 97));
            let link = world.nodes[0].link();
            match world.rng.random_range(0..4) {
                0 => world.nodes[0].receive(link, &json!({"type": "reconnect", "within_s": 30})),
                1 => world.nodes[0].receive(link, &pushed(step)),
                2 if step % 8 == 0 => world.nodes[0].receive(link, &json!({"type": "bye", "reason": "closed"})),
                _ => {}
            }
        }
        assert_eq!(world.told(), 0, "{tells:?}, seed {seed}");
        assert!(world.nodes[0].opened.len() > 100, "nothing happened: {}", world.nodes[0].opened.len());
        assert!(world.longest_wait() <= s(60), "{tells:?}, seed {seed}: {:?}", world.longest_wait());
    }
}

fn superseded() -> serde_json::Value {
    json!({"type": "bye", "reason": "superseded"})
}

impl Bench {
    fn told_superseded(&self) -> Vec<Duration> {
        let delay = |event: &NodeEvent| match event {
            NodeEvent::Superseded { delay } => Some(*delay),
            _ => None,
        };
        self.events.iter().filter_map(delay).collect()
    }
}

#[test]
fn a_node_whose_only_connection_is_superseded_says_why_and_stays_away() {
    let mut bench = Bench::connected();
    bench.receive(bench.link(), &superseded());
    let reason = DisconnectReason::Bye { reason: rollcall_wire::ByeReason::Superseded };
    let delay = bench.last_delay();
    assert!(delay >= s(60) && delay <= s(90), "{delay:?}");
    assert_eq!(
        bench.events,
        [
            NodeEvent::Disconnected { reason, planned: false },
            NodeEvent::Superseded { delay },
            NodeEvent::BackingOff { delay }
        ]
    );
    bench.advance_to_next_opening();
    assert_eq!(bench.now, delay);
}

#[test]
fn a_connection_that_is_superseded_before_its_first_ack_counts_as_well() {
    let (mut bench, old, new) = Bench::replacing();
    bench.opened();
    // The new one took over from the old one, and another device from the new one.
    bench.receive(new, &superseded());
    bench.receive(old, &superseded());
    assert_eq!((bench.told_superseded().len(), bench.outages()), (1, 1));
    assert!(bench.last_delay() >= s(60), "{:?}", bench.last_delay());
    let gone = bench.now;
    bench.advance_to_next_opening();
    assert!(bench.now >= gone + s(60));
}

#[test]
fn a_bye_that_comes_after_the_answer_that_ended_the_connection_still_counts() {
    for (reason, end) in [
        ("superseded", None),
        ("revoked", Some(Err(NodeError::Revoked))),
        ("unregistered", Some(Err(NodeError::Unregistered))),
    ] {
        let mut bench = Bench::connected();
        let link = bench.link();
        bench.receive(link, &json!({"type": "error", "code": "not-connected", "message": "", "seq": 1}));
        bench.receive(link, &json!({"type": "bye", "reason": reason}));
        bench.receive(link, &json!({"type": "bye", "reason": reason}));
        assert_eq!((bench.end.clone(), bench.outages()), (end.clone(), 1));
        assert_eq!(bench.told_superseded().len(), usize::from(end.is_none()));
        if end.is_none() {
            assert!(bench.last_delay() >= s(60) && bench.last_delay() <= s(90), "{:?}", bench.last_delay());
        }
    }
}

#[test]
fn a_configuration_on_trial_is_not_rolled_back_because_another_device_took_over() {
    let mut bench = Bench::connected();
    let old = bench.link();
    bench.machine.cadence.spread = s(0);
    bench.receive(old, &pushed(3));
    bench.opened();
    let new = bench.link();
    bench.receive(new, &superseded());
    bench.receive(old, &superseded());
    bench.advance_to_next_opening();
    bench.open_and_ack();
    assert!(bench.rolled_back.is_empty());
    assert!(bench.events.contains(&NodeEvent::ConfigApplied { version: 3, substituted: None }));
}

#[test]
fn a_server_that_lets_nodes_in_and_loses_them_again_is_not_stormed() {
    for end in ["bye", "close", "break"] {
        let mut bench = Bench::new();
        for _ in 0..100 {
            bench.opened();
            let (link, seq) = (bench.link(), bench.said.last().expect("said").1.seq);
            bench.receive(
                link,
                &json!({"type":"ack","seq":seq,"next_check_in_s":60,"reconnect_within_s":LIFE_S,"spread_s":0}),
            );
            match end {
                "bye" => bench.receive(link, &json!({"type": "bye", "reason": "closed"})),
                "close" => bench.server_closes(link),
                _ => {
                    let reason = DisconnectReason::Lost { why: "reset".to_owned() };
                    bench.machine.closed(bench.now, link, reason);
                    bench.settle();
                }
            }
            bench.advance_to_next_opening();
        }
        assert!(bench.now > s(30 * 60), "100 connects in {:?} ({end})", bench.now);
    }
}

#[test]
fn a_server_that_wants_every_connection_replaced_at_once_is_followed_once_a_second() {
    let mut bench = Bench::connected();
    for _ in 0..20 {
        let link = bench.link();
        bench.receive(link, &json!({"type": "reconnect", "within_s": 0}));
        if bench.link() == link {
            bench.advance_to_next_opening();
        }
        bench.open_and_ack();
    }
    assert!(bench.now >= s(19), "20 connects in {:?}", bench.now);
    assert_eq!(bench.outages(), 0);
}
