//! The decisions of the rules as status codes and frames.

use rollcall_core::Refusal;
use rollcall_wire::{ByeReason, ErrorCode, ErrorMessage, Question, ServerMessage};
use serde::Serialize;

/// The message of a node that an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
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
pub(crate) fn refusal_frame(refusal: Refusal, about: About) -> ServerMessage {
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

/// An error frame.
pub(crate) fn error_frame(code: ErrorCode, message: String, about: About) -> ServerMessage {
    ServerMessage::Error(error(code, message, about))
}

fn error(code: ErrorCode, message: String, about: About) -> ErrorMessage {
    ErrorMessage { code, message, seq: about.seq(), about: about.question(), stored_seq: None }
}

/// The status of a refused `$connect`.
pub(crate) fn status(refusal: Refusal) -> u16 {
    match refusal {
        Refusal::Unregistered | Refusal::Revoked | Refusal::CredentialsOutdated { .. } => 403,
        Refusal::Superseded | Refusal::Closed | Refusal::StaleSeq { .. } | Refusal::Changed => 409,
        Refusal::SlowDown { .. } => 429,
    }
}

/// Why a connection is dismissed.
pub(crate) fn bye_reason(refusal: Refusal) -> ByeReason {
    match refusal {
        Refusal::Superseded => ByeReason::Superseded,
        Refusal::Unregistered => ByeReason::Unregistered,
        Refusal::Revoked | Refusal::CredentialsOutdated { .. } => ByeReason::Revoked,
        Refusal::SlowDown { .. } => ByeReason::SlowDown,
        Refusal::Closed | Refusal::StaleSeq { .. } | Refusal::Changed => ByeReason::Closed,
    }
}

/// The message to a connection that is dismissed.
pub(crate) fn bye(refusal: Refusal) -> ServerMessage {
    let retry_after_s = if let Refusal::SlowDown { retry_after, .. } = refusal { Some(retry_after) } else { None };
    ServerMessage::Bye { reason: bye_reason(refusal), retry_after_s }
}

/// A message as its JSON text.
pub(crate) fn text(message: &ServerMessage) -> String {
    json(message)
}

pub(crate) fn json(message: &impl Serialize) -> String {
    // Plain structs with text keys can always be written as JSON.
    serde_json::to_string(message).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rollcall_core::CredentialVersion;

    use super::*;

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
}
