//! The check-in: a node says how it is.

mod handle;

use rollcall_aws::{ApiConnections, DynamoDocuments, DynamoStore, Environment, Fatal, Settings, serve, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let settings = Settings::read(&Environment, true)?;
    let (store, connections) = (DynamoStore::open(&settings).await, ApiConnections::open(&settings).await);
    let documents = DynamoDocuments::open(&settings).await;
    serve(|request| handle::handle(request, &store, &documents, &connections, &settings.policy)).await
}
