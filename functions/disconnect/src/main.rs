//! `$disconnect`: stores that a connection closed.

mod handle;

use rollcall_aws::{Clients, DynamoStore, Environment, Fatal, Settings, Tries, serve, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let settings = Settings::read(&Environment, false)?;
    let store = DynamoStore::open(&Clients::open(&settings, Tries::Patient).await);
    serve(|request| handle::handle(request, &store, &settings.policy)).await
}
