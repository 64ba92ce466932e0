//! tmp
use rollcall_model::*;
fn main() {
    let e = |n: &str, d: u8| std::env::var(n).ok().and_then(|x| x.parse().ok()).unwrap_or(d);
    let only: Vec<String> = std::env::args().skip(1).collect();
    for s in scenarios() {
        if !only.contains(&s.name.to_owned()) {
            continue;
        }
        let mut b = s.bounds;
        let o = |x: u8| if x == 9 { None } else { Some(x) };
        b.check_ins = [o(e("A", b.check_ins[0].unwrap_or(9))), o(e("B", b.check_ins[1].unwrap_or(9)))];
        b.questions = e("Q", b.questions);
        b.polls = e("P", b.polls);
        b.configs = e("C", b.configs);
        b.revokes = e("R", b.revokes);
        b.sweeps = e("SW", b.sweeps);
        b.scans = e("SC", b.scans);
        b.last_tick = e("T", b.last_tick);
        b.answers_lost = e("L", b.answers_lost);
        b.calls_lost = e("K", b.calls_lost);
        b.repeated = e("D", b.repeated);
        b.reaches = Outcome::ALL;
        let c = check(b, Rules::default()).unwrap();
        println!("{} {} {} {} {:?}", s.name, c.states, c.unique, c.depth, c.time);
        println!("missed {:?}", c.missed);
        for x in &c.counterexamples {
            println!("  BREAKS {}", x.breaks);
            for s in &x.steps {
                println!("     {s}");
            }
        }
    }
    if only.contains(&"variants".to_owned()) {
        for v in wrong_designs().into_iter().chain(missing_conditions()).chain(findings()) {
            let t = std::time::Instant::now();
            let c = counterexample(v.bounds, &v.rules).unwrap();
            println!("{} [{:?}]", v.name, t.elapsed());
            match c {
                None => println!("  NOT FOUND"),
                Some(c) => {
                    println!("  {} {}", if c.breaks == v.breaks { "breaks" } else { "BREAKS OTHER" }, c.breaks);
                    for s in c.steps {
                        println!("     {s}");
                    }
                }
            }
        }
    }
}
