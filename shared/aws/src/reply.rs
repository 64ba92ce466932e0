//! What the rules decided, as status codes and frames.

use rollcall_core::{AckTerms, Refusal};
use rollcall_wire::{Ack, ByeReason, ConfigNews, Document, ErrorCode, ErrorMessage, ServerMessage};
use serde::Serialize;

use crate::documents::Documents;
use crate::error::chain;

/// A function's answer to API Gateway (Amazon API Gateway, "Lambda proxy integrations for WebSocket APIs").
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The HTTP status; only `$connect` shows it to the client.
    pub status_code: u16,
    /// HTTP headers; only `$connect` shows them, and of those only `Sec-WebSocket-Protocol`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<std::collections::BTreeMap<&'static str, String>>,
    /// A frame for the client, where the route has a route response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Answer {
    /// Nothing but a status.
    pub fn status(status_code: u16) -> Self {
        Self { status_code, ..Self::default() }
    }

    /// A frame.
    pub fn frame(message: &ServerMessage) -> Self {
        Self { status_code: 200, body: Some(text(message)), ..Self::default() }
    }
}

/// The acknowledgement of a check-in, with the news that go with it.
pub fn ack(seq: u64, terms: &AckTerms, news: News) -> ServerMessage {
    ServerMessage::Ack(Ack {
        seq,
        next_check_in_s: terms.next_check_in,
        reconnect_within_s: terms.reconnect_within,
        spread_s: terms.spread,
        config: news.config,
        command: None,
        firmware: None,
    })
}

/// What a node is told besides that its check-in is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// The configuration to run.
    pub config: Option<ConfigNews>,
}

impl News {
    /// What the terms of an acknowledgement promise. A document that can't be read now is left for the next check-in.
    pub async fn read(terms: &AckTerms, documents: &impl Documents) -> Self {
        let Some(wanted) = &terms.config else { return Self::default() };
        match documents.get(&wanted.sha256).await {
            Ok(Some(document)) => Self { config: Some(config_news(wanted.version, &document)) },
            Ok(None) => {
                tracing::error!(sha256 = wanted.sha256, "a configuration that is wanted has no document");
                Self::default()
            }
            Err(error) => {
                tracing::warn!(error = chain(&error), "a configuration can't be read now");
                Self::default()
            }
        }
    }
}

/// News of a configuration, with its document if that fits a frame.
pub fn config_news(version: u64, document: &Document) -> ConfigNews {
    ConfigNews {
        version,
        sha256: document.sha256().to_owned(),
        document: document.fits_a_frame().then(|| document.text().to_owned()),
    }
}

/// The frame for a check-in that changed nothing.
pub fn refusal_frame(refusal: Refusal, seq: u64) -> ServerMessage {
    let code = match refusal {
        Refusal::StaleSeq { .. } => ErrorCode::StaleSeq,
        Refusal::Superseded
        | Refusal::Closed
        | Refusal::Unregistered
        | Refusal::Revoked
        | Refusal::CredentialsOutdated { .. }
        | Refusal::Changed => ErrorCode::NotConnected,
    };
    error_frame(code, refusal.to_string(), Some(seq))
}

/// An error frame.
pub fn error_frame(code: ErrorCode, message: String, seq: Option<u64>) -> ServerMessage {
    ServerMessage::Error(ErrorMessage { code, message, seq })
}

/// The status of a refused `$connect`.
pub fn status(refusal: Refusal) -> u16 {
    match refusal {
        Refusal::Unregistered | Refusal::Revoked | Refusal::CredentialsOutdated { .. } => 403,
        Refusal::Superseded | Refusal::Closed | Refusal::StaleSeq { .. } | Refusal::Changed => 409,
    }
}

/// Why a connection is dismissed.
pub fn bye_reason(refusal: Refusal) -> ByeReason {
    match refusal {
        Refusal::Superseded => ByeReason::Superseded,
        Refusal::Unregistered => ByeReason::Unregistered,
        Refusal::Revoked | Refusal::CredentialsOutdated { .. } => ByeReason::Revoked,
        Refusal::Closed | Refusal::StaleSeq { .. } | Refusal::Changed => ByeReason::Closed,
    }
}

pub(crate) fn bye(refusal: Refusal) -> String {
    text(&ServerMessage::Bye { reason: bye_reason(refusal) })
}

/// A message as it goes over the wire.
pub fn text(message: &ServerMessage) -> String {
    // Of plain structs with text keys, which always can be written.
    serde_json::to_string(message).unwrap_or_default()
}
