//! How much memory a process has of its own, and how much of that came with its work.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use rollcall_aws::{Environment, Lookup as _};
use tokio::sync::Mutex;

/// The tests here measure processes, one of them its own: one after the other.
pub(crate) static ALONE: Mutex<()> = Mutex::const_new(());

/// How many times as long as usual to work: for an afternoon's run.
const LONGER: &str = "ROLLCALL_SOAK";
/// The folder of other functions than those of this build: those that are deployed, say.
const FUNCTIONS: &str = "ROLLCALL_SOAK_FUNCTIONS";
/// What may come and go without being lost, in bytes: an allocator's slack, a buffer that grew once.
const SLACK: u64 = 128 * 1024;
/// What an invocation or a message may leave behind, in bytes. At 8, a function of 128 MB would last for 14 million.
const EACH: u64 = 8;
/// Rounds until something is said to grow without end: that grows in each of them. A buffer that has its largest value late
/// grows in one.
pub(crate) const ROUNDS: usize = 4;

/// How many times as long as usual to work.
pub(crate) fn times() -> usize {
    Environment.get(LONGER).map_or(1, |times| times.parse().expect("ROLLCALL_SOAK is a number"))
}

/// The folder of the functions to measure; nothing for those of this build.
pub(crate) fn folder() -> Option<PathBuf> {
    Environment.get(FUNCTIONS).map(PathBuf::from)
}

/// A process between two moments.
pub(crate) struct Growth {
    what: String,
    pid: u32,
    before: u64,
    slack: u64,
}

impl Growth {
    /// From now on.
    pub(crate) fn of(what: &str, pid: u32) -> Self {
        Self { what: what.to_owned(), pid, before: anonymous(pid), slack: SLACK }
    }

    /// Of a process with threads, each of which has an allocator's slack of its own, and with an engine whose items grow until
    /// they have been reported on.
    pub(crate) fn with_threads(self) -> Self {
        Self { slack: 16 * SLACK, ..self }
    }

    /// Until now, after so much was handled.
    pub(crate) fn after(self, handled: usize) -> Grown {
        let after = anonymous(self.pid);
        let handled = u64::try_from(handled).expect("small");
        Grown { what: self.what, before: self.before, after, handled, slack: self.slack }
    }
}

/// What a process had before and after it handled something.
pub(crate) struct Grown {
    what: String,
    before: u64,
    after: u64,
    handled: u64,
    slack: u64,
}

impl Grown {
    /// Whether it has grown by no more than comes and goes.
    pub(crate) fn is_bounded(&self) -> bool {
        self.by() <= self.slack + EACH * self.handled
    }

    fn by(&self) -> u64 {
        self.after.saturating_sub(self.before)
    }
}

impl fmt::Display for Grown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, before, after, handled, .. } = self;
        let each = self.by() / handled.max(&1);
        write!(f, "{what:12} {:>7} -> {:>7} KiB, {each:>4} bytes each of {handled}", before / 1024, after / 1024)
    }
}

/// Asserts that nothing grows in every round, after showing what each had; the rounds end as soon as all have had a round
/// without growth.
#[expect(clippy::print_stdout, reason = "the figures are what a soak is for")]
pub(crate) async fn assert_bounded(mut round: impl AsyncFnMut(usize) -> Vec<Grown>) {
    let mut bounded = BTreeSet::new();
    for number in 0..ROUNDS {
        let grown = round(number).await;
        for one in &grown {
            println!("{one}");
        }
        bounded.extend(grown.iter().filter(|one| one.is_bounded()).map(|one| one.what.clone()));
        if grown.iter().all(|one| bounded.contains(&one.what)) {
            return;
        }
        let growing: Vec<_> =
            grown.iter().filter(|one| !bounded.contains(&one.what)).map(ToString::to_string).collect();
        assert!(number + 1 < ROUNDS, "these grew in each of {ROUNDS} rounds: {growing:#?}");
    }
}

/// The memory of a process that no file holds, in bytes.
fn anonymous(pid: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("it runs");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).expect("a figure");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}
