//! Handles a message of a node.

use aws_lambda_events::apigw::{ApiGatewayWebsocketProxyRequest, ApiGatewayWebsocketProxyRequestContext as Context};
use lambda_runtime::Diagnostic;
use rollcall_aws::{
    About, Answer, Connections, Documents, DynamoStore, EventError, Failed, Images, News, RecordError, ack, carry_out,
    chain, config_news, error_frame, failure_frame, identify, record, refusal_frame,
};
use rollcall_core::{Event, EventKind, Node, NodeId, Policy, Refusal, Reply, Timestamp};
use rollcall_wire::{CommandResult, ErrorCode, ErrorMessage, NodeMessage, Question, ServerMessage, parse_node_message};

/// Handles messages, with all that they need.
pub(crate) struct Handler<D, C> {
    pub(crate) store: DynamoStore,
    pub(crate) documents: D,
    pub(crate) images: Images,
    pub(crate) connections: C,
    pub(crate) policy: Policy,
}

/// The purpose of a message.
enum Purpose {
    CheckIn(Box<Event>, Vec<CommandResult>),
    Config,
    FirmwareUrl(String),
    /// The message can't be read, and this is the answer.
    Unreadable(Box<ServerMessage>),
}

/// A message, with its node and its connection.
struct Message<'a> {
    context: &'a Context,
    node: NodeId,
    connection: &'a str,
    at: Timestamp,
}

impl<D: Documents, C: Connections> Handler<D, C> {
    /// Reads the message, records it, carries out the effects, and answers.
    pub(crate) async fn handle(&self, request: ApiGatewayWebsocketProxyRequest) -> Result<Answer, Diagnostic> {
        let message = match Message::of(&request.request_context) {
            Ok(message) => message,
            Err(error) => return Ok(error),
        };
        Ok(match message.read(request.body.as_deref().unwrap_or_default()) {
            Ok(Purpose::CheckIn(event, results)) => self.check_in(&message, *event, &results).await,
            Ok(purpose) => self.ask(&message, purpose).await,
            Err(answer) => answer,
        })
    }

    async fn check_in(&self, message: &Message<'_>, event: Event, results: &[CommandResult]) -> Answer {
        let (node, connection, seq, at) = (&message.node, message.connection, seq(&event), message.at);
        let dropped = event.dropped();
        let recorded = match record(&self.store, event, &self.policy).await {
            Ok(recorded) => recorded,
            Err(error) => return message.failed(seq, &error, Failed::CheckIn),
        };
        carry_out(&self.store, &self.connections, &recorded.effects, &self.policy).await;
        // The answer is sent only after the results that came with the check-in are stored.
        if let Err(error) = self.store.end_commands(node, results, recorded.results, at).await {
            return message.failed(seq, &error.into(), Failed::Results(&recorded.reply));
        }
        let answer = match recorded.reply {
            Reply::Refused(refusal) => return message.refused("check-in", refusal, About::CheckIn(seq)),
            Reply::Ack(terms) => {
                let news = News::read(&terms, node, at, &self.store, &self.documents).await;
                Answer::frame(&ack(seq, &terms, news))
            }
            Reply::Stored | Reply::Known(_) => Answer::status(200),
        };
        tracing::info!(
            %node, connection, seq, outcome = "stored",
            CheckIns = 1, FieldsDropped = dropped,
            WriteUnits = recorded.units.write, ReadUnits = recorded.units.some_read(), "check-in"
        );
        answer
    }

    /// Answers a question of the connection that holds its node. A message that can't be read is counted, too.
    async fn ask(&self, message: &Message<'_>, purpose: Purpose) -> Answer {
        let (what, about) = match &purpose {
            Purpose::Config => ("config", About::Question(Question::Config)),
            Purpose::FirmwareUrl(_) => ("firmware-url", About::Question(Question::FirmwareUrl)),
            Purpose::CheckIn(..) | Purpose::Unreadable(_) => ("message", About::Unreadable),
        };
        let event = rollcall_aws::ask(message.context, rollcall_aws::now());
        let recorded = match event {
            Ok(event) => record(&self.store, event, &self.policy).await,
            Err(error) => return message.unidentified(&error),
        };
        let recorded = match recorded {
            Ok(recorded) => recorded,
            Err(error) => return Answer::frame(&message.unavailable(what, about, &chain(&error))),
        };
        carry_out(&self.store, &self.connections, &recorded.effects, &self.policy).await;
        match (purpose, recorded.reply) {
            (purpose, Reply::Refused(refusal)) => {
                let answer = message.refused(what, refusal, about);
                // The error in the message is told, whether the connection holds the node or not.
                match purpose {
                    Purpose::Unreadable(error) if !matches!(refusal, Refusal::SlowDown { .. }) => Answer::frame(&error),
                    _ => answer,
                }
            }
            (Purpose::Config, Reply::Known(stored)) => Answer::frame(&self.config(message, *stored).await),
            (Purpose::FirmwareUrl(version), Reply::Known(stored)) => {
                Answer::frame(&self.firmware(message, &stored, &version).await)
            }
            (Purpose::Unreadable(error), _) => Answer::frame(&error),
            _ => Answer::status(200),
        }
    }

