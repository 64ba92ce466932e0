//! The check-in: handles the messages of connected nodes.

mod handle;

use handle::Handler;
use rollcall_aws::{ApiConnections, Clients, DynamoDocuments, DynamoStore, Images, Settings};
use rollcall_aws::{Environment, Fatal, Tries, serve, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let settings = Settings::read(&Environment, true)?;
    let clients = Clients::open(&settings, Tries::Quick).await;
    let (store, connections) = (DynamoStore::open(&clients), ApiConnections::open(&clients));
    let (documents, images) = (DynamoDocuments::open(&clients), Images::open(&clients));
    let handler = Handler { store, documents, images, connections, policy: settings.policy };
    serve(async |request| handler.handle(request).await).await
}
