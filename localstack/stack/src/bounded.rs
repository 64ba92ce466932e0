//! A bound on the number of concurrent invocations.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use rollcall_gateway::{Invoke, InvokeError};
use tokio::sync::Semaphore;

/// Concurrent invocations of one function. LocalStack starts a process for each, so that the hundreds of a fleet would
/// take it longer than the gateway waits for an answer.
const MAX_CONCURRENT: usize = 16;

/// Sends at most 16 concurrent invocations of each function to another [`Invoke`], because LocalStack is slow with
/// more. Further invocations wait.
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
    /// Invocations go to `invoke`.
    pub fn new(invoke: impl Invoke) -> Self {
        Self { invoke: Arc::new(invoke), free: Mutex::default() }
    }

    fn free(&self, function: &str) -> Arc<Semaphore> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let permits = free.entry(function.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(MAX_CONCURRENT)));
        Arc::clone(permits)
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

    /// Counts the invocations that have begun, and answers them when `end` is notified.
    #[derive(Clone, Default)]
    struct Counting {
        begun: Arc<AtomicUsize>,
        end: Arc<tokio::sync::Notify>,
    }

    impl Invoke for Counting {
        fn invoke(&self, _: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
            let Self { begun, end } = self.clone();
            Box::pin(async move {
                let ended = end.notified();
                begun.fetch_add(1, Ordering::SeqCst);
                ended.await;
                Ok(payload)
            })
        }
    }

    #[tokio::test]
    async fn invocations_of_a_function_over_the_bound_wait_for_the_others_to_end() {
        let counting = Counting::default();
        let bounded = Bounded::new(counting.clone());
        let one_too_many =
            |function: &str| join_all((0..=MAX_CONCURRENT).map(|_| bounded.invoke(function, Bytes::new())));
        let all = join(one_too_many("connect"), one_too_many("check-in"));
        let release = async {
            for expected in [2 * MAX_CONCURRENT, 2 * MAX_CONCURRENT + 2] {
                while counting.begun.load(Ordering::SeqCst) < expected {
                    tokio::task::yield_now().await;
                }
                tokio::task::yield_now().await;
                assert_eq!(counting.begun.load(Ordering::SeqCst), expected);
                counting.end.notify_waiters();
            }
        };
        let ((connects, check_ins), ()) = join(all, release).await;
        for answer in connects.into_iter().chain(check_ins) {
            answer.expect("an answer");
        }
    }
}
