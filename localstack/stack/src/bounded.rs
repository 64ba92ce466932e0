//! A bound on how much runs at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use rollcall_gateway::{Invoke, InvokeError};
use tokio::sync::Semaphore;

/// How many invocations of a function LocalStack is given at once, each of which it starts a process for. A fleet's
/// hundreds would take it longer than the gateway waits for their answers.
const AT_ONCE: usize = 16;

/// Runs as many invocations of each function at once as LocalStack can; others wait.
pub struct Bounded {
    invoke: Arc<dyn Invoke>,
    free: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

impl std::fmt::Debug for Bounded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bounded").finish_non_exhaustive()
    }
}

impl Bounded {
    /// Runs what this runs.
    pub fn new(invoke: impl Invoke) -> Self {
        Self { invoke: Arc::new(invoke), free: Mutex::default() }
    }

    fn free(&self, function: &str) -> Arc<Semaphore> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let of = free.entry(function.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE)));
        Arc::clone(of)
    }
}

impl Invoke for Bounded {
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        let (free, invocation) = (self.free(function), self.invoke.invoke(function, payload));
        Box::pin(async move {
            let _free = free.acquire_owned().await.map_err(|error| InvokeError::Unavailable(error.to_string()))?;
            invocation.await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::{join, join_all};

    use super::*;

    /// Counts what runs, until it may end.
    #[derive(Clone, Default)]
    struct Counting {
        running: Arc<AtomicUsize>,
        end: Arc<tokio::sync::Notify>,
    }

    impl Invoke for Counting {
        fn invoke(&self, _: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
            let Self { running, end } = self.clone();
            Box::pin(async move {
                let ended = end.notified();
                running.fetch_add(1, Ordering::SeqCst);
                ended.await;
                Ok(payload)
            })
        }
    }

    #[tokio::test]
    async fn of_each_function_as_many_run_as_may_and_the_rest_after_them() {
        let counting = Counting::default();
        let bounded = Bounded::new(counting.clone());
        let of = |function: &str| join_all((0..=AT_ONCE).map(|_| bounded.invoke(function, Bytes::new())));
        let all = join(of("connect"), of("check-in"));
        let release = async {
            for expected in [2 * AT_ONCE, 2 * AT_ONCE + 2] {
                while counting.running.load(Ordering::SeqCst) < expected {
                    tokio::task::yield_now().await;
                }
                tokio::task::yield_now().await;
                assert_eq!(counting.running.load(Ordering::SeqCst), expected);
                counting.end.notify_waiters();
            }
        };
        let ((connects, check_ins), ()) = join(all, release).await;
        for answer in connects.into_iter().chain(check_ins) {
            answer.expect("it ran");
        }
    }
}
