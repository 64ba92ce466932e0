//! Polling: check-ins over HTTP, for nodes that can't hold a connection; and documents that do not fit a frame.

mod handle;

use handle::Poll;
use rollcall_aws::{Clients, DynamoDocuments, DynamoStore, Images, Reader, Settings, variable};
use rollcall_aws::{Environment, Fatal, Headed, Tries, serve, telemetry};
use rollcall_token::{Demands, Verifier};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let settings = Settings::read(&Environment, false)?;
    let mut reader = Reader::new(&Environment);
    let audience = reader.optional(variable::TOKEN_AUDIENCE);
    let demands = Demands::new(audience.as_deref(), reader.number(variable::TOKEN_LIFE_MAX, 0));
    let verifier = reader.parsed(variable::TOKEN_KEYS, Verifier::from_jwks);
    let verifier = reader.finish(|| verifier)?.demanding(demands);
    let clients = Clients::open(&settings, Tries::Quick).await;
    let (store, documents) = (DynamoStore::open(&clients), DynamoDocuments::open(&clients));
    let images = Images::open(&clients);
    let poll = Poll { verifier, store, documents, images, policy: settings.policy };
    serve(async |Headed(request)| poll.handle(&request).await).await
}
