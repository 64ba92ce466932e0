//! The decisions of the rules as status codes and frames.

use std::ops::RangeInclusive;

use rollcall_core::{AckTerms, DesiredConfig, NodeId, Refusal, Reply, Timestamp};
use rollcall_wire::{
    Ack, ByeReason, CommandNews, ConfigNews, Document, ErrorCode, ErrorMessage, FirmwareNews, Question, ServerMessage,
};
use serde::Serialize;

use crate::commands::command_news;
use crate::documents::Documents;
use crate::dynamo::DynamoStore;
use crate::error::chain;
use crate::record::RecordError;
use crate::store::StoreError;

/// A function's answer to API Gateway (Amazon API Gateway, "Lambda proxy integrations for WebSocket APIs").
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The HTTP status. Only `$connect` shows it to the client.
    pub status_code: u16,
    /// HTTP headers. Only `$connect` shows them to the client, and only `Sec-WebSocket-Protocol`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<std::collections::BTreeMap<&'static str, String>>,
    /// A frame for the client, where the route has a route response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Answer {
    /// An answer with only a status.
    pub fn status(status_code: u16) -> Self {
        Self { status_code, ..Self::default() }
    }

    /// An answer with a frame.
    pub fn frame(message: &ServerMessage) -> Self {
        Self { status_code: 200, body: Some(text(message)), ..Self::default() }
    }
}

/// The acknowledgement of a check-in, with its news.
pub fn ack(seq: u64, terms: &AckTerms, news: News) -> ServerMessage {
    ServerMessage::Ack(Ack {
        seq,
        next_check_in_s: terms.next_check_in,
        reconnect_within_s: terms.reconnect_within,
        spread_s: terms.spread,
        config: news.config,
        command: news.command,
        firmware: news.firmware,
    })
}

/// What an acknowledgement tells a node besides that its check-in is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// The configuration to run.
    pub config: Option<ConfigNews>,
    /// The command to execute.
    pub command: Option<CommandNews>,
    /// The firmware to run.
    pub firmware: Option<FirmwareNews>,
}

impl News {
    /// Reads the news that the terms of an acknowledgement name. What can't be read now is left for the next check-in.
    pub async fn read(
        terms: &AckTerms,
        node: &NodeId,
        now: Timestamp,
        store: &DynamoStore,
        documents: &impl Documents,
    ) -> Self {
        let command = match &terms.commands {
            Some(numbers) => next_command(store, node, numbers.clone(), now).await,
            None => Ok(None),
        };
        let command = command.unwrap_or_else(|error| {
            tracing::warn!(%node, error = chain(&error), "the next command can't be read now");
            None
        });
        let beside = command.as_ref().map_or(0, |command| json(command).len());
        let config = match &terms.config {
            Some(desired) => config(desired, beside, documents).await,
            None => None,
        };
        let firmware = terms.firmware.clone().map(|version| FirmwareNews { version });
        Self { config, command, firmware }
    }
}

async fn next_command(
    store: &DynamoStore,
    node: &NodeId,
    numbers: RangeInclusive<u64>,
    now: Timestamp,
) -> Result<Option<CommandNews>, StoreError> {
    let command = store.next_command(node, numbers, now).await?;
    command.map(|command| command_news(&command, now)).transpose()
}

async fn config(desired: &DesiredConfig, beside: usize, documents: &impl Documents) -> Option<ConfigNews> {
    match documents.get(&desired.sha256).await {
        Ok(Some(document)) => Some(config_news(desired.version, &document, beside)),
        Ok(None) => {
            tracing::error!(sha256 = desired.sha256, "the document of a desired configuration is missing");
            None
        }
        Err(error) => {
            tracing::warn!(error = chain(&error), "the document of a desired configuration can't be read now");
            None
        }
    }
}

/// The news of a configuration, with its document if that fits a frame with `beside` bytes of other news.
pub fn config_news(version: u64, document: &Document, beside: usize) -> ConfigNews {
    ConfigNews {
        version,
        sha256: document.sha256().to_owned(),
        document: document.fits_a_frame(beside).then(|| document.text().to_owned()),
    }
}

/// The message of a node that an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The check-in with this sequence number.
    CheckIn(u64),
    /// A question.
    Question(Question),
    /// A message that could not be read.
    Unreadable,
}

impl About {
    fn seq(self) -> Option<u64> {
        if let Self::CheckIn(seq) = self { Some(seq) } else { None }
    }

    fn question(self) -> Option<Question> {
        if let Self::Question(question) = self { Some(question) } else { None }
    }
}

/// The frame for a message that was refused.
pub fn refusal_frame(refusal: Refusal, about: About) -> ServerMessage {
    let code = match refusal {
        Refusal::SlowDown { retry_after, .. } => {
            return ServerMessage::SlowDown { retry_after_s: retry_after, seq: about.seq() };
        }
        Refusal::StaleSeq { stored } => {
            let error = error(ErrorCode::StaleSeq, refusal.to_string(), about);
            return ServerMessage::Error(ErrorMessage { stored_seq: Some(stored), ..error });
        }
        Refusal::Unregistered => ErrorCode::Unregistered,
        Refusal::Revoked => ErrorCode::Revoked,
        Refusal::CredentialsOutdated { .. } => ErrorCode::CredentialsOutdated,
        Refusal::Superseded | Refusal::Closed | Refusal::Changed => ErrorCode::NotConnected,
    };
    error_frame(code, refusal.to_string(), about)
}

/// What failed while a check-in was handled.
#[derive(Clone, Copy, Debug)]
pub enum Failed<'a> {
    /// The write of the check-in.
    CheckIn,
    /// The writes of the results that came with the check-in, which itself has this reply.
    Results(&'a Reply),
}

