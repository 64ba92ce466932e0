//! Asking again while a console does not take part.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::out::say;
use crate::problem::Problem;

/// How long to wait before a console that does not answer is asked again, at first and at most.
const AGAIN: Duration = Duration::from_millis(500);
const AGAIN_MOST: Duration = Duration::from_secs(5);

/// How often something is asked for. It is said once that the console does not answer, however many requests wait for it.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// How often at most; without an end, if nothing is said.
    most: Option<u32>,
    is_told: AtomicBool,
    is_over: AtomicBool,
    /// Whoever pauses waits for this as well.
    ends: Notify,
}

impl Patience {
    /// So many tries.
    pub(super) fn of_tries(most: u32) -> Self {
        Self { most: Some(most), ..Self::default() }
    }

    /// Ends it: what does not answer now is not asked again.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.ends.notify_waiters();
    }

    /// Asks until there is an answer that will not be another one in a while.
    ///
    /// # Errors
    /// As the last answer has it.
    pub(super) async fn ask<T>(&self, asked: impl AsyncFn() -> Result<T, Problem>) -> Result<T, Problem> {
        let (mut pause, mut tries) = (AGAIN, 1);
        loop {
            let outcome = asked().await;
            let is_last = self.most == Some(tries) || self.is_over.load(Ordering::Relaxed);
            let problem = match outcome {
                Err(problem) if problem.is_passing() && !is_last => {
                    if !self.is_told.swap(true, Ordering::Relaxed) {
                        say(&format!("rollcall: {problem}; this goes on when it answers"));
                    }
                    problem
                }
                outcome => return outcome,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.ends.notified() => return Err(problem),
            }
            pause = AGAIN_MOST.min(pause * 2);
            tries += 1;
        }
    }
}
