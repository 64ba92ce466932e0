//! The console: the HTTP API for the application.

mod endpoints;
mod keys;

use lambda_runtime::Diagnostic;
use rollcall_aws::{ApiConnections, Clients, DynamoStore, Settings, Timer, now, request};
use rollcall_aws::{Environment, Fatal, Headed, Tries, serve, telemetry};
use rollcall_service::console::{Console, Health};
use rollcall_service::http::HttpAnswer;
use rollcall_service::{Documents, Firmware, chain};

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
    serve(async |Headed(event)| -> Result<HttpAnswer, Diagnostic> {
        match request(event, now()) {
            // Boxed, since most of its size is for what only some requests need.
            Ok(request) => Ok(Box::pin(console.handle(&request)).await),
            Err(error) => {
                tracing::error!(outcome = "failed", error = chain(&error), Failures = 1, "console");
                Ok(HttpAnswer::status(500))
            }
        }
    })
    .await
}
