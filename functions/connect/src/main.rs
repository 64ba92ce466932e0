//! `$connect`: accepts or refuses a node's connection.

mod handle;

use rollcall_aws::{
    ApiConnections, Clients, DynamoStore, Environment, Fatal, Headed, Settings, Tries, serve, telemetry,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let settings = Settings::read(&Environment, true)?;
    let clients = Clients::open(&settings, Tries::Quick).await;
    let (store, connections) = (DynamoStore::open(&clients), ApiConnections::open(&clients));
    serve(|Headed(request)| handle::handle(request, &store, &connections, &settings.policy)).await
}
