//! How long a thread has worked.

use std::time::{Duration, Instant};

/// Measures the time that this thread works: without the time in which it waits for a core, where the system tells it
/// (Linux, proc(5), `/proc/thread-self/schedstat`).
pub(crate) struct Stopwatch {
    began: Instant,
    worked: Option<Duration>,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { began: Instant::now(), worked: worked() }
    }

    /// The time since the start.
    pub(crate) fn read(&self) -> Duration {
        let worked = self.worked.zip(worked()).map(|(before, now)| now.saturating_sub(before));
        worked.unwrap_or_else(|| self.began.elapsed())
    }
}

fn worked() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
