//! The local cloud. The gateway runs on loopback. Behind it are either an embedded DynamoDB, an embedded S3, an
//! embedded SQS, and the real function binaries, or functions that somebody else runs.

mod bounded;
mod build;
mod data;
mod dynamo;
mod front;
mod functions;
mod queues;
mod s3;
mod settings;
mod sources;
mod stack;
mod stream;

pub use bounded::Bounded;
pub use build::{build_command, cargo_build};
pub use dynamo::{DynamoError, EmbeddedDynamo};
pub use functions::{
    CONNECT, DELIVER, DELIVERY_SCHEDULE, FUNCTIONS, Function, MEMORY_MB, ROLLOUTS_EVERY_S, ROUTE_CHECK_IN, Rate, SWEEP,
    SWEEP_EVERY_S, Trigger, environment, timeout,
};
pub use queues::{DEAD_LETTERS, DISCARDED, QUEUE, QueuesError, start_queues};
pub use s3::{EmbeddedS3, S3Error, create_bucket};
pub use settings::{FunctionSettings, QueueUrls};
pub use sources::{Origins, Sources};
pub use stack::{
    Backend, FIRMWARE_BUCKET, Here, Interceptor, STAGE, Stack, StackConfig, StackError, TABLE, connections_url, listen,
};
