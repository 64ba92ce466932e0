//! `$disconnect`: notes that a connection ended.

mod handle;

use rollcall_aws::{DynamoStore, Environment, Fatal, Settings, serve, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let settings = Settings::read(&Environment, false)?;
    let store = DynamoStore::open(&settings).await;
    serve(|request| handle::handle(request, &store, &settings.policy)).await
}
