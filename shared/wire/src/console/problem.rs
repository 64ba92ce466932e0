//! What was wrong with a request.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::DocumentError;
use crate::vocabulary::vocabulary;

/// What was wrong with a request (RFC 9457).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The kind of the problem, as a URI reference: `about:blank`, since the status tells it.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The kind of the problem, for programs. Codes are never renamed or reused.
    pub code: ProblemCode,
    /// What was wrong, for people.
    pub detail: String,
    /// For `version-mismatch`: the version that was made last; 0 if none was. It is the one that is desired, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = u64, required = false))]
    pub current_version: Option<u64>,
}

vocabulary! {
    /// The kind of a problem.
    pub enum ProblemCode {
        /// There is no such path.
        NoRoute,
        /// The path exists, but not with this method.
        MethodNotAllowed,
        /// There is no key, or it is not valid.
        Unauthenticated,
        /// The key may read, but not write.
        Forbidden,
        /// An id, a site, a parameter or a header is not valid, or is not for this request.
        InvalidParameter,
        /// The body is not valid.
        InvalidBody,
        /// The body has a media type or an encoding that is not supported.
        UnsupportedMediaType,
        /// The body is too large.
        TooLarge,
        /// The cursor is not valid, or belongs to another list.
        InvalidCursor,
        /// No such node is registered.
        UnknownNode,
        /// The node's credentials were revoked.
        RevokedNode,
        /// The credential version is lower than the node's. It never goes back.
        CredentialsGoBack,
        /// The node has no command with this number.
        UnknownCommand,
        /// This version of the node's configuration is not remembered, or has no document.
        UnknownVersion,
        /// The version's document was deleted, because no node has used it for long.
        DocumentGone,
        /// No earlier version of the node's configuration is remembered that has another document.
        NoEarlierVersion,
        /// The node has a configuration that was set for it alone, which that of its site does not replace.
        OwnConfig,
        /// No such firmware is known for this model.
        UnknownFirmware,
        /// There is no such endpoint.
        UnknownEndpoint,
        /// The endpoint is disabled. To set it again enables it.
        EndpointDisabled,
        /// There are as many endpoints as there may be.
        TooManyEndpoints,
        /// There is no such rollout.
        UnknownRollout,
        /// Another rollout has this name.
        RolloutTaken,
        /// The rollout is not in a state for this.
        RolloutState,
        /// There are as many rollouts under way as there may be.
        TooManyRollouts,
        /// The idempotency key was used for another request before.
        KeyReused,
        /// The node has as many open commands as it may have.
        QueueFull,
        /// The command was handed out or is over, so it can't be cancelled.
        CommandNotQueued,
        /// Another image has this version.
        FirmwareDiffers,
        /// The firmware version is older than the minimum of the model, or can't be compared with it.
        BelowMinimum,
        /// The model wants signed images, and its public key does not verify the signature of this one.
        UnprovenSignature,
        /// The firmware is for another model, or the node has no model.
        OtherModel,
        /// `If-Match` or `If-None-Match` does not hold: another version is desired now.
        VersionMismatch,
        /// The node was changed since the application compared it.
        NodeChanged,
        /// The request was made for another stack.
        OtherStack,
        /// The table could not be written or read now. Try again a little later.
        Unavailable,
        /// An internal error. The server's log has the details.
        Internal,
    }
}

impl ProblemCode {
    /// The HTTP status of the code, and the status in words (RFC 9110, section 15).
    pub const fn status(self) -> (u16, &'static str) {
        match self {
            Self::InvalidParameter | Self::InvalidBody | Self::InvalidCursor | Self::UnprovenSignature => {
                (400, "Bad Request")
            }
            Self::Unauthenticated => (401, "Unauthorized"),
            Self::Forbidden => (403, "Forbidden"),
            Self::NoRoute
            | Self::UnknownNode
            | Self::UnknownCommand
            | Self::UnknownVersion
            | Self::UnknownFirmware
            | Self::UnknownEndpoint
            | Self::UnknownRollout => (404, "Not Found"),
            Self::MethodNotAllowed => (405, "Method Not Allowed"),
            Self::CredentialsGoBack
            | Self::KeyReused
            | Self::QueueFull
            | Self::CommandNotQueued
            | Self::FirmwareDiffers
            | Self::BelowMinimum
            | Self::EndpointDisabled
            | Self::TooManyEndpoints
            | Self::RolloutTaken
            | Self::RolloutState
            | Self::TooManyRollouts
            | Self::OtherStack
            | Self::NoEarlierVersion
            | Self::OwnConfig
            | Self::OtherModel => (409, "Conflict"),
            Self::RevokedNode | Self::DocumentGone => (410, "Gone"),
            Self::VersionMismatch | Self::NodeChanged => (412, "Precondition Failed"),
            Self::TooLarge => (413, "Content Too Large"),
            Self::UnsupportedMediaType => (415, "Unsupported Media Type"),
            Self::Internal => (500, "Internal Server Error"),
            Self::Unavailable => (503, "Service Unavailable"),
        }
    }
}

/// The code as it is in JSON.
impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl Problem {
    /// A problem of this kind.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        let (status, title) = code.status();
        Self {
            kind: "about:blank".to_owned(),
            title: title.to_owned(),
            status,
            code,
            detail: detail.into(),
            current_version: None,
        }
    }
}

impl From<DocumentError> for Problem {
    fn from(error: DocumentError) -> Self {
        let code = match error {
            DocumentError::TooLarge(_) => ProblemCode::TooLarge,
            DocumentError::Json(_) | DocumentError::WrongHash { .. } => ProblemCode::InvalidBody,
        };
        Self::new(code, error.to_string())
    }
}
