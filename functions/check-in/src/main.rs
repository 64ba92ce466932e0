//! The check-in: a node says how it is.

mod handle;

use handle::Handler;
use rollcall_aws::{ApiConnections, DynamoDocuments, DynamoStore, Images, Settings};
use rollcall_aws::{Environment, Fatal, serve, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let settings = Settings::read(&Environment, true)?;
    let (store, connections) = (DynamoStore::open(&settings).await, ApiConnections::open(&settings).await);
    let (documents, images) = (DynamoDocuments::open(&settings).await, Images::open(&settings).await);
    let handler = Handler { store, documents, images, connections, policy: settings.policy };
    serve(async |request| handler.handle(request).await).await
}
