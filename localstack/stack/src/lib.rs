//! The cloud on loopback, assembled: an embedded DynamoDB, the real function binaries, and the gateway before them.

mod build;
mod dynamo;
mod functions;
mod stack;

pub use build::build_command;
pub use dynamo::{DynamoError, EmbeddedDynamo};
pub use functions::{FUNCTIONS, ROUTE_CHECK_IN};
pub use stack::{Between, STAGE, Stack, StackConfig, StackError, TABLE};
