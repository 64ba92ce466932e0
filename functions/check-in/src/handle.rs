//! One message of a node.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::Diagnostic;
use rollcall_aws::{
    Answer, Connections, RecordError, Store, ack, carry_out, chain, error_frame, record, refusal_frame,
};
use rollcall_core::{Event, EventKind, Policy, Reply};
use rollcall_wire::{ErrorCode, NodeMessage, ServerMessage, parse_node_message};

/// Reads the message, records it, carries out what follows, and answers.
pub(crate) async fn handle(
    request: ApiGatewayWebsocketProxyRequest,
    store: &impl Store,
    connections: &impl Connections,
    policy: &Policy,
) -> Result<Answer, Diagnostic> {
    let connection = request.request_context.connection_id.clone().unwrap_or_default();
    let event = match read(&request, &connection) {
        Ok(event) => event,
        Err(error) => return Ok(Answer::frame(&error)),
    };
    let (node, seq) = (event.node.clone(), seq(&event));
    match record(store, event, policy).await {
        Ok(recorded) => {
            carry_out(connections, &recorded.effects).await;
            if let Reply::Refused(refusal) = recorded.reply {
                tracing::info!(%node, connection, seq, outcome = "refused", reason = refusal.code(), "check-in");
                return Ok(Answer::frame(&refusal_frame(refusal, seq)));
            }
            let (write_units, read_units) = (recorded.units.write, recorded.units.read);
            tracing::info!(%node, connection, seq, outcome = "stored", write_units, read_units, "check-in");
            match recorded.reply {
                Reply::Ack(terms) => Ok(Answer::frame(&ack(seq, terms))),
                Reply::Stored | Reply::Refused(_) => Ok(Answer::status(200)),
            }
        }
        Err(error) => {
            tracing::error!(%node, connection, seq, outcome = "failed", error = chain(&error), "check-in");
            Ok(Answer::frame(&failure(&error, seq)))
        }
    }
}

/// The event that the message is.
///
/// # Errors
/// The frame that the node is told instead.
fn read(request: &ApiGatewayWebsocketProxyRequest, connection: &str) -> Result<Event, ServerMessage> {
    let refuse = |code: ErrorCode, message: String, seq| {
        tracing::info!(connection, seq, outcome = "refused", reason = %code, "check-in");
        error_frame(code, message, seq)
    };
    let text = request.body.as_deref().unwrap_or_default();
    let check_in = match parse_node_message(text) {
        Ok(NodeMessage::CheckIn(check_in)) => check_in,
        Ok(_) => return Err(refuse(ErrorCode::UnknownType, "not a message for this route".to_owned(), None)),
        Err(error) => return Err(refuse(error.code, error.message, error.seq)),
    };
    let (seq, ack) = (check_in.seq, check_in.ack);
    let report = rollcall_aws::report(check_in)
        .map_err(|error| refuse(ErrorCode::InvalidField, error.to_string(), Some(seq)))?;
    rollcall_aws::check_in(&request.request_context, seq, ack, report).map_err(|error| {
        tracing::error!(connection, seq, outcome = "failed", error = chain(&error), "check-in");
        error_frame(ErrorCode::Internal, "the server does not know whose connection this is".to_owned(), Some(seq))
    })
}

fn seq(event: &Event) -> u64 {
    if let EventKind::CheckIn { seq, .. } = event.kind { seq } else { 0 }
}

fn failure(error: &RecordError, seq: u64) -> ServerMessage {
    if error.is_passing() {
        error_frame(ErrorCode::Unavailable, "not stored: send it again a little later".to_owned(), Some(seq))
    } else {
        error_frame(ErrorCode::Internal, "not stored: the server's log says why".to_owned(), Some(seq))
    }
}
