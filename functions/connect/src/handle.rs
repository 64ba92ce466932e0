//! Handles a `$connect`.

use std::collections::BTreeMap;

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::Diagnostic;
use rollcall_aws::{Answer, Connections, Store, carry_out, chain, record, status};
use rollcall_core::{Policy, Reply};
use rollcall_wire::SUBPROTOCOL;

const SUBPROTOCOL_HEADER: &str = "Sec-WebSocket-Protocol";

/// Records the connection, closes the one that it replaces, and lets it in.
pub(crate) async fn handle(
    request: ApiGatewayWebsocketProxyRequest,
    store: &impl Store,
    connections: &impl Connections,
    policy: &Policy,
) -> Result<Answer, Diagnostic> {
    let Ok(headers) = subprotocol(&request) else {
        tracing::info!(outcome = "refused", reason = "unsupported-protocol", Refusals = 1, "connect");
        return Ok(Answer::status(400));
    };
    let event = match rollcall_aws::connect(&request, rollcall_aws::now()) {
        Ok(event) => event,
        Err(error) => {
            tracing::error!(outcome = "failed", error = chain(&error), Failures = 1, "connect");
            return Ok(Answer::status(500));
        }
    };
    let (node, connection) = (event.node.clone(), request.request_context.connection_id.unwrap_or_default());
    match record(store, event, policy).await {
        Ok(recorded) => {
            carry_out(store, connections, &recorded.effects, policy).await;
            if let Reply::Refused(refusal) = recorded.reply {
                let reason = refusal.code();
                tracing::info!(%node, connection, outcome = "refused", reason, Refusals = 1, "connect");
                return Ok(Answer::status(status(refusal)));
            }
            tracing::info!(
                %node, connection, outcome = "stored",
                Connects = 1, Superseded = recorded.superseded(), Takeovers = recorded.takeovers(),
                PresenceChanges = recorded.presence_changes(),
                WriteUnits = recorded.units.write, "connect"
            );
            Ok(Answer { status_code: 200, headers, body: None })
        }
        Err(error) => {
            tracing::error!(%node, connection, outcome = "failed", error = chain(&error), Failures = 1, "connect");
            Ok(Answer::status(503))
        }
    }
}

/// The response header that accepts Rollcall's subprotocol, if the node offered any subprotocol.
///
/// # Errors
/// If the node offered only other subprotocols.
fn subprotocol(
    request: &ApiGatewayWebsocketProxyRequest,
) -> Result<Option<BTreeMap<&'static str, String>>, UnsupportedProtocol> {
    let Some(offered) = request.headers.get(SUBPROTOCOL_HEADER) else { return Ok(None) };
    let offered = offered.to_str().unwrap_or_default();
    if offered.split(',').any(|protocol| protocol.trim() == SUBPROTOCOL) {
        Ok(Some(BTreeMap::from([(SUBPROTOCOL_HEADER, SUBPROTOCOL.to_owned())])))
    } else {
        Err(UnsupportedProtocol)
    }
}

struct UnsupportedProtocol;
