//! One message of a node.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::Diagnostic;
use rollcall_aws::{
    Answer, Connections, Documents, DynamoStore, Images, News, RecordError, Store as _, ack, carry_out, chain,
    config_news, error_frame, identify, record, refusal_frame,
};
use rollcall_core::{Event, EventKind, Node, NodeId, Policy, Reply};
use rollcall_wire::{CommandResult, ErrorCode, NodeMessage, ServerMessage, parse_node_message};

/// What check-ins need.
pub(crate) struct Handler<D, C> {
    pub(crate) store: DynamoStore,
    pub(crate) documents: D,
    pub(crate) images: Images,
    pub(crate) connections: C,
    pub(crate) policy: Policy,
}

/// What a node asks for.
enum Asked {
    CheckIn(Box<Event>, Vec<CommandResult>),
    Config,
    FirmwareUrl(String),
}

impl<D: Documents, C: Connections> Handler<D, C> {
    /// Reads the message, records it, carries out what follows, and answers.
    pub(crate) async fn handle(&self, request: ApiGatewayWebsocketProxyRequest) -> Result<Answer, Diagnostic> {
        let connection = request.request_context.connection_id.clone().unwrap_or_default();
        Ok(match read(&request, &connection) {
            Ok(Asked::CheckIn(event, results)) => self.check_in(*event, &results, &connection).await,
            Ok(Asked::Config) => Answer::frame(&self.config(&request, &connection).await),
            Ok(Asked::FirmwareUrl(version)) => Answer::frame(&self.firmware(&request, &connection, &version).await),
            Err(answer) => answer,
        })
    }

    async fn check_in(&self, event: Event, results: &[CommandResult], connection: &str) -> Answer {
        let (node, seq, at, dropped) = (event.node.clone(), seq(&event), event.at, event.dropped());
        let recorded = match record(&self.store, event, &self.policy).await {
            Ok(recorded) => recorded,
            Err(error) => {
                failed(&node, connection, seq, &error);
                return Answer::frame(&failure(&error, seq));
            }
        };
        carry_out(&self.connections, &recorded.effects).await;
        if let Reply::Refused(refusal) = recorded.reply {
            let reason = refusal.code();
            tracing::info!(%node, connection, seq, outcome = "refused", reason, Refusals = 1, "check-in");
            return Answer::frame(&refusal_frame(refusal, seq));
        }
        // Nothing is acknowledged that is not stored, and results come with the check-in.
        if let Err(error) = self.store.end_commands(&node, results, at).await {
            let error = error.into();
            failed(&node, connection, seq, &error);
            return Answer::frame(&failure(&error, seq));
        }
        let answer = match recorded.reply {
            Reply::Ack(terms) => {
                let news = News::read(&terms, &node, at, &self.store, &self.documents).await;
                Answer::frame(&ack(seq, &terms, news))
            }
            Reply::Stored | Reply::Refused(_) => Answer::status(200),
        };
        tracing::info!(
            %node, connection, seq, outcome = "stored",
            CheckIns = 1, FieldsDropped = dropped,
            WriteUnits = recorded.units.write, ReadUnits = recorded.units.some_read(), "check-in"
        );
        answer
    }

    /// The node's configuration again: for one that got it damaged, or lost it.
    async fn config(&self, request: &ApiGatewayWebsocketProxyRequest, connection: &str) -> ServerMessage {
        let found = async {
            let Some(wanted) = self.stored(request).await?.wanted else { return Ok(None) };
            let document = self.documents.get(&wanted.sha256).await.map_err(|error| chain(&error))?;
            Ok(document.map(|document| config_news(wanted.version, &document, 0)))
        };
        let found: Result<_, String> = found.await;
        match found {
            Ok(Some(news)) => ServerMessage::Config(news),
            Ok(None) => error_frame(ErrorCode::NoConfig, "the node is to run no configuration".to_owned(), None),
            Err(error) => unavailable(connection, "config", &error),
        }
    }

    /// Where the firmware is that the node is to run.
    async fn firmware(
        &self,
        request: &ApiGatewayWebsocketProxyRequest,
        connection: &str,
        version: &str,
    ) -> ServerMessage {
        let found = async {
            let stored = self.stored(request).await?;
            let now = rollcall_aws::time(&request.request_context).map_err(|error| chain(&error))?;
            self.images.of(&stored, version, now).await.map_err(|error| chain(&error))
        };
        let found: Result<_, String> = found.await;
        match found {
            Ok(Some(image)) => ServerMessage::FirmwareUrl(image),
            Ok(None) => {
                error_frame(ErrorCode::NoFirmware, "the node is to run no firmware of this version".to_owned(), None)
            }
            Err(error) => unavailable(connection, "firmware-url", &error),
        }
    }

    /// The node that asks.
    async fn stored(&self, request: &ApiGatewayWebsocketProxyRequest) -> Result<Node, String> {
        let (node, _) = identify(&request.request_context).map_err(|error| chain(&error))?;
        let item = self.store.read(&node).await.map_err(|error| chain(&error))?.unwrap_or_default();
        Node::read(&item).map_err(|error| chain(&error))
    }
}

fn unavailable(connection: &str, asked: &str, error: &str) -> ServerMessage {
    tracing::error!(connection, outcome = "failed", error, Failures = 1, "{asked}");
    error_frame(ErrorCode::Unavailable, "ask again a little later".to_owned(), None)
}

/// The event that the message is.
///
/// # Errors
/// What the node is told instead.
fn read(request: &ApiGatewayWebsocketProxyRequest, connection: &str) -> Result<Asked, Answer> {
    let refuse = |code: ErrorCode, message: String, seq| {
        tracing::info!(connection, seq, outcome = "refused", reason = %code, Refusals = 1, "check-in");
        Answer::frame(&error_frame(code, message, seq))
    };
    let text = request.body.as_deref().unwrap_or_default();
    let mut check_in = match parse_node_message(text) {
        Ok(NodeMessage::CheckIn(check_in)) => check_in,
        Ok(NodeMessage::Config) => return Ok(Asked::Config),
        Ok(NodeMessage::FirmwareUrl { version }) => return Ok(Asked::FirmwareUrl(version)),
        Ok(_) => return Err(refuse(ErrorCode::UnknownType, "not a message for this route".to_owned(), None)),
        Err(error) => return Err(refuse(error.code, error.message, error.seq)),
    };
    let (seq, ack, results) = (check_in.seq, check_in.ack, std::mem::take(&mut check_in.results));
    let event = rollcall_aws::check_in(&request.request_context, seq, ack, rollcall_aws::report(check_in));
    event.map(|event| Asked::CheckIn(Box::new(event), results)).map_err(|error| {
        tracing::error!(connection, seq, outcome = "failed", error = chain(&error), Failures = 1, "check-in");
        let message = "the server does not know whose connection this is".to_owned();
        Answer::frame(&error_frame(ErrorCode::Internal, message, Some(seq)))
    })
}

fn failed(node: &NodeId, connection: &str, seq: u64, error: &RecordError) {
    tracing::error!(%node, connection, seq, outcome = "failed", error = chain(error), Failures = 1, "check-in");
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
