//! Invoking a function with records until they are processed, or are to be discarded.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rollcall_gateway::{Invoke, InvokeError};
use serde_json::json;
use tokio::time::sleep;

use super::discard::{Discarded, WHY_AGE, WHY_RETRIES};
use super::{Record, Stream, StreamSettings};
use crate::queue::Service;
use crate::report::Report;

/// How much longer than the first the longest wait after a failure is.
const LONGEST: u32 = 64;
/// How long to wait before the state is read or written again after a failure.
const STATE: Duration = Duration::from_secs(1);

pub(super) struct Delivery {
    pub(super) stream: Stream,
    pub(super) function: String,
    pub(super) settings: StreamSettings,
    pub(super) service: Arc<Service>,
    invoke: Arc<dyn Invoke>,
    /// The name of the checkpoint.
    mapping: String,
}

/// Records that are given to the function together.
struct Part {
    records: Vec<Record>,
    /// How many invocations with the first of them failed, those before a split apart: "splitting batches doesn't
    /// consume the retry quota".
    failures: u32,
    /// How many invocations there were with the first of them.
    invocations: u32,
}

/// What an invocation has come to.
enum Outcome {
    Done,
    /// This record and those after it are to be tried again.
    From(usize),
    /// The function has failed.
    Failed,
    /// The function was not invoked. This does not count as a try.
    NotInvoked,
}

impl Delivery {
    pub(super) fn new(
        stream: Stream,
        function: &str,
        settings: StreamSettings,
        service: Arc<Service>,
        invoke: Arc<dyn Invoke>,
    ) -> Self {
        let mapping = format!("{function} {}", stream.arn);
        Self { stream, function: function.to_owned(), settings, service, invoke, mapping }
    }

    /// The last record that need not be delivered again.
    pub(super) async fn checkpoint(&self) -> Option<String> {
        loop {
            match self.service.state.checkpoint(&self.mapping).await {
                Ok(sequence) => return sequence,
                Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "a checkpoint can't be read"),
            }
            sleep(STATE).await;
        }
    }

    /// Remembers that all records up to this one need not be delivered again.
    pub(super) async fn done(&self, through: &str) {
        // If this fails, records come again.
        if let Err(error) = self.service.state.set_checkpoint(&self.mapping, through).await {
            tracing::error!(error = &error as &dyn std::error::Error, "a checkpoint can't be written");
        }
    }

    /// Delivers records. It returns when each of them is processed or discarded.
    pub(super) async fn deliver(&self, records: Vec<Record>) {
        let mut parts = VecDeque::from([Part { records, failures: 0, invocations: 0 }]);
        let mut pauses = 0;
        while let Some(mut part) = parts.pop_front() {
            self.discard_old(&mut part).await;
            if part.records.is_empty() {
                continue;
            }
            part.invocations += 1;
            match self.invoke(&part.records).await {
                Outcome::Done => {
                    self.done_with(&part.records).await;
                    pauses = 0;
                    continue;
                }
                Outcome::NotInvoked => {
                    part.invocations -= 1;
                    parts.push_front(part);
                }
                Outcome::From(first) if first > 0 => {
                    let rest = part.records.split_off(first);
                    self.done_with(&part.records).await;
                    self.failed(Part { records: rest, failures: 1, invocations: 1 }, &mut parts).await;
                    pauses = 0;
                }
                // If the very first record failed, it is not known what the function thinks of the others. AWS does not
                // say what is bisected then.
                Outcome::Failed | Outcome::From(_) if self.settings.bisect && part.records.len() > 1 => {
                    let second = part.records.split_off(part.records.len() / 2);
                    parts.push_front(Part { records: second, failures: part.failures, invocations: 0 });
                    parts.push_front(part);
                }
                Outcome::Failed | Outcome::From(_) => {
                    part.failures += 1;
                    self.failed(part, &mut parts).await;
                }
            }
            if !parts.is_empty() {
                sleep(self.settings.pause.saturating_mul(2_u32.saturating_pow(pauses).min(LONGEST))).await;
                pauses += 1;
            }
        }
    }

    async fn done_with(&self, records: &[Record]) {
        if let Some(last) = records.last() {
            self.done(&last.sequence).await;
        }
    }

    /// Tries a part again, or discards it.
    async fn failed(&self, part: Part, parts: &mut VecDeque<Part>) {
        match self.settings.max_retries {
            Some(retries) if part.failures > retries => {
                self.discard(Discarded { records: &part.records, why: WHY_RETRIES, invocations: part.invocations })
                    .await;
                self.done_with(&part.records).await;
            }
            _ => parts.push_front(part),
        }
    }

    /// Discards the records of a part that are too old. Records are in the order of their age.
    async fn discard_old(&self, part: &mut Part) {
        let Some(max_age) = self.settings.max_age else { return };
        let now = self.service.state.now();
        let is_old = |record: &Record| Duration::from_millis(now.saturating_sub(record.created)) > max_age;
        let old = part.records.iter().take_while(|record| is_old(record)).count();
        if old > 0 {
            let rest = part.records.split_off(old);
            self.discard(Discarded { records: &part.records, why: WHY_AGE, invocations: part.invocations }).await;
            self.done_with(&part.records).await;
            part.records = rest;
        }
    }

    async fn invoke(&self, records: &[Record]) -> Outcome {
        let shown: Vec<_> = records.iter().map(|record| &record.json).collect();
        let event = Bytes::from(json!({"Records": shown}).to_string());
        let answer = match self.invoke.invoke(&self.function, event).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(%error, function = self.function, "a batch of records failed");
                return match error {
                    InvokeError::Throttled | InvokeError::Unavailable(_) => Outcome::NotInvoked,
                    InvokeError::Function { .. } | InvokeError::TimedOut => Outcome::Failed,
                };
            }
        };
        if !self.settings.report_failures {
            return Outcome::Done;
        }
        match Report::read(&answer, records.iter().map(|record| record.sequence.as_str())) {
            Report::Done => Outcome::Done,
            Report::AllFailed => Outcome::Failed,
            // Of several, the lowest counts.
            Report::Failed(failed) => {
                let first = records.iter().position(|record| failed.contains(&record.sequence));
                first.map_or(Outcome::Failed, Outcome::From)
            }
        }
    }
}
