//! What SQS does, for its HTTP server and for the mappings of this process.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use rusqlite::Transaction;
use tokio::time::{Instant, sleep, timeout};

use super::Queue;
use super::refusal::{Code, Refusal};
use super::store::{self, Received};
use crate::state::State;

/// The queues, and their messages.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) queues: BTreeMap<String, Queue>,
    pub(crate) state: State,
    /// `http://127.0.0.1:PORT/ACCOUNT`.
    pub(crate) base: String,
}

impl Service {
    pub(crate) fn url(&self, queue: &str) -> String {
        format!("{}/{queue}", self.base)
    }

    /// The queue of this name.
    pub(crate) fn named(&self, name: &str) -> Result<&Queue, Refusal> {
        self.queues.get(name).ok_or_else(|| Refusal::new(Code::NO_QUEUE, "The specified queue does not exist."))
    }

    /// The queue of this URL. As with SQS, only the path counts.
    pub(crate) fn at(&self, url: &str) -> Result<&Queue, Refusal> {
        self.named(url.rsplit('/').next().unwrap_or_default())
    }

    /// Does this with the queue of a URL, and wakes those who wait for messages.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        queue: &Queue,
        change: impl FnOnce(&Transaction<'_>, u64, &Queue) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let queue = queue.clone();
        let changed = self.state.run(move |state, now| change(state, now, &queue)).await;
        self.state.changed().notify_waiters();
        changed
    }

    /// Receives messages. If there is none, it waits until there is one, at most for `wait`.
    pub(crate) async fn receive(
        &self,
        queue: &Queue,
        most: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Received>, Refusal> {
        let until = Instant::now() + wait;
        loop {
            let mut changed = pin!(self.state.changed().notified());
            // From here on, no change is missed.
            changed.as_mut().enable();
            let asked = queue.clone();
            let receiving = self.state.run(move |state, now| {
                let received = store::receive(state, now, &asked, most, visibility)?;
                let next = if received.is_empty() { store::next(state, now, &asked)? } else { None };
                Ok::<_, Refusal>((received, next.map(|next| Duration::from_millis(next - now))))
            });
            let (received, next) = receiving.await?;
            let left = until.saturating_duration_since(Instant::now());
            if !received.is_empty() || left.is_zero() {
                return Ok(received);
            }
            let _ = timeout(left, async {
                match next {
                    Some(next) => tokio::select! { () = changed => {}, () = sleep(next) => {} },
                    None => changed.await,
                }
            })
            .await;
        }
    }
}
