//! `cargo sim`.
use rollcall_fleet::Plan;
fn main() {
    let arg = |i: usize, d: u64| std::env::args().nth(i).and_then(|a| a.parse().ok()).unwrap_or(d);
    let (n, days, from, to) = (arg(1, 10) as usize, arg(2, 1) as u32, arg(3, 1), arg(4, arg(3, 1)));
    let mut coverage = rollcall_fleet::Coverage::default();
    for seed in from..=to {
        let plan = Plan::generate(seed, n, days);
        let t = std::time::Instant::now();
        let outcome = rollcall_simulation::run(&plan).unwrap();
        let s = t.elapsed().as_secs_f64();
        println!("seed {seed} {:?} {:.2} s, {:.1} node-days/s, {:.2} M events/s digest {}", outcome.counts, s, (n as f64 * days as f64) / s, outcome.counts.events as f64 / s / 1e6, outcome.digest);
        println!("{} violations", outcome.violations.len());
        for v in outcome.violations.iter().take(5) { println!("   {v}"); }
        coverage.merge(&outcome.coverage);
    }
    println!("{coverage}missing: {:?}", coverage.missing());
}
