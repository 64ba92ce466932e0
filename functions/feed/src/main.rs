//! The feed: makes events of what was written of nodes. The stream of the table of nodes invokes it.

mod handle;

use rollcall_aws::{
    Clients, DynamoStore, Environment, Fatal, Reader, Settings, SqsQueue, Tries, serve, telemetry, variable,
};
use rollcall_service::{Feed, KEEP_EVENTS_S};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let settings = Settings::read(&Environment, false)?;
    let mut reader = Reader::new(&Environment);
    let keep_for = reader.number(variable::KEEP_EVENTS, KEEP_EVENTS_S);
    let keep_for = reader.finish(|| Some(keep_for))?;
    let clients = Clients::open(&settings, Tries::Patient).await;
    let (store, queue) = (DynamoStore::open(&clients), SqsQueue::open(&clients, &Environment, variable::DISCARDED_URL));
    let feed = Feed { store, queue, policy: settings.policy, keep_for };
    serve(|event| handle::handle(event, &feed)).await
}
