//! Handles a message of a connected node.

use rollcall_core::{EventKind, Node, Refusal, Reply};
use rollcall_wire::{CheckIn, ErrorCode, ErrorMessage, NodeMessage, Question, ServerMessage, parse_node_message};

use crate::check_in::{CheckIns, Failure, Said};
use crate::connections::Connections;
use crate::error::chain;
use crate::firmware::Signer;
use crate::news::config_news;
use crate::record::{carry_out, record};
use crate::reply::{About, error_frame, refusal_frame};
use crate::report::report;
use crate::socket::{Answer, Socket};
use crate::store::Store;

/// The purpose of a message that is no check-in.
enum Purpose {
    Config,
    /// Where the image of this version is, and the delta to it from another version if the node named one.
    FirmwareUrl(String, Option<String>),
    /// The message can't be read, and this is the answer.
    Unreadable(Box<ServerMessage>),
}

impl<S: Store, G: Signer> CheckIns<S, G> {
    /// Reads a message, records it, carries out the effects, and answers.
    pub async fn message(&self, socket: &Socket, text: &str, connections: &impl Connections) -> Answer {
        let purpose = match parse_node_message(text) {
            Ok(NodeMessage::CheckIn(check_in)) => return self.checked_in(socket, check_in, connections).await,
            Ok(NodeMessage::Config) => Purpose::Config,
            Ok(NodeMessage::FirmwareUrl { version, from }) => Purpose::FirmwareUrl(version, from),
            Ok(_) => {
                let (code, message) = (ErrorCode::UnknownType, "this message has another route".to_owned());
                socket.unreadable(ErrorMessage { code, message, seq: None, about: None, stored_seq: None })
            }
            Err(error) => socket.unreadable(error.into()),
        };
        self.ask(socket, purpose, connections).await
    }

    async fn checked_in(&self, socket: &Socket, mut check_in: CheckIn, connections: &impl Connections) -> Answer {
        let (seq, ack, results) = (check_in.seq, check_in.ack, std::mem::take(&mut check_in.results));
        let event = socket.event(EventKind::CheckIn {
            connection: socket.connection.clone(),
            credentials: socket.credentials,
            received: socket.at,
            seq,
            ack,
            report: report(check_in),
            results: u32::try_from(results.len()).unwrap_or(u32::MAX),
        });
        let dropped = event.dropped();
        let checked_in = match self.check_in(connections, seq, event, &results).await {
            Ok(checked_in) => checked_in,
            Err(failure) => return socket.failed(seq, &failure),
        };
        let answer = match checked_in.said {
            Said::Refused(refusal) => return socket.refused("check-in", refusal, About::CheckIn(seq)),
            Said::Ack(ack, _) => Answer::frame(&ack),
            Said::Nothing => Answer::status(200),
        };
        let (node, connection, units) = (&socket.node, &socket.connection.id, checked_in.units);
        tracing::info!(
            %node, %connection, seq, outcome = "stored",
            CheckIns = 1, FieldsDropped = dropped,
            WriteUnits = units.write, ReadUnits = units.some_read(), "check-in"
        );
        answer
    }

