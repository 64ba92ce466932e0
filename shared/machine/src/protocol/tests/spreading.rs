//! A fleet that gets a pushed configuration does not reconnect all at once to prove it.

use super::configuring::{news, pushed};
use super::*;

impl Bench {
    /// A node whose first connection holds it. The first ack had this spread and this configuration.
    fn with_spread(seed: u64, spread: u64, config: Option<serde_json::Value>) -> Self {
        let mut bench = Self::seeded(seed);
        bench.opened();
        let mut ack = json!({"type": "ack", "seq": 1, "next_check_in_s": 60, "reconnect_within_s": LIFE_S});
        ack["spread_s"] = json!(spread);
        if let Some(config) = config {
            ack["config"] = config;
        }
        bench.receive(bench.link(), &ack);
        bench
    }

    /// How long after a push the node opens the connection that is to prove it.
    fn proof_after_push(seed: u64, spread: u64) -> Duration {
        let mut bench = Self::with_spread(seed, spread, None);
        let pushed_at = bench.now;
        bench.receive(bench.link(), &pushed(3));
        assert_eq!(bench.applied.len(), 1, "the configuration is applied at once");
        if bench.opened.len() == 1 {
            bench.advance_to_next_opening();
        }
        let waited = bench.now.saturating_sub(pushed_at);
        bench.open_and_ack();
        assert!(bench.events.contains(&NodeEvent::ConfigApplied { version: 3, substituted: None }));
        assert_eq!((bench.outages(), bench.rolled_back.len()), (0, 0));
        waited
    }
}

#[test]
fn the_proofs_of_a_fleet_use_the_whole_spread_and_at_most_the_time_of_a_proof() {
    for (spread, most) in [(20, s(20)), (3600, s(60))] {
        let waits: Vec<_> = (0..300).map(|seed| Bench::proof_after_push(seed, spread)).collect();
        assert!(waits.iter().all(|wait| *wait <= most), "{spread}: {:?}", waits.iter().max());
        for tenth in 0..10 {
            let part = most * tenth / 10..most * (tenth + 1) / 10;
            let within = waits.iter().filter(|wait| part.contains(*wait)).count();
            assert!((10..60).contains(&within), "{spread}: {within} of 300 in {part:?}");
        }
    }
}

#[test]
fn without_a_spread_the_proof_begins_at_once() {
    assert_eq!(Bench::proof_after_push(7, 0), s(0));
}

#[test]
fn a_configuration_from_an_ack_is_proven_at_once() {
    for seed in 0..20 {
        assert_eq!(Bench::with_spread(seed, 3600, Some(news(3))).opened.len(), 2, "seed {seed}");
    }
}

#[test]
fn after_the_wait_the_proof_has_its_whole_time_and_nothing_is_reported_before() {
    for seed in 0..50 {
        let mut bench = Bench::with_spread(seed, 30, None);
        bench.receive(bench.link(), &pushed(3));
        bench.machine.check_in_now(bench.now);
        bench.settle();
        assert!(bench.said.iter().all(|(_, check_in)| check_in.config.is_none()), "reported before the proof");
        bench.advance_to_next_opening();
        let begun = bench.now;
        bench.fail_until_rolled_back();
        assert_eq!(bench.now, begun + s(60), "seed {seed}");
    }
}

#[test]
fn a_replacement_that_is_due_earlier_proves_the_configuration() {
    for seed in 0..50 {
        let mut bench = Bench::with_spread(seed, 60, None);
        let old = bench.link();
        bench.receive(old, &pushed(3));
        bench.receive(old, &json!({"type": "reconnect", "within_s": 1}));
        if bench.opened.len() == 1 {
            bench.advance_to_next_opening();
        }
        assert!(bench.now <= s(1), "{:?}", bench.now);
        bench.open_and_ack();
        assert!(bench.events.contains(&NodeEvent::ConfigApplied { version: 3, substituted: None }));
        assert_eq!(bench.outages(), 0);
    }
}

#[test]
fn a_node_that_loses_its_connection_before_the_proof_reconnects_without_that_wait() {
    for seed in 0..50 {
        let mut bench = Bench::with_spread(seed, 3600, None);
        let old = bench.link();
        bench.receive(old, &pushed(3));
        if bench.opened.len() == 1 {
            bench.server_closes(old);
            assert!(bench.last_delay() <= s(1), "{:?}", bench.last_delay());
        }
    }
}
