//! Reading a stream in batches.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{Record, Stream, StreamSettings};

/// How many records are read at once: the most of `GetRecords`.
const READ: usize = 1000;
/// The largest payload of an invocation, in bytes ("Lambda quotas": 6 MB).
const PAYLOAD: u64 = 6_000_000;

/// Records that match, and how far the stream was read for them.
#[derive(Debug)]
pub(super) struct Batch {
    /// May be empty, if no record matched.
    pub(super) records: Vec<Record>,
    pub(super) through: String,
}

pub(super) struct Reader {
    stream: Stream,
    settings: StreamSettings,
    /// The last record that was read.
    read: Option<String>,
    /// Records that were read, and are not in a batch yet.
    waiting: VecDeque<Record>,
}

impl Reader {
    pub(super) fn new(stream: Stream, settings: StreamSettings) -> Self {
        Self { stream, settings, read: None, waiting: VecDeque::new() }
    }

    /// Reads from the record after this one.
    pub(super) fn start_after(&mut self, sequence: Option<String>) {
        self.read = sequence;
    }

    /// The next batch. It waits until there is a record.
    pub(super) async fn next(&mut self) -> Batch {
        let mut batch = Batch { records: vec![], through: String::new() };
        let (mut size, mut begun) = (0, None);
        loop {
            let is_current = self.waiting.is_empty() && !self.read().await;
            let is_full = self.fill(&mut batch, &mut size);
            if !batch.records.is_empty() {
                let since = *begun.get_or_insert_with(Instant::now);
                let left = self.settings.window.saturating_sub(since.elapsed());
                if is_full || left.is_zero() {
                    return batch;
                }
                if is_current {
                    sleep(left.min(self.settings.poll_every)).await;
                }
            } else if !batch.through.is_empty() && self.waiting.is_empty() {
                return batch;
            } else if is_current {
                sleep(self.settings.poll_every).await;
            }
        }
    }

    /// Reads further records. Returns whether there were any.
    async fn read(&mut self) -> bool {
        match self.stream.records.after(self.read.as_deref(), READ).await {
            Ok(records) => {
                if let Some(last) = records.last() {
                    self.read = Some(last.sequence.clone());
                }
                self.waiting.extend(records);
                !self.waiting.is_empty()
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a stream can't be read");
                sleep(Duration::from_secs(1)).await;
                false
            }
        }
    }

    /// Moves waiting records into the batch. Returns whether it is full.
    fn fill(&mut self, batch: &mut Batch, size: &mut u64) -> bool {
        while let Some(record) = self.waiting.pop_front() {
            let json = self.shown(record.json);
            let matches =
                self.settings.filters.is_empty() || self.settings.filters.iter().any(|each| each.matches(&json));
            let record = Record { json, ..record };
            if matches {
                let bytes = record.json["dynamodb"]["SizeBytes"].as_u64().unwrap_or_default();
                if !batch.records.is_empty() && *size + bytes > PAYLOAD {
                    self.waiting.push_front(record);
                    return true;
                }
                *size += bytes;
                batch.through.clone_from(&record.sequence);
                batch.records.push(record);
                if batch.records.len() >= self.settings.batch_size.max(1) {
                    return true;
                }
            } else {
                batch.through = record.sequence;
            }
        }
        false
    }

    /// A record as Lambda gives it to functions: with the ARN of its stream.
    fn shown(&self, mut record: Value) -> Value {
        record["eventSourceARN"] = Value::String(self.stream.arn.clone());
        record
    }
}
