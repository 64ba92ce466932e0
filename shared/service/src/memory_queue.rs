//! A queue in memory, for tests and simulations.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rollcall_core::{Seconds, Timestamp};

use crate::queue::{Message, Queue, QueueError, Received};

/// A queue in memory, with its queue of dead letters. It does what Amazon SQS promises of a FIFO queue:
///
/// * A message whose id was on the queue before is not put on it again, for ever instead of five minutes.
/// * While a message of a group is with a receiver, or is postponed, no other message of the group is handed out.
/// * A message that is neither deleted nor postponed is handed out again once it is [`returned`](Self::returned).
///
/// Its clock stands still until it is [set](Self::set_time).
#[derive(Debug, Default)]
pub struct MemoryQueue {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    now: Timestamp,
    known: BTreeSet<String>,
    waiting: Vec<Waiting>,
    dead: Vec<(Message, String)>,
}

#[derive(Debug)]
struct Waiting {
    message: Message,
    /// Until when nobody gets it; `None` if it may be handed out.
    hidden_until: Option<Timestamp>,
}

impl MemoryQueue {
    /// Sets the clock.
    pub fn set_time(&self, now: Timestamp) {
        self.state().now = now;
    }

    /// Hands out up to this many messages, those first that were sent first.
    pub fn receive(&self, most: usize) -> Vec<Received> {
        let mut state = self.state();
        let now = state.now;
        for waiting in &mut state.waiting {
            waiting.hidden_until = waiting.hidden_until.filter(|until| *until > now);
        }
        let busy: BTreeSet<_> =
            state.waiting.iter().filter(|w| w.hidden_until.is_some()).map(|w| w.message.group.clone()).collect();
        let free = state.waiting.iter_mut().filter(|waiting| !busy.contains(&waiting.message.group));
        let hand_out = |waiting: &mut Waiting| {
            waiting.hidden_until = Some(Timestamp(u64::MAX));
            let Message { group, id, body } = waiting.message.clone();
            Received { receipt: id.clone(), id, group, body }
        };
        free.take(most).map(hand_out).collect()
    }

    /// The receiver is done with these messages, and has failed with those of these ids: as Lambda reports it for a
    /// batch. Failed messages that were not postponed are handed out again at once.
    pub fn returned(&self, received: &[Received], failed: &[String]) {
        let mut state = self.state();
        let is_done = |w: &Waiting| received.iter().any(|r| r.id == w.message.id) && !failed.contains(&w.message.id);
        state.waiting.retain(|waiting| !is_done(waiting));
        for waiting in &mut state.waiting {
            waiting.hidden_until = waiting.hidden_until.filter(|until| until.0 < u64::MAX);
        }
    }

    /// The messages that are neither delivered nor dead.
    pub fn waiting(&self) -> Vec<Message> {
        self.state().waiting.iter().map(|waiting| waiting.message.clone()).collect()
    }

    /// The dead letters, each with the reason.
    pub fn dead(&self) -> Vec<(Message, String)> {
        self.state().dead.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue for MemoryQueue {
    async fn send(&self, messages: &[Message]) -> Result<(), QueueError> {
        let mut state = self.state();
        for message in messages {
            if state.known.insert(message.id.clone()) {
                state.waiting.push(Waiting { message: message.clone(), hidden_until: None });
            }
        }
        Ok(())
    }

    async fn postpone(&self, receipt: &str, pause: Seconds) -> Result<(), QueueError> {
        let mut state = self.state();
        let until = state.now.plus_seconds(pause);
        for waiting in state.waiting.iter_mut().filter(|waiting| waiting.message.id == receipt) {
            waiting.hidden_until = Some(until);
        }
        Ok(())
    }

    async fn bury(&self, message: &Message, reason: &str) -> Result<(), QueueError> {
        self.state().dead.push((message.clone(), reason.to_owned()));
        Ok(())
    }
}

impl<Q: Queue> Queue for &Q {
    async fn send(&self, messages: &[Message]) -> Result<(), QueueError> {
        (**self).send(messages).await
    }

    async fn postpone(&self, receipt: &str, pause: Seconds) -> Result<(), QueueError> {
        (**self).postpone(receipt, pause).await
    }

    async fn bury(&self, message: &Message, reason: &str) -> Result<(), QueueError> {
        (**self).bury(message, reason).await
    }
}
