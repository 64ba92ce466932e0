//! The service's traits on AWS.
//!
//! An event from API Gateway becomes a [`Socket`](rollcall_service::Socket) or a
//! [`Request`](rollcall_service::http::Request). An update that the rules plan becomes one `UpdateItem`. Nothing is
//! decided here.

mod ahead;
mod bucket;
mod client;
mod clock;
mod config;
mod connections;
mod directory;
mod dynamo;
mod error;
mod gateway;
mod headed;
mod presign;
mod queue;
mod render;
mod resolve;
mod serve;
mod stream;
mod table;
pub mod telemetry;
mod tls;
mod trace;

pub use bucket::{Bucket, SignError, presign};
pub use client::{
    AccountError, Clients, LOCAL_CREDENTIALS, LOCAL_REGION, Tries, account_config, dynamo_client, endpoint_config,
    local_credentials, local_dynamo_client,
};
pub use clock::{Timer, now};
pub use config::{
    ConfigError, ConfigErrors, Environment, Lookup, Reader, Settings, delivery_schedule, policy, private_addresses,
    variable,
};
pub use connections::ApiConnections;
pub use dynamo::DynamoStore;
pub use error::Fatal;
pub use gateway::{EventError, Identity, close_code, instance, request, socket};
pub use headed::Headed;
pub use presign::Presigner;
pub use queue::{Batch, SqsQueue, batch, batch_answer};
pub use resolve::system_resolver;
pub use serve::serve;
pub use stream::{BatchReply, StreamEvent};
pub use table::{TableError, create_tables, forget_in_time};
pub use tls::Trust;
