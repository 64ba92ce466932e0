//! The console: the HTTP API for the application.

mod endpoints;
mod invoked;
mod keys;

use rollcall_aws::{ApiConnections, Clients, DynamoStore, Settings, Timer};
use rollcall_aws::{Environment, Fatal, Tries, serve, telemetry};
use rollcall_service::console::{Console, Health};
use rollcall_service::{Documents, Firmware};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let settings = Settings::read(&Environment, true)?;
    let keys = keys::read(&Environment)?;
    let clients = Clients::open(&settings, Tries::Patient).await;
    let (store, connections) = (DynamoStore::open(&clients), ApiConnections::open(&clients));
    let (documents, firmware) = (Documents::default(), Firmware::default());
    let endpoints = endpoints::open(&clients, &Environment)?;
    let (clock, policy, health) = (Timer, settings.policy, Health::default());
    let console = Console { keys, store, documents, firmware, connections, clock, policy, health, endpoints };
    serve(async |invoked| invoked::handle(&console, invoked).await).await
}
