//! Reads a `$disconnect`.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::Diagnostic;
use rollcall_aws::{close_code, now, socket};
use rollcall_core::Policy;
use rollcall_service::{Answer, Store, chain, disconnect};

/// Records that the connection closed.
pub(crate) async fn handle(
    request: ApiGatewayWebsocketProxyRequest,
    store: &impl Store,
    policy: &Policy,
) -> Result<Answer, Diagnostic> {
    let context = request.request_context;
    match socket(&context, now()) {
        Ok(socket) => {
            let code = close_code(&context);
            Ok(disconnect(&socket, code, context.disconnect_reason, store, policy).await)
        }
        Err(error) => {
            tracing::error!(outcome = "failed", error = chain(&error), Failures = 1, "disconnect");
            Ok(Answer::status(500))
        }
    }
}