    /// The node's desired configuration, for a node that got it damaged or lost it.
    async fn config(&self, message: &Message<'_>, stored: Node) -> ServerMessage {
        let about = About::Question(Question::Config);
        let none = || error_frame(ErrorCode::NoConfig, "no configuration is desired for this node".to_owned(), about);
        let Some(desired) = stored.desired else { return none() };
        match self.documents.get(&desired.sha256).await {
            Ok(Some(document)) => ServerMessage::Config(config_news(desired.version, &document, 0)),
            Ok(None) => none(),
            Err(error) => message.unavailable("config", about, &chain(&error)),
        }
    }

    /// The URL of the firmware that the node is to run.
    async fn firmware(&self, message: &Message<'_>, stored: &Node, version: &str) -> ServerMessage {
        let about = About::Question(Question::FirmwareUrl);
        match self.images.of(stored, version, message.at).await {
            Ok(Some(image)) => ServerMessage::FirmwareUrl(image),
            Ok(None) => error_frame(
                ErrorCode::NoFirmware,
                "this firmware version is not desired for this node".to_owned(),
                about,
            ),
            Err(error) => message.unavailable("firmware-url", about, &chain(&error)),
        }
    }
}

impl<'a> Message<'a> {
    /// The node and the connection of a message.
    ///
    /// # Errors
    /// The answer, if the event does not name them.
    fn of(context: &'a Context) -> Result<Self, Answer> {
        let connection = context.connection_id.as_deref().unwrap_or_default();
        let identified = identify(context).and_then(|(node, _)| Ok((node, rollcall_aws::time(context)?)));
        identified.map(|(node, at)| Self { context, node, connection, at }).map_err(|error| {
            tracing::error!(connection, outcome = "failed", error = chain(&error), Failures = 1, "message");
            unknown_connection()
        })
    }

    /// The purpose of the message.
    ///
    /// # Errors
    /// The answer, if the event can't have come from Rollcall's API.
    fn read(&self, text: &str) -> Result<Purpose, Answer> {
        let (node, connection) = (&self.node, self.connection);
        let unreadable = |error: ErrorMessage| {
            let (code, seq) = (error.code, error.seq);
            tracing::info!(%node, connection, seq, outcome = "refused", reason = %code, Refusals = 1, "message");
            Ok(Purpose::Unreadable(Box::new(ServerMessage::Error(error))))
        };
        let mut check_in = match parse_node_message(text) {
            Ok(NodeMessage::CheckIn(check_in)) => check_in,
            Ok(NodeMessage::Config) => return Ok(Purpose::Config),
            Ok(NodeMessage::FirmwareUrl { version }) => return Ok(Purpose::FirmwareUrl(version)),
            Ok(_) => {
                let (code, message) = (ErrorCode::UnknownType, "this message has another route".to_owned());
                return unreadable(ErrorMessage { code, message, seq: None, about: None, stored_seq: None });
            }
            Err(error) => return unreadable(error.into()),
        };
        let (seq, ack, results) = (check_in.seq, check_in.ack, std::mem::take(&mut check_in.results));
        let report = rollcall_aws::report(check_in);
        let event = rollcall_aws::check_in(self.context, rollcall_aws::now(), (seq, ack), report, &results);
        event.map(|event| Purpose::CheckIn(Box::new(event), results)).map_err(|error| self.unidentified(&error))
    }

    fn unidentified(&self, error: &EventError) -> Answer {
        let (node, connection) = (&self.node, self.connection);
        tracing::error!(%node, connection, outcome = "failed", error = chain(error), Failures = 1, "message");
        unknown_connection()
    }

    fn refused(&self, what: &str, refusal: Refusal, about: About) -> Answer {
        let (node, connection, reason) = (&self.node, self.connection, refusal.code());
        let seq = if let About::CheckIn(seq) = about { Some(seq) } else { None };
        tracing::info!(%node, connection, seq, outcome = "refused", reason, Refusals = 1, "{what}");
        Answer::frame(&refusal_frame(refusal, about))
    }

    fn unavailable(&self, what: &str, about: About, error: &str) -> ServerMessage {
        let (node, connection) = (&self.node, self.connection);
        tracing::error!(%node, connection, outcome = "failed", error, Failures = 1, "{what}");
        error_frame(ErrorCode::Unavailable, "ask again a little later".to_owned(), about)
    }

    fn failed(&self, seq: u64, error: &RecordError, failed: Failed<'_>) -> Answer {
        let (node, connection) = (&self.node, self.connection);
        tracing::error!(%node, connection, seq, outcome = "failed", error = chain(error), Failures = 1, "check-in");
        Answer::frame(&failure_frame(error, failed, seq))
    }
}

fn unknown_connection() -> Answer {
    let message = "the server does not know whose connection this is".to_owned();
    Answer::frame(&error_frame(ErrorCode::Internal, message, About::Unreadable))
}

fn seq(event: &Event) -> u64 {
    if let EventKind::CheckIn { seq, .. } = event.kind { seq } else { 0 }
}
