//! Deliveries: events go from the queue to endpoints.
//!
//! The queue hands out a node's events in order, and holds the later ones back while one is not delivered. What became
//! of each is recorded, and the record counts the tries: the queue's own count also has those in which an event was not
//! sent because an earlier one of its node was not accepted.

use std::cell::RefCell;
use std::collections::BTreeMap;

use futures_util::future::join_all;
use rollcall_core::{
    Answer, Claim, DeliveryProgress, DeliveryRecord, Endpoint, EndpointName, EventId, Key, Logging, Noted, Schedule,
    Seconds, Timestamp, Update, Verdict, disable_endpoint, log_shard, note_failure, note_success, verdict,
};
use rollcall_wire::events::DisabledEndpoint;
use rollcall_wire::{CloudEvent, EventData};

use crate::error::chain;
use crate::event_log::{KEEP_EVENTS_S, LogError, add_to_log};
use crate::outgoing::{EventHead, Outgoing, as_json, endpoints, event, hash, outgoing};
use crate::queue::{Message, Queue, QueueError, Received};
use crate::store::{Store, StoreError};
use crate::webhook::{Posted, Webhooks, post};

/// How long an endpoint is kept in memory, in milliseconds: so long a change of it may go unnoticed.
const CACHED_MS: u64 = 3_000;
/// How long after the begin of a batch its events are still tried, in milliseconds. The rest goes back to the queue.
/// With one more try, a batch takes at most 75 seconds.
const BATCH_MS: u64 = 60_000;
/// After how many seconds an event is tried again if our own parts failed.
const AGAIN_S: Seconds = 5;

/// Delivers events.
pub struct Deliveries<S, Q, W, N> {
    store: S,
    queue: Q,
    webhooks: W,
    schedule: Schedule,
    now: N,
    keep_for: Seconds,
    cache: RefCell<BTreeMap<EndpointName, (Timestamp, Endpoint)>>,
}

/// What is to become of a message.
enum Next {
    /// It is done with.
    Done,
    /// It is to be handed out again, after so many seconds.
    Again(Seconds),
}

/// Why an event could not be dealt with. It is not the endpoint's fault.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error("the log failed")]
    Log(#[from] LogError),
}

/// An event that is being delivered.
struct Delivering<'a> {
    received: &'a Received,
    name: EndpointName,
    endpoint: Endpoint,
    head: EventHead,
    id: EventId,
    run: u64,
    stored: Option<DeliveryRecord>,
    tries: u32,
}

impl<S: Store, Q: Queue, W: Webhooks, N: Fn() -> Timestamp> Deliveries<S, Q, W, N> {
    /// Deliveries by this schedule. `now` is the clock.
    pub fn new(store: S, queue: Q, webhooks: W, schedule: Schedule, now: N) -> Self {
        Self { store, queue, webhooks, schedule, now, keep_for: KEEP_EVENTS_S, cache: RefCell::default() }
    }

    /// The same deliveries, which keep events of their own for so many seconds.
    #[must_use]
    pub fn keeping(self, keep_for: Seconds) -> Self {
        Self { keep_for, ..self }
    }

    /// Delivers the events of a batch: those of a group one after the other, and groups at the same time. Returns the
    /// ids of the messages that are not done with. An event that is not accepted holds up the later ones of its group.
    pub async fn run(&self, batch: &[Received]) -> Vec<String> {
        let mut groups: BTreeMap<&str, Vec<&Received>> = BTreeMap::new();
        for received in batch {
            groups.entry(&received.group).or_default().push(received);
        }
        let began = (self.now)();
        join_all(groups.values().map(|group| self.run_group(group, began))).await.concat()
    }

    async fn run_group(&self, group: &[&Received], began: Timestamp) -> Vec<String> {
        for (done, received) in group.iter().enumerate() {
            let is_late = (self.now)().0.saturating_sub(began.0) > BATCH_MS;
            let next = if is_late { Next::Again(0) } else { self.settle(received).await };
            let Next::Again(pause) = next else { continue };
            // The later ones become visible at once. Their group waits for the first one all the same.
            let pauses = std::iter::once(pause).chain(std::iter::repeat(0));
            let left = &group[done..];
            for (received, pause) in left.iter().zip(pauses) {
                if let Err(error) = self.queue.postpone(&received.receipt, pause).await {
                    tracing::warn!(error = chain(&error), "the next try is at the queue's own time");
                }
            }
            return left.iter().map(|received| received.id.clone()).collect();
        }
        vec![]
    }

    /// Delivers an event, if it is to be delivered.
    async fn settle(&self, received: &Received) -> Next {
        self.take(received).await.unwrap_or_else(|error| {
            tracing::error!(outcome = "failed", error = chain(&error), Failures = 1, "delivery");
            Next::Again(AGAIN_S)
        })
    }

