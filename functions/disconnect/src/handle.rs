//! Handles a `$disconnect`.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::Diagnostic;
use rollcall_aws::{Answer, Store, chain, record};
use rollcall_core::{Policy, Reply};

/// Records that the connection closed. Nothing waits for the answer.
pub(crate) async fn handle(
    request: ApiGatewayWebsocketProxyRequest,
    store: &impl Store,
    policy: &Policy,
) -> Result<Answer, Diagnostic> {
    let event = match rollcall_aws::disconnect(&request, rollcall_aws::now()) {
        Ok(event) => event,
        Err(error) => {
            tracing::error!(outcome = "failed", error = chain(&error), Failures = 1, "disconnect");
            return Ok(Answer::status(500));
        }
    };
    let node = event.node.clone();
    let context = &request.request_context;
    let (connection, code) = (context.connection_id.as_deref().unwrap_or_default(), context.disconnect_status_code);
    match record(store, event, policy).await {
        Ok(recorded) => {
            if let Reply::Refused(refusal) = recorded.reply {
                let reason = refusal.code();
                tracing::info!(%node, connection, code, outcome = "refused", reason, Refusals = 1, "disconnect");
            } else {
                let units = recorded.units.write;
                tracing::info!(
                    %node, connection, code, outcome = "stored", Disconnects = 1, WriteUnits = units, "disconnect"
                );
            }
            Ok(Answer::status(200))
        }
        Err(error) => {
            let error = chain(&error);
            tracing::error!(%node, connection, code, outcome = "failed", error, Failures = 1, "disconnect");
            Ok(Answer::status(503))
        }
    }
}
