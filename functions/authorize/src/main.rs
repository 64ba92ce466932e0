//! The authorizer: checks the token of a new connection, and names its node. It makes no calls.

mod handle;

use rollcall_aws::{Environment, Fatal, Reader, serve, telemetry, variable};
use rollcall_token::{Demands, Verifier};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let mut reader = Reader::new(&Environment);
    let audience = reader.optional(variable::TOKEN_AUDIENCE);
    let demands = Demands::new(audience.as_deref(), reader.number(variable::TOKEN_LIFE_MAX, 0));
    let verifier = reader.parsed(variable::TOKEN_KEYS, Verifier::from_jwks);
    let verifier = reader.finish(|| verifier)?.demanding(demands);
    serve(async |request| handle::handle(&request, &verifier)).await
}