    async fn take(&self, received: &Received) -> Result<Next, Failure> {
        let read = serde_json::from_str::<Outgoing>(&received.body).ok().and_then(|outgoing| {
            let (head, id) = EventHead::read(&outgoing.event).ok()?;
            Some((outgoing.endpoint.parse::<EndpointName>().ok()?, outgoing, head, id))
        });
        let Some((name, outgoing, head, id)) = read else {
            tracing::error!(outcome = "unreadable", DeadLetters = 1, "delivery");
            self.queue.bury(&dead(received, &received.id), "the message is unreadable").await?;
            return Ok(Next::Done);
        };
        let now = (self.now)();
        let endpoint = self.endpoint(&name, now).await?;
        let Some(endpoint) = endpoint.filter(|endpoint| endpoint.disabled.is_none()) else {
            tracing::info!(%name, event = %id, kind = head.kind, outcome = "dropped", Dropped = 1, "delivery");
            return Ok(Next::Done);
        };
        let stored = self.store.read(&Key::Delivery(name.clone(), id.clone())).await?;
        // A record that can't be read says as much as none.
        let stored = stored.as_ref().and_then(|item| DeliveryRecord::read(item).ok());
        let run = outgoing.replay.unwrap_or(0);
        let Claim::Try(tries) = DeliveryRecord::claim(stored.as_ref(), run, now) else {
            tracing::info!(%name, event = %id, kind = head.kind, outcome = "skipped", "delivery");
            return Ok(Next::Done);
        };
        let delivering = Delivering { received, name, endpoint, head, id, run, stored, tries };
        self.attempt(&delivering, outgoing.event.text()).await
    }

    async fn attempt(&self, delivering: &Delivering<'_>, event: &str) -> Result<Next, Failure> {
        let Delivering { endpoint, id, .. } = delivering;
        let posted = if let Some(post) = post(endpoint, id.as_str(), event, (self.now)()) {
            self.webhooks.post(&post).await
        } else {
            let error = Some("the endpoint's secret is unreadable: rotate it".to_owned());
            Posted { answer: Answer { error, ..Answer::default() }, retry_after: None }
        };
        let now = (self.now)();
        match verdict(&posted.answer) {
            Verdict::Accepted => {
                self.note(&delivering.name, note_success(&delivering.name, endpoint)).await;
                self.keep(delivering, DeliveryProgress::Accepted, posted.answer, now, None).await;
                Ok(Next::Done)
            }
            Verdict::Gone => {
                self.disable(delivering, "it answered with status 410", now).await?;
                self.keep(delivering, DeliveryProgress::Dead, posted.answer, now, None).await;
                Ok(Next::Done)
            }
            Verdict::Failed => self.failed(delivering, posted, now).await,
        }
    }

    async fn failed(&self, delivering: &Delivering<'_>, posted: Posted, now: Timestamp) -> Result<Next, Failure> {
        let Delivering { name, endpoint, received, id, tries, .. } = delivering;
        let noted = note_failure(name, endpoint, now);
        if let Noted::Disable(_) = noted {
            self.disable(delivering, "every delivery failed for five days", now).await?;
            self.keep(delivering, DeliveryProgress::Dead, posted.answer, now, None).await;
            return Ok(Next::Done);
        }
        self.note(name, noted).await;
        let jitter = hash(&[name.as_str(), id.as_str(), &tries.to_string()]);
        if let Some(pause) = self.schedule.pause(tries + 1, jitter, posted.retry_after) {
            self.keep(delivering, DeliveryProgress::Retrying, posted.answer, now, Some(pause)).await;
            return Ok(Next::Again(pause));
        }
        let why = posted.answer.error.clone().or_else(|| posted.answer.status.map(|status| format!("status {status}")));
        let why = format!("{} tries failed, the last with: {}", tries + 1, why.unwrap_or_default());
        let dedup = format!("{name}/{id}/{}", delivering.run);
        self.queue.bury(&dead(received, &dedup), &why).await?;
        self.keep(delivering, DeliveryProgress::Dead, posted.answer, now, None).await;
        Ok(Next::Done)
    }