/// The frame for a check-in that may not be stored whole. It says what is known of it, and no more.
pub fn failure_frame(error: &RecordError, failed: Failed<'_>, seq: u64) -> ServerMessage {
    let known = match (failed, error) {
        (Failed::CheckIn, RecordError::Contended) => "the check-in is not stored".to_owned(),
        (Failed::CheckIn, _) => "it is not known whether the check-in is stored".to_owned(),
        (Failed::Results(Reply::Refused(Refusal::StaleSeq { stored })), _) => {
            let stale = format!("a check-in with the higher sequence number {stored} is stored already");
            format!("{stale}; it is not known whether all results of this one are stored, and the rest of it is not")
        }
        (Failed::Results(_), _) => {
            "the check-in is stored, and it is not known whether all of its results are".to_owned()
        }
    };
    let (code, advice) = if error.is_passing() {
        (ErrorCode::Unavailable, "send it again a little later")
    } else {
        (ErrorCode::Internal, "the server's log says why")
    };
    error_frame(code, format!("{known}: {advice}"), About::CheckIn(seq))
}

/// An error frame.
pub fn error_frame(code: ErrorCode, message: String, about: About) -> ServerMessage {
    ServerMessage::Error(error(code, message, about))
}

fn error(code: ErrorCode, message: String, about: About) -> ErrorMessage {
    ErrorMessage { code, message, seq: about.seq(), about: about.question(), stored_seq: None }
}

/// The status of a refused `$connect`.
pub fn status(refusal: Refusal) -> u16 {
    match refusal {
        Refusal::Unregistered | Refusal::Revoked | Refusal::CredentialsOutdated { .. } => 403,
        Refusal::Superseded | Refusal::Closed | Refusal::StaleSeq { .. } | Refusal::Changed => 409,
        Refusal::SlowDown { .. } => 429,
    }
}

/// Why a connection is dismissed.
pub fn bye_reason(refusal: Refusal) -> ByeReason {
    match refusal {
        Refusal::Superseded => ByeReason::Superseded,
        Refusal::Unregistered => ByeReason::Unregistered,
        Refusal::Revoked | Refusal::CredentialsOutdated { .. } => ByeReason::Revoked,
        Refusal::SlowDown { .. } => ByeReason::SlowDown,
        Refusal::Closed | Refusal::StaleSeq { .. } | Refusal::Changed => ByeReason::Closed,
    }
}

/// The message to a connection that is dismissed.
pub fn bye(refusal: Refusal) -> ServerMessage {
    let retry_after_s = if let Refusal::SlowDown { retry_after, .. } = refusal { Some(retry_after) } else { None };
    ServerMessage::Bye { reason: bye_reason(refusal), retry_after_s }
}

/// A message as its JSON text.
pub fn text(message: &ServerMessage) -> String {
    json(message)
}

fn json(message: &impl Serialize) -> String {
    // Plain structs with text keys can always be written as JSON.
    serde_json::to_string(message).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rollcall_core::CredentialVersion;

    use super::*;
    use crate::store::StoreError;

    fn said(message: ServerMessage) -> (ErrorCode, String) {
        match message {
            ServerMessage::Error(error) => (error.code, error.message),
            other => panic!("no error: {other:?}"),
        }
    }

    #[test]
    fn whoever_is_not_let_in_is_told_why() {
        let outdated = Refusal::CredentialsOutdated { current: CredentialVersion(3) };
        for (refusal, code, message) in [
            (Refusal::Unregistered, ErrorCode::Unregistered, "no such node is registered"),
            (Refusal::Revoked, ErrorCode::Revoked, "the node's credentials were revoked"),
            (outdated, ErrorCode::CredentialsOutdated, "the token's credential version is older than 3"),
        ] {
            assert_eq!(said(refusal_frame(refusal, About::CheckIn(1))), (code, message.to_owned()));
            assert_eq!((status(refusal), refusal.code()), (403, code.to_string().as_str()), "one name for all of it");
        }
    }

    #[test]
    fn an_error_says_which_message_it_is_about() {
        let names = |about| match refusal_frame(Refusal::Superseded, about) {
            ServerMessage::Error(error) => (error.seq, error.about),
            other => panic!("no error: {other:?}"),
        };
        assert_eq!(names(About::CheckIn(3)), (Some(3), None));
        assert_eq!(names(About::Question(Question::Config)), (None, Some(Question::Config)));
        assert_eq!(names(About::Unreadable), (None, None));
    }

    #[test]
    fn a_failure_says_what_is_known_and_no_more() {
        let throttled = || RecordError::from(StoreError::Throttled("slow".into()));
        let rejected = RecordError::from(StoreError::Rejected("denied".into()));
        let said = |failure: &RecordError, failed: Failed<'_>| said(failure_frame(failure, failed, 4));
        let unknown = "it is not known whether the check-in is stored";
        assert_eq!(
            said(&throttled(), Failed::CheckIn),
            (ErrorCode::Unavailable, format!("{unknown}: send it again a little later"))
        );
        assert_eq!(
            said(&rejected, Failed::CheckIn),
            (ErrorCode::Internal, format!("{unknown}: the server's log says why"))
        );
        assert!(said(&RecordError::Contended, Failed::CheckIn).1.starts_with("the check-in is not stored: "));
        let results = said(&throttled(), Failed::Results(&Reply::Stored)).1;
        assert!(results.starts_with("the check-in is stored, and it is not known whether all of its"), "{results}");
        let stale = Reply::Refused(Refusal::StaleSeq { stored: 7 });
        let stale = said(&throttled(), Failed::Results(&stale)).1;
        assert!(stale.contains("number 7 is stored") && stale.contains("the rest of it is not: send"), "{stale}");
    }
}
