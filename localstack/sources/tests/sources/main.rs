//! Event sources on real sockets and a real `SQLite`. The client of the queue is the AWS SDK.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod queue;
mod queue_batches;
mod queue_limits;
mod queue_mapping;
mod stream;
mod stream_failures;
mod support;
