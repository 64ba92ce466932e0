//! Many runs, one after the other in the order of their seeds; several at the same time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use rollcall_fleet::Plan;
use rollcall_simulation::{Outcome, SetupError, run as simulate};

use super::args::{Args, Plans};
use super::failure;
use super::out::say;
use super::stopwatch::Stopwatch;
use super::summary::Summary;

/// A run that is over.
pub(crate) struct Done {
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    pub(crate) outcome: Outcome,
    /// How long a thread has worked on it.
    pub(crate) took: Duration,
}

/// Runs every plan, and prints what became of them. Returns whether nothing is wrong.
///
/// # Errors
/// If the world can't be set up.
pub(crate) fn run(args: &Args, plans: &Plans) -> Result<bool, String> {
    let (began, seeds) = (Instant::now(), plans.seeds());
    let mut summary = Summary::default();
    let mut failed: Vec<Done> = vec![];
    let next = AtomicU64::new(*seeds.start());
    std::thread::scope(|scope| -> Result<(), String> {
        let (done, runs) = channel();
        for _ in 0..args.jobs {
            let (done, next, last) = (done.clone(), &next, *seeds.end());
            scope.spawn(move || work(plans, next, last, &done));
        }
        drop(done);
        // Runs end in any order, and are told in that of their seeds.
        let mut waiting = BTreeMap::new();
        let mut told = *seeds.start();
        'told: for ended in runs {
            let ended = ended.map_err(|error| error.to_string())?;
            waiting.insert(ended.seed, ended);
            while let Some(ended) = waiting.remove(&told) {
                told += 1;
                if !args.json {
                    say(&line(&ended));
                }
                summary.add(&ended);
                if !ended.outcome.violations.is_empty() {
                    failed.push(ended);
                    if args.first {
                        break 'told;
                    }
                }
            }
        }
        Ok(())
    })?;
    summary.took = began.elapsed();
    for failed in &failed {
        summary.failures.push(failure::explain(args, plans, failed));
    }
    say(&if args.json { summary.json() } else { summary.to_string() });
    Ok(failed.is_empty())
}

fn work(plans: &Plans, next: &AtomicU64, last: u64, done: &Sender<Result<Done, SetupError>>) {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed > last {
            return;
        }
        let plan = plans.plan(seed);
        let stopwatch = Stopwatch::start();
        let ended = simulate(&plan).map(|outcome| Done { seed, plan, outcome, took: stopwatch.read() });
        // Sending fails only if another run could not be set up.
        if done.send(ended).is_err() {
            return;
        }
    }
}

fn line(done: &Done) -> String {
    let Done { seed, plan, outcome, took } = done;
    let digest = outcome.digest.get(..16).unwrap_or_default();
    let days = node_days(plan);
    let judged = match outcome.violations.len() {
        0 => "well".to_owned(),
        1 => "1 VIOLATION".to_owned(),
        several => format!("{several} VIOLATIONS"),
    };
    let seconds = took.as_secs_f64();
    format!(
        "seed {seed:<6} {days:>7.1} node-days in {seconds:>6.2} s  {:>8} observations  {digest}  {judged}",
        outcome.counts.observations
    )
}

/// How many days of nodes a plan has.
#[expect(clippy::cast_precision_loss, reason = "it is only shown")]
pub(crate) fn node_days(plan: &Plan) -> f64 {
    plan.nodes.len() as f64 * plan.ends_at_ms as f64 / 86_400_000.0
}
