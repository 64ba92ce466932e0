//! Reads a `$connect`.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::Diagnostic;
use rollcall_aws::{instance, now, socket};
use rollcall_core::Policy;
use rollcall_service::{Answer, Connections, SUBPROTOCOL_HEADER, Store, chain, connect};

/// Lets a connection in, or says why not.
pub(crate) async fn handle(
    request: ApiGatewayWebsocketProxyRequest,
    store: &impl Store,
    connections: &impl Connections,
    policy: &Policy,
) -> Result<Answer, Diagnostic> {
    let socket = match socket(&request.request_context, now()) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(outcome = "failed", error = chain(&error), Failures = 1, "connect");
            return Ok(Answer::status(500));
        }
    };
    // A header that is no text offers no subprotocol that is known.
    let offered = request.headers.get(SUBPROTOCOL_HEADER).map(|offered| offered.to_str().unwrap_or_default());
    Ok(connect(&socket, instance(&request), offered, store, connections, policy).await)
}