    /// Records what came of a try. What can't be recorded is tried again, or was accepted: nothing is lost.
    async fn keep(
        &self,
        delivering: &Delivering<'_>,
        progress: DeliveryProgress,
        answer: Answer,
        now: Timestamp,
        pause: Option<Seconds>,
    ) {
        let Delivering { name, id, head, run, stored, tries, .. } = delivering;
        let (failed, dead) = (progress != DeliveryProgress::Accepted, progress == DeliveryProgress::Dead);
        tracing::info!(
            %name,
            event = %id,
            kind = head.kind,
            subject = head.subject,
            tries = tries + 1,
            status = answer.status,
            reason = answer.error,
            next_try_s = pause,
            outcome = ?progress,
            Deliveries = 1,
            DeliveryFailures = failed.then_some(1),
            DeadLetters = dead.then_some(1),
            "delivery"
        );
        let record = DeliveryRecord {
            run: *run,
            tries: tries + 1,
            progress,
            tried_at: now,
            next_try_at: pause.map(|pause| now.plus_seconds(pause)),
            answer,
            kind: head.kind.clone(),
            subject: head.subject.clone(),
        };
        if let Err(error) = self.store.write(&record.keep(name, id, stored.as_ref())).await {
            tracing::warn!(error = chain(&error), "a delivery is not recorded");
        }
    }

    /// Disables the endpoint. The log and the other endpoints are told first: if the write fails, they are told once more
    /// with the same id, and are not left without.
    async fn disable(&self, delivering: &Delivering<'_>, because: &str, now: Timestamp) -> Result<(), Failure> {
        let Delivering { name, endpoint, id, run, .. } = delivering;
        let [a, b] =
            [0, 1].map(|part| hash(&["disabled", name.as_str(), id.as_str(), &run.to_string(), &part.to_string()]));
        let data = DisabledEndpoint { endpoint: name.to_string(), reason: because.to_owned() };
        let (id, sequence) = (format!("disabled-{a:08x}{b:08x}"), format!("{:0>40}.0", now.0));
        let told = event(id, sequence, name.as_str(), &EventData::EndpointDisabled(data), now);
        self.log(name, &told, now).await?;
        let told = as_json(&told);
        let mut others = endpoints(&self.store).await?;
        others.retain(|(other, _)| other != name);
        self.queue.send(&outgoing(&others, &told, |_| false).unwrap_or_default()).await?;
        self.cache.borrow_mut().remove(name);
        let _ = self.store.write(&disable_endpoint(name, endpoint, because, now)).await?;
        tracing::warn!(%name, reason = because, EndpointsDisabled = 1, "an endpoint is disabled");
        Ok(())
    }

    /// Adds an event about an endpoint to the log.
    async fn log(&self, name: &EndpointName, told: &CloudEvent, now: Timestamp) -> Result<(), Failure> {
        // No node may have such an id by accident: it is no name that a network gives.
        let (Ok(subject), Ok(id)) = (format!("endpoint:{name}").parse(), told.id.parse()) else { return Ok(()) };
        let text = as_json(told).text().to_owned();
        let logging = Logging { node: subject, id, kind: told.kind.clone(), at: now, text };
        let shard = log_shard(&logging.node);
        Ok(add_to_log(&self.store, shard, vec![logging], now, self.keep_for).await?)
    }

    /// Writes what follows for the endpoint, best effort: the next delivery says the same.
    async fn note(&self, name: &EndpointName, noted: Noted) {
        let Noted::Write(update) = noted else { return };
        self.cache.borrow_mut().remove(name);
        if let Err(error) = self.write(&update).await {
            tracing::warn!(error = chain(&error), "it is not noted whether an endpoint fails");
        }
    }

    async fn write(&self, update: &Update) -> Result<(), StoreError> {
        // A refusal says that another delivery has noted it, or that the endpoint has changed.
        self.store.write(update).await.map(|_| ())
    }

    /// The endpoint with this name, or what it was a few seconds ago.
    async fn endpoint(&self, name: &EndpointName, now: Timestamp) -> Result<Option<Endpoint>, StoreError> {
        if let Some((read_at, endpoint)) = self.cache.borrow().get(name)
            && now.0.abs_diff(read_at.0) <= CACHED_MS
        {
            return Ok(Some(endpoint.clone()));
        }
        let item = self.store.read(&Key::Endpoint(name.clone())).await?;
        let endpoint = item.as_ref().map(Endpoint::read).transpose()?.flatten();
        // An event is dropped only if its endpoint is not there at this moment: it may have been enabled just now.
        if let Some(enabled) = endpoint.as_ref().filter(|endpoint| endpoint.disabled.is_none()) {
            self.cache.borrow_mut().insert(name.clone(), (now, enabled.clone()));
        }
        Ok(endpoint)
    }
}

/// The message, for the queue of dead letters.
fn dead(received: &Received, id: &str) -> Message {
    Message { group: received.group.clone(), id: id.to_owned(), body: received.body.clone() }
}

#[cfg(test)]
#[path = "deliver_tests.rs"]
mod tests;
