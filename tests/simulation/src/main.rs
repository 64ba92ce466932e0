//! `cargo sim`.
use rollcall_fleet::{NodeKind, NodePlan, Plan, Settings};
fn main() {
    let n: usize = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(10);
    let days: u64 = std::env::args().nth(2).and_then(|a| a.parse().ok()).unwrap_or(1);
    let seed: u64 = std::env::args().nth(3).and_then(|a| a.parse().ok()).unwrap_or(1);
    let nodes = (0..n).map(|i| NodePlan { id: format!("ap-{i}").parse().unwrap(), kind: if i % 10 == 9 { NodeKind::Poller } else { NodeKind::Socket }, model: "ax".into(), site: "s".into(), far: i % 7 == 0 }).collect();
    let plan = Plan { seed, settings: Settings { registration: rollcall_core::Registration::Open, lifetime: 6600, check_in_every: 300, grace: 90, spread: 30, budget: 300 }, nodes, steps: vec![], calm_from_ms: days * 86_400_000, ends_at_ms: days * 86_400_000 };
    let t = std::time::Instant::now();
    let outcome = rollcall_simulation::run(&plan).unwrap();
    let s = t.elapsed().as_secs_f64();
    println!("{:?} {:.2} s, {:.1} node-days/s, {:.2} M events/s digest {}", outcome.counts, s, (n as f64 * days as f64) / s, outcome.counts.events as f64 / s / 1e6, outcome.digest);
}
