//! The same plan gives the same run, to the byte.

use rollcall_fleet::Plan;
use rollcall_simulation::{run, run_and_keep};

#[test]
fn the_same_plan_gives_the_same_run() {
    for seed in [1, 22, 43] {
        let plan = Plan::generate(seed, 5, 1);
        let [first, second] = [run(&plan).expect("a world"), run(&plan).expect("a world")];
        assert_eq!((&first.digest, first.counts), (&second.digest, second.counts), "seed {seed}");
        assert_eq!(first.violations, second.violations);
    }
}

#[test]
fn two_runs_at_the_same_time_do_not_disturb_each_other() {
    let plan = Plan::generate(7, 4, 1);
    let alone = run(&plan).expect("a world").digest;
    let digests = std::thread::scope(|scope| {
        let other = scope.spawn(|| run(&Plan::generate(8, 4, 1)).expect("a world").digest);
        let this = run(&plan).expect("a world").digest;
        (this, other.join().expect("a run"))
    });
    assert_eq!(digests.0, alone);
    assert_ne!(digests.1, alone, "another seed is another run");
}

#[test]
fn keeping_what_was_seen_changes_nothing() {
    let plan = Plan::generate(3, 4, 1);
    let (kept, seen) = run_and_keep(&plan).expect("a world");
    assert_eq!(kept.digest, run(&plan).expect("a world").digest);
    assert_eq!(seen.len() as u64, kept.counts.observations);
    assert!(seen.is_sorted_by_key(|observation| observation.at), "observations come in the order of true time");
}

#[test]
fn a_plan_that_was_kept_in_a_file_gives_the_same_run() {
    let plan = Plan::generate(5, 3, 1);
    let read = Plan::from_json(&plan.to_json()).expect("a plan");
    assert_eq!(run(&read).expect("a world").digest, run(&plan).expect("a world").digest);
}
