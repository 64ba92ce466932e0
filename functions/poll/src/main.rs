//! Polling: check-ins over HTTP, for nodes that can't hold a connection; and documents that do not fit a frame.

use lambda_runtime::Diagnostic;
use rollcall_aws::{Clients, DynamoStore, Presigner, Reader, Settings, now, request, variable};
use rollcall_aws::{Environment, Fatal, Headed, Tries, serve, telemetry};
use rollcall_service::http::HttpAnswer;
use rollcall_service::{CheckIns, Documents, Images, Polls, chain};
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
    let (store, images) = (DynamoStore::open(&clients), Images::new(Presigner::open(&clients)));
    let check_ins = CheckIns { store, documents: Documents::default(), images, policy: settings.policy };
    let polls = Polls { verifier, check_ins };
    serve(async |Headed(event)| -> Result<HttpAnswer, Diagnostic> {
        match request(event, now()) {
            Ok(request) => Ok(polls.handle(&request).await),
            Err(error) => {
                tracing::error!(outcome = "failed", error = chain(&error), Failures = 1, "poll");
                Ok(HttpAnswer::status(500))
            }
        }
    })
    .await
}
