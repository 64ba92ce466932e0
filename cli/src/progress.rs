//! How far something has come that may take a while.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use crate::out::say;

/// What takes no longer needs no words.
const PATIENCE: Duration = Duration::from_secs(2);

/// Says how far something has come, once it has taken two seconds and whenever there is news.
pub(crate) struct Progress {
    next: Instant,
    last: String,
}

impl Progress {
    /// Of something that begins now.
    pub(crate) fn start() -> Self {
        Self { next: Instant::now() + PATIENCE, last: String::new() }
    }

    /// Says it, if it is time to.
    pub(crate) fn say(&mut self, text: impl FnOnce() -> String) {
        if Instant::now() < self.next {
            return;
        }
        let text = text();
        if text != self.last {
            say(&text);
            self.last = text;
        }
        self.next = Instant::now() + pace();
    }
}

/// How often progress is said: every second to a person, seldom to a log.
fn pace() -> Duration {
    Duration::from_secs(if std::io::stderr().is_terminal() { 1 } else { 10 })
}
