//! The local cloud. The gateway runs on loopback. Behind it are either an embedded DynamoDB, an embedded S3 and the
//! real function binaries, or functions that somebody else runs.

mod bounded;
mod build;
mod data;
mod dynamo;
mod front;
mod functions;
mod s3;
mod stack;

pub use bounded::Bounded;
pub use build::{build_command, cargo_build};
pub use dynamo::{DynamoError, EmbeddedDynamo};
pub use functions::{CONNECT, FUNCTIONS, FunctionSettings, MEMORY_MB, ROUTE_CHECK_IN, TIMEOUT, environment};
pub use s3::{EmbeddedS3, S3Error, create_bucket};
pub use stack::{
    Backend, FIRMWARE_BUCKET, Here, Interceptor, STAGE, Stack, StackConfig, StackError, TABLE, connections_url, listen,
};
