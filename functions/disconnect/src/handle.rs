//! One `$disconnect`.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::Diagnostic;
use rollcall_aws::{Answer, Store, chain, record};
use rollcall_core::{Policy, Reply};

/// Records that the connection closed. Nobody waits for the answer.
pub(crate) async fn handle(
    request: ApiGatewayWebsocketProxyRequest,
    store: &impl Store,
    policy: &Policy,
) -> Result<Answer, Diagnostic> {
    let event = match rollcall_aws::disconnect(&request) {
        Ok(event) => event,
        Err(error) => {
            tracing::error!(outcome = "failed", error = chain(&error), "disconnect");
            return Ok(Answer::status(500));
        }
    };
    let node = event.node.clone();
    let context = &request.request_context;
    let (connection, code) = (context.connection_id.as_deref().unwrap_or_default(), context.disconnect_status_code);
    match record(store, event, policy).await {
        Ok(recorded) => {
            let units = recorded.units.write;
            if let Reply::Refused(refusal) = recorded.reply {
                tracing::info!(%node, connection, code, outcome = "refused", reason = refusal.code(), "disconnect");
            } else {
                tracing::info!(%node, connection, code, outcome = "stored", write_units = units, "disconnect");
            }
            Ok(Answer::status(200))
        }
        Err(error) => {
            tracing::error!(%node, connection, code, outcome = "failed", error = chain(&error), "disconnect");
            Ok(Answer::status(503))
        }
    }
}
