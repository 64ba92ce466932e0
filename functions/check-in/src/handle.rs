//! One message of a node.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::Diagnostic;
use rollcall_aws::{
    Answer, Connections, Documents, News, RecordError, Store, ack, carry_out, chain, config_news, error_frame,
    identify, record, refusal_frame,
};
use rollcall_core::{Event, EventKind, Node, Policy, Reply};
use rollcall_wire::{ErrorCode, NodeMessage, ServerMessage, parse_node_message};

/// Reads the message, records it, carries out what follows, and answers.
pub(crate) async fn handle(
    request: ApiGatewayWebsocketProxyRequest,
    store: &impl Store,
    documents: &impl Documents,
    connections: &impl Connections,
    policy: &Policy,
) -> Result<Answer, Diagnostic> {
    let connection = request.request_context.connection_id.clone().unwrap_or_default();
    let event = match read(&request, &connection) {
        Ok(Asked::CheckIn(event)) => event,
        Ok(Asked::Config) => return Ok(Answer::frame(&config(&request, &connection, store, documents).await)),
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
                Reply::Ack(terms) => Ok(Answer::frame(&ack(seq, &terms, News::read(&terms, documents).await))),
                Reply::Stored | Reply::Refused(_) => Ok(Answer::status(200)),
            }
        }
        Err(error) => {
            tracing::error!(%node, connection, seq, outcome = "failed", error = chain(&error), "check-in");
            Ok(Answer::frame(&failure(&error, seq)))
        }
    }
}

/// What a node asks for.
enum Asked {
    CheckIn(Event),
    Config,
}

/// The node's configuration again: for one that got it damaged, or lost it.
async fn config(
    request: &ApiGatewayWebsocketProxyRequest,
    connection: &str,
    store: &impl Store,
    documents: &impl Documents,
) -> ServerMessage {
    let found = async {
        let (node, _) = identify(&request.request_context).map_err(|error| chain(&error))?;
        let item = store.read(&node).await.map_err(|error| chain(&error))?.unwrap_or_default();
        let Some(wanted) = Node::read(&item).map_err(|error| chain(&error))?.wanted else { return Ok(None) };
        let document = documents.get(&wanted.sha256).await.map_err(|error| chain(&error))?;
        Ok(document.map(|document| config_news(wanted.version, &document)))
    };
    let found: Result<_, String> = found.await;
    match found {
        Ok(Some(news)) => ServerMessage::Config(news),
        Ok(None) => error_frame(ErrorCode::NoConfig, "the node is to run no configuration".to_owned(), None),
        Err(error) => {
            tracing::error!(connection, outcome = "failed", error, "config");
            error_frame(ErrorCode::Unavailable, "ask again a little later".to_owned(), None)
        }
    }
}

/// The event that the message is.
///
/// # Errors
/// The frame that the node is told instead.
fn read(request: &ApiGatewayWebsocketProxyRequest, connection: &str) -> Result<Asked, ServerMessage> {
    let refuse = |code: ErrorCode, message: String, seq| {
        tracing::info!(connection, seq, outcome = "refused", reason = %code, "check-in");
        error_frame(code, message, seq)
    };
    let text = request.body.as_deref().unwrap_or_default();
    let check_in = match parse_node_message(text) {
        Ok(NodeMessage::CheckIn(check_in)) => check_in,
        Ok(NodeMessage::Config) => return Ok(Asked::Config),
        Ok(_) => return Err(refuse(ErrorCode::UnknownType, "not a message for this route".to_owned(), None)),
        Err(error) => return Err(refuse(error.code, error.message, error.seq)),
    };
    let (seq, ack) = (check_in.seq, check_in.ack);
    let report = rollcall_aws::report(check_in)
        .map_err(|error| refuse(ErrorCode::InvalidField, error.to_string(), Some(seq)))?;
    rollcall_aws::check_in(&request.request_context, seq, ack, report).map(Asked::CheckIn).map_err(|error| {
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
