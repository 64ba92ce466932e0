//! Polling: check-ins over HTTP, for nodes that can't hold a socket, and documents that don't fit a frame.

mod handle;

use handle::Poll;
use rollcall_aws::{
    ConfigErrors, DynamoDocuments, DynamoStore, Environment, Fatal, Images, Settings, serve, telemetry,
};
use rollcall_aws::{Reader, variable};
use rollcall_token::Verifier;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let settings = Settings::read(&Environment, false)?;
    let verifier = verifier()?;
    let (store, documents) = (DynamoStore::open(&settings).await, DynamoDocuments::open(&settings).await);
    let images = Images::open(&settings).await;
    let poll = Poll { verifier, store, documents, images, policy: settings.policy };
    // Boxed: the compiler counts how deeply futures are nested.
    serve(async |request| Box::pin(poll.handle(&request)).await).await
}

fn verifier() -> Result<Verifier, ConfigErrors> {
    let mut reader = Reader::new(&Environment);
    let keys = reader.required(variable::TOKEN_KEYS);
    let verifier = Verifier::from_jwks(&keys);
    if let Err(error) = &verifier {
        reader.invalid(variable::TOKEN_KEYS, format!("is no usable key set: {}", rollcall_aws::chain(error)));
    }
    reader.finish(|| verifier.ok())
}
