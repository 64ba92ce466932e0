//! The local cloud. The gateway runs on loopback. Behind it are either an embedded DynamoDB, an embedded S3 and the
//! real function binaries, or functions in a Lambda elsewhere. This crate also deploys the functions to that Lambda.

mod bounded;
mod build;
mod data;
mod deploy;
mod dynamo;
mod front;
mod functions;
mod lambda;
mod localstack;
mod package;
mod s3;
mod stack;

pub use bounded::Bounded;
pub use build::{build_command, cargo_build};
pub use deploy::{DeployError, Deployed, Target};
pub use dynamo::{DynamoError, EmbeddedDynamo};
pub use functions::{FUNCTIONS, FunctionSettings, ROUTE_CHECK_IN};
pub use lambda::{LambdaInvoke, lambda_client};
pub use localstack::{DeployedSettings, NotDeployed, deployed_settings, outdated_localstack};
pub use package::{Package, PackageError};
pub use s3::{EmbeddedS3, S3Error, create_bucket};
pub use stack::{
    Backend, FIRMWARE_BUCKET, Here, Interceptor, STAGE, Stack, StackConfig, StackError, TABLE, connections_url, listen,
};