    /// Answers a question of the connection that holds its node. A message that can't be read is counted, too.
    async fn ask(&self, socket: &Socket, purpose: Purpose, connections: &impl Connections) -> Answer {
        let (what, about) = match &purpose {
            Purpose::Config => ("config", About::Question(Question::Config)),
            Purpose::FirmwareUrl(..) => ("firmware-url", About::Question(Question::FirmwareUrl)),
            Purpose::Unreadable(_) => ("message", About::Unreadable),
        };
        let (connection, credentials) = (socket.connection.clone(), socket.credentials);
        let event = socket.event(EventKind::Ask { connection, credentials });
        let recorded = match record(&self.store, event, &self.policy).await {
            Ok(recorded) => recorded,
            Err(error) => return Answer::frame(&socket.unavailable(what, about, &chain(&error))),
        };
        carry_out(&self.store, connections, &recorded.effects, &self.policy).await;
        match (purpose, recorded.reply) {
            (purpose, Reply::Refused(refusal)) => {
                let answer = socket.refused(what, refusal, about);
                // The error in the message is told, whether the connection holds the node or not.
                match purpose {
                    Purpose::Unreadable(error) if !matches!(refusal, Refusal::SlowDown { .. }) => Answer::frame(&error),
                    _ => answer,
                }
            }
            (Purpose::Config, Reply::Known(stored)) => Answer::frame(&self.config(socket, *stored).await),
            (Purpose::FirmwareUrl(version, from), Reply::Known(stored)) => {
                Answer::frame(&self.firmware(socket, &stored, (&version, from.as_deref())).await)
            }
            (Purpose::Unreadable(error), _) => Answer::frame(&error),
            _ => Answer::status(200),
        }
    }

    /// The node's desired configuration, for a node that got it damaged or lost it.
    async fn config(&self, socket: &Socket, stored: Node) -> ServerMessage {
        let about = About::Question(Question::Config);
        let none = || error_frame(ErrorCode::NoConfig, "no configuration is desired for this node".to_owned(), about);
        let Some(desired) = stored.desired else { return none() };
        match self.documents.get(&self.store, &desired.sha256).await {
            Ok(Some(document)) => ServerMessage::Config(config_news(desired.version, &document, 0)),
            Ok(None) => none(),
            Err(error) => socket.unavailable("config", about, &chain(&error)),
        }
    }

    /// The URL of the firmware that the node is to run.
    async fn firmware(&self, socket: &Socket, stored: &Node, asked: (&str, Option<&str>)) -> ServerMessage {
        let about = About::Question(Question::FirmwareUrl);
        match self.images.of(&self.store, stored, asked, socket.at).await {
            Ok(Some(image)) => ServerMessage::FirmwareUrl(image),
            Ok(None) => error_frame(
                ErrorCode::NoFirmware,
                "this firmware version is not desired for this node".to_owned(),
                about,
            ),
            Err(error) => socket.unavailable("firmware-url", about, &chain(&error)),
        }
    }
}

/// The answer to a message whose event does not say which connection it is from.
pub fn unknown_connection() -> Answer {
    let message = "the server does not know whose connection this is".to_owned();
    Answer::frame(&error_frame(ErrorCode::Internal, message, About::Unreadable))
}

impl Socket {
    fn unreadable(&self, error: ErrorMessage) -> Purpose {
        let (node, connection, code, seq) = (&self.node, &self.connection.id, error.code, error.seq);
        tracing::info!(%node, %connection, seq, outcome = "refused", reason = %code, Refusals = 1, "message");
        Purpose::Unreadable(Box::new(ServerMessage::Error(error)))
    }

    fn refused(&self, what: &str, refusal: Refusal, about: About) -> Answer {
        let (node, connection, reason) = (&self.node, &self.connection.id, refusal.code());
        let seq = if let About::CheckIn(seq) = about { Some(seq) } else { None };
        tracing::info!(%node, %connection, seq, outcome = "refused", reason, Refusals = 1, "{what}");
        Answer::frame(&refusal_frame(refusal, about))
    }

    fn unavailable(&self, what: &str, about: About, error: &str) -> ServerMessage {
        let (node, connection) = (&self.node, &self.connection.id);
        tracing::error!(%node, %connection, outcome = "failed", error, Failures = 1, "{what}");
        error_frame(ErrorCode::Unavailable, "ask again a little later".to_owned(), about)
    }

    fn failed(&self, seq: u64, failure: &Failure) -> Answer {
        let (node, connection, error) = (&self.node, &self.connection.id, chain(&failure.error));
        tracing::error!(%node, %connection, seq, outcome = "failed", error, Failures = 1, "check-in");
        Answer::frame(&failure.frame(seq))
    }
}
