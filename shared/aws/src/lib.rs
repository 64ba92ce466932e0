//! The connection between AWS and the rules.
//!
//! An event from API Gateway becomes an [`Event`](rollcall_core::Event). An update that the rules plan becomes one
//! `UpdateItem`. What they decide becomes a status code, a frame or a call of `@connections`. Nothing is decided here.

mod ahead;
mod bucket;
mod cache;
mod client;
mod commands;
mod config;
mod connections;
mod directory;
mod documents;
mod dynamo;
mod error;
mod firmware;
mod gateway;
mod headed;
mod history;
pub mod http;
mod memory;
mod presign;
mod record;
mod render;
mod reply;
mod serve;
mod store;
mod table;
pub mod telemetry;
mod tls;
mod trace;

pub use bucket::{Bucket, SignError, presign};
pub use client::{
    AccountError, Clients, LOCAL_CREDENTIALS, LOCAL_REGION, Tries, account_config, dynamo_client, endpoint_config,
    local_credentials, local_dynamo_client,
};
pub use commands::command_news;
pub use config::{ConfigError, ConfigErrors, Environment, Lookup, Reader, Settings, policy, variable};
pub use connections::{ApiConnections, ConnectionError, Connections, Delivery};
pub use directory::{Page, PageKey};
pub use documents::{Documents, DynamoDocuments};
pub use dynamo::DynamoStore;
pub use error::{Fatal, chain};
pub use firmware::{DynamoFirmware, ImageError, Images, Kept};
pub use gateway::{EventError, Identity, ask, check_in, connect, disconnect, identify, now, poll, report, time};
pub use headed::Headed;
pub use memory::MemoryStore;
pub use presign::PresignError;
pub use record::{RecordError, Recorded, carry_out, dismiss, record};
pub use reply::{
    About, Answer, Failed, News, ack, bye, bye_reason, config_news, error_frame, failure_frame, refusal_frame, status,
    text,
};
pub use serve::serve;
pub use store::{Store, StoreError, Units, Written};
pub use table::{TableError, create_table, forget_in_time};
pub use tls::Trust;
