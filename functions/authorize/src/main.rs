//! The authorizer: whose token is this, and is it valid? Calls nobody.

mod handle;

use rollcall_aws::{ConfigError, ConfigErrors, Environment, Fatal, Reader, chain, serve, telemetry, variable};
use rollcall_token::Verifier;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let verifier = verifier()?;
    serve(async |request| handle::handle(&request, &verifier)).await
}

fn verifier() -> Result<Verifier, ConfigErrors> {
    let mut reader = Reader::new(&Environment);
    let keys = reader.required(variable::TOKEN_KEYS);
    reader.finish(|| Some(()))?;
    Verifier::from_jwks(&keys).map_err(|error| {
        let problem = format!("is no usable key set: {}", chain(&error));
        ConfigErrors(vec![ConfigError::Invalid { name: variable::TOKEN_KEYS, problem }])
    })
}
