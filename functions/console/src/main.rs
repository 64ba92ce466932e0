//! The console: the HTTP API for the application.

mod batch;
mod clip;
mod commands;
mod conditions;
mod configs;
mod content;
mod cursor;
mod firmware;
mod handle;
mod health;
mod keys;
mod nodes;
mod openapi;
mod push;
mod query;
mod refusal;
mod routes;
mod view;

use handle::Console;
use keys::Keys;
use rollcall_aws::{ApiConnections, Clients, DynamoDocuments, DynamoFirmware, DynamoStore, Settings};
use rollcall_aws::{Environment, Fatal, Headed, Tries, serve, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let settings = Settings::read(&Environment, true)?;
    let keys = Keys::read(&Environment)?;
    let clients = Clients::open(&settings, Tries::Patient).await;
    let (store, connections) = (DynamoStore::open(&clients), ApiConnections::open(&clients));
    let (documents, firmware) = (DynamoDocuments::open(&clients), DynamoFirmware::open(&clients));
    let (policy, health) = (settings.policy, health::Health::default());
    let console = Console { keys, store, documents, firmware, connections, policy, health };
    // Boxed, since most of its size is for what only some requests need.
    serve(async |Headed(request)| Box::pin(console.handle(&request)).await).await
}
