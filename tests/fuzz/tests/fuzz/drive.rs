//! Runs a target on its corpus and on mutations of it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::panic::catch_unwind;
use std::path::Path;
use std::time::Instant;

use rollcall_fuzz::{Mutator, Outcomes, TARGETS, Target};

use crate::corpus;

/// What the mutations are drawn from.
const SEED: u64 = 12;
/// How many inputs mutations are made from at most: the files, and inputs that had an outcome of their own.
const KNOWN: usize = 4_000;
/// How many times as many mutations are made; 1 if it is not set.
const MORE: &str = "ROLLCALL_FUZZ_MORE";

/// Checks a target on all files of its corpus and on so many inputs that are made from them. An input with an outcome
/// that no other one had is changed further.
pub(crate) fn hold(name: &str, mutations: usize) {
    let target = TARGETS.into_iter().find(|target| target.name == name).expect("a target");
    let files = corpus::of(name);
    let mutations = mutations * more();
    let started = Instant::now();
    let mut seen = BTreeSet::new();
    for (file, input) in &files {
        seen.extend(run(target, input, file));
    }
    let (of_files, mut mutator) = (seen.len(), Mutator::new(SEED));
    let mut known: Vec<Vec<u8>> = files.into_iter().map(|(_, input)| input).collect();
    for number in 0..mutations {
        let input = mutator.mutate(|index| &known[index], known.len());
        let before = seen.len();
        seen.extend(run(target, &input, &format!("mutation {number} of seed {SEED}")));
        if seen.len() > before && known.len() < KNOWN {
            known.push(input);
        }
    }
    let a_second = u128::from(mutations as u64) * 1_000_000 / started.elapsed().as_micros().max(1);
    // Past the test runner, which keeps the output of tests that pass.
    let _ = writeln!(
        std::io::stderr(),
        "fuzz {name}: {mutations} inputs, {a_second} a second; {} outcomes, {of_files} of them by the corpus",
        seen.len()
    );
    assert!(seen.len() > of_files / 2, "the mutations reach little");
}

/// Runs the target on one input. If it does not hold, the input is kept in a file.
fn run(target: Target, input: &[u8], name: &str) -> Outcomes {
    catch_unwind(|| (target.run)(input)).unwrap_or_else(|_| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}", target.name));
        std::fs::write(&path, input).expect("written");
        let shown = String::from_utf8_lossy(&input[..input.len().min(2_000)]);
        panic!("{} does not hold for {name}, which is now in {}:\n{shown}", target.name, path.display());
    })
}

#[expect(clippy::disallowed_methods, reason = "a person asks for a longer run")]
fn more() -> usize {
    std::env::var(MORE).ok().and_then(|more| more.parse().ok()).unwrap_or(1)
}
