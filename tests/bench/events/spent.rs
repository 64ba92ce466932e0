//! Where the time goes: how long the processors worked for each part, which does not depend on what else they do.

use std::fs;

use rollcall_tests::Cloud;

/// The functions that have a part in it.
const FUNCTIONS: [&str; 3] = ["sweep", "feed", "deliver"];
/// A tick of the times in `/proc`, in microseconds (`proc(5)`, `sysconf(_SC_CLK_TCK)`).
const TICK_US: f64 = 10_000.0;

/// What was spent so far, in ticks: by each function, and by this process.
pub(crate) struct Spent([u64; 4]);

impl Spent {
    pub(crate) fn now(cloud: &Cloud) -> Self {
        let [sweep, feed, deliver] = FUNCTIONS.map(|function| {
            let processes = cloud.processes(function);
            processes.iter().map(|process| ticks(&process.to_string())).sum::<u64>()
        });
        Self([sweep, feed, deliver, ticks("self")])
    }

    /// Prints what was spent since then for each of so many. Only Linux tells it.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    pub(crate) fn print(&self, cloud: &Cloud, count: usize) {
        let spent = Self::now(cloud);
        let each = |part: usize| (spent.0[part].saturating_sub(self.0[part])) as f64 * TICK_US / count as f64;
        let all: f64 = (0..4).map(each).sum();
        println!(
            "    a processor's time for each: {all:.0} us (sweep {:.0}, feed {:.0}, deliver {:.0}; engine, queue, nodes \
             and receiver {:.0})",
            each(0),
            each(1),
            each(2),
            each(3)
        );
    }
}

/// The time of a process in user mode and in the kernel (`proc_pid_stat(5)`, fields 14 and 15).
fn ticks(process: &str) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name of the program may have spaces.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}
