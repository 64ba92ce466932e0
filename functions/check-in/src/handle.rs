//! Reads the event of a message.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::Diagnostic;
use rollcall_aws::{now, socket};
use rollcall_service::{Answer, CheckIns, Connections, Signer, Store, chain, unknown_connection};

/// Handles a message of a connected node.
pub(crate) async fn handle(
    request: ApiGatewayWebsocketProxyRequest,
    check_ins: &CheckIns<impl Store, impl Signer>,
    connections: &impl Connections,
) -> Result<Answer, Diagnostic> {
    let socket = match socket(&request.request_context, now()) {
        Ok(socket) => socket,
        Err(error) => {
            let connection = request.request_context.connection_id.unwrap_or_default();
            tracing::error!(connection, outcome = "failed", error = chain(&error), Failures = 1, "message");
            return Ok(unknown_connection());
        }
    };
    Ok(check_ins.message(&socket, request.body.as_deref().unwrap_or_default(), connections).await)
}
