//! The check-in: handles the messages of connected nodes.

mod handle;

use rollcall_aws::{ApiConnections, Clients, DynamoStore, Presigner, Settings};
use rollcall_aws::{Environment, Fatal, Tries, serve, telemetry};
use rollcall_service::{CheckIns, Documents, Images};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let settings = Settings::read(&Environment, true)?;
    let clients = Clients::open(&settings, Tries::Quick).await;
    let (store, connections) = (DynamoStore::open(&clients), ApiConnections::open(&clients));
    let (documents, images) = (Documents::default(), Images::new(Presigner::open(&clients)));
    let check_ins = CheckIns { store, documents, images, policy: settings.policy };
    serve(async |request| handle::handle(request, &check_ins, &connections).await).await
}
