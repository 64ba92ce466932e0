//! How often a good change is stopped, and how often a bad one is not, over fleets whose nodes come and go.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;

use super::fleet::{Does, Fleet};

/// How many fleets are enough to notice that a rule has changed, and how many show a share.
const SOME: u64 = 8;
const MANY: u64 = 1_000;
/// How many nodes each has.
const NODES: usize = 200;

/// A fleet of which some nodes are away now and then: each once in five days, for up to an hour.
fn lossy(seed: u64) -> (Fleet, ChaCha8Rng) {
    let (mut fleet, mut random) = (Fleet::new(NODES), ChaCha8Rng::seed_from_u64(seed));
    for device in &mut fleet.devices {
        let from = random.random_range(0..5 * 24 * 3_600_u64);
        device.away = (from, from + random.random_range(60..3_600));
    }
    (fleet, random)
}

/// The good changes that are stopped, each with its seed.
fn stopped(seeds: u64) -> Vec<String> {
    let stopped = (0..seeds).filter_map(|seed| {
        let (mut fleet, _) = lossy(seed);
        fleet.start("good", &json!({}));
        let rollout = fleet.end("good");
        (rollout["state"] != json!("completed")).then(|| format!("seed {seed}: {}", rollout["reason"]))
    });
    stopped.collect()
}

/// The changes that break a tenth of the nodes and reach all the same, each with its seed.
fn missed(seeds: u64, does: Does) -> Vec<String> {
    let missed = (0..seeds).filter_map(|seed| {
        let (mut fleet, mut random) = lossy(seed);
        for device in &mut fleet.devices {
            if random.random_range(0..10) == 0 {
                device.does = does;
            }
        }
        fleet.start("bad", &json!({}));
        let rollout = fleet.end("bad");
        (rollout["state"] == json!("completed")).then(|| format!("seed {seed}: {rollout}"))
    });
    missed.collect()
}

#[test]
fn a_good_change_is_not_stopped_and_one_that_breaks_a_tenth_of_the_nodes_is() {
    assert_eq!(stopped(SOME), Vec::<String>::new());
    assert_eq!(missed(SOME, Does::Rejects), Vec::<String>::new());
    assert_eq!(missed(SOME, Does::FallsSilent), Vec::<String>::new());
}

#[test]
#[ignore = "takes minutes: the figures of docs/rollouts.md"]
fn of_a_thousand_good_changes_less_than_one_of_a_hundred_is_stopped_and_no_bad_one_is_missed() {
    let stopped = stopped(MANY);
    assert!(stopped.len() as u64 * 100 < MANY, "{} of {MANY}: {stopped:#?}", stopped.len());
    for does in [Does::Rejects, Does::FallsSilent] {
        assert_eq!(missed(MANY, does), Vec::<String>::new(), "{does:?}");
    }
}
