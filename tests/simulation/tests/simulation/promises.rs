//! The promises hold, whatever happens.

use rollcall_fleet::{Coverage, Plan};
use rollcall_simulation::run;

/// Runs these seeds, and fails with the command that shows what is wrong. Returns what was seen.
fn hold(seeds: impl IntoIterator<Item = u64>, nodes: u32, days: u32) -> Coverage {
    let mut seen = Coverage::default();
    for seed in seeds {
        let outcome = run(&Plan::generate(seed, nodes as usize, days)).expect("a world");
        let command = format!("cargo sim --seed {seed} --nodes {nodes} --days {days}");
        assert!(outcome.violations.is_empty(), "{command}: {}", outcome.violations[0]);
        seen.merge(&outcome.coverage);
    }
    seen
}

#[test]
fn no_promise_is_broken_in_a_few_dozen_short_lives() {
    let seen = hold(1..=30, 4, 1);
    // What nearly every handful of lives must show. `cargo sim` says what a campaign has not seen.
    for name in ["told ack", "told ack with a configuration", "a node crashed", "fault partition", "fault clone"] {
        assert!(seen.count(name) > 0, "{name} was never seen");
    }
}

#[test]
fn no_promise_is_broken_in_a_week() {
    hold([101], 6, 7);
}
