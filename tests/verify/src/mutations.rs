//! Mutations: places of the code are broken on purpose, and the simulation must notice each of them.
//!
//! All of them are built at once, into a copy of the workspace (`copy.rs`). Each has a switch, and a run of the copy's
//! simulation has at most one switched on. So one build serves all of them, and the real code has no switches.

mod copy;
mod life;
mod list;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::run::{cargo, output, root, say};
use crate::runner::Report;
use copy::Copy;
use life::{LIVES, Noticed};
use list::mutations;

/// How many mutations are tried in every run of all steps.
const SAMPLE: usize = 5;
/// How many columns the table has.
const COLUMNS: usize = 5;

/// A place that is broken.
#[derive(Clone, Copy, Debug)]
struct Mutation {
    /// Its name, in the table and on the switch.
    name: &'static str,
    /// What is broken, in a sentence.
    what: &'static str,
    /// The file, from the workspace's root.
    file: &'static str,
    /// The text that is replaced. It is there exactly once.
    find: &'static str,
    /// What replaces it. `BROKEN` stands for the switch: it is true if the mutation is on.
    with: &'static str,
}

/// Tries every mutation.
pub(crate) fn all() -> Result<Report, String> {
    let mutations: Vec<_> = mutations().collect();
    let copy = Copy::build(&mutations)?;
    same_digest(&copy)?;
    say(&format!("--> {LIVES} lives with no mutation on"));
    if let Noticed::Broken { kind, seed } = life::notice(&copy, None)? {
        return Err(format!("with no mutation on, seed {seed} breaks a promise: {kind}"));
    }
    try_out(&copy, &mutations)
}

/// Tries a few mutations. Which ones depends on the commit, so that each of them has its turn.
pub(crate) fn sample() -> Result<Report, String> {
    let mutations: Vec<_> = mutations().collect();
    let copy = Copy::build(&mutations)?;
    same_digest(&copy)?;
    let first = turn() % mutations.len();
    let sample: Vec<_> = mutations.iter().cycle().skip(first).take(SAMPLE).copied().collect();
    try_out(&copy, &sample)
}

/// A number that each commit has of its own: the beginning of its hash; 0 where git knows of none.
fn turn() -> usize {
    let mut git = std::process::Command::new("git");
    let head = output(git.current_dir(root()).args(["rev-parse", "HEAD"])).unwrap_or_default();
    head.get(..7).and_then(|hash| usize::from_str_radix(hash, 16).ok()).unwrap_or_default()
}

/// The copy with no mutation on must do what the real code does, to the byte.
fn same_digest(copy: &Copy) -> Result<(), String> {
    let life = ["--seed", "7", "--nodes", "6", "--days", "2", "--json"];
    let binary = ["run", "--quiet", "--profile", "local", "--locked", "--bin", "rollcall-sim", "--"];
    let digest = |text: String| Some(text.split_once("\"digest\":\"")?.1.split_once('"')?.0.to_owned());
    let real = digest(output(&mut cargo(&[&binary[..], &life].concat()))?);
    let copied = digest(output(copy.simulation(None).args(life))?);
    if real.is_some() && real == copied {
        return Ok(());
    }
    Err(format!("with no mutation on, the copy is not the real code: its digest is {copied:?}, and not {real:?}"))
}

/// Tries these mutations, as many at once as there are cores, and prints a table of what noticed what.
fn try_out(copy: &Copy, mutations: &[Mutation]) -> Result<Report, String> {
    say(&format!("--> {} mutations, each in up to {LIVES} lives", mutations.len()));
    let began = Instant::now();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(vec![]));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores.min(mutations.len()) {
            scope.spawn(|| {
                while let Some(mutation) = mutations.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let noticed = life::notice(copy, Some(mutation.name));
                    if let Ok(mut found) = found.lock() {
                        found.push((mutation.name, noticed));
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().map_err(|_| "a thread has panicked".to_owned())?;
    let mut report = Report::default();
    let mut rows = vec![["mutation", "file", "noticed by", "seed", "what is broken"].map(str::to_owned)];
    for mutation in mutations {
        let at = found.iter().position(|(name, _)| *name == mutation.name).ok_or("a mutation was not tried")?;
        let noticed = found.swap_remove(at).1?;
        let (by, seed) = noticed.shown();
        rows.push([mutation.name.to_owned(), mutation.file.to_owned(), by, seed, mutation.what.to_owned()]);
        if matches!(noticed, Noticed::Not) { report.failed += 1 } else { report.passed += 1 }
    }
    say(&table(&rows));
    say(&format!("{} of {} noticed in {:.0?}", report.passed, mutations.len(), began.elapsed()));
    if report.failed == 0 { Ok(report) } else { Err(format!("{} were not noticed\n{report}", report.failed)) }
}

/// The rows of a table in Markdown, aligned.
fn table(rows: &[[String; COLUMNS]]) -> String {
    let widths: [usize; COLUMNS] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or_default());
    let line = |row: &[String; COLUMNS]| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("| {} |", cells.join(" | "))
    };
    let mut lines: Vec<_> = rows.iter().map(line).collect();
    lines.insert(1, line(&widths.map(|width| "-".repeat(width))));
    lines.join("\n")
}
