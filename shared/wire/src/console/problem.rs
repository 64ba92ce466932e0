//! What was wrong with a request.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::DocumentError;

/// What was wrong with a request (RFC 9457).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// What kind of problem, as a URI reference: `about:blank`, the status says it all.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What kind of problem, for programs. Codes are never renamed or reused.
    pub code: ProblemCode,
    /// What was wrong, for people.
    pub detail: String,
    /// For [`ProblemCode::VersionMismatch`]: the version that is desired now; 0 if none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_version: Option<u64>,
}

/// What was wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ProblemCode {
    /// There is no such path.
    NoRoute,
    /// The path exists, and not with this method.
    MethodNotAllowed,
    /// There is no key, or it is not one of ours.
    Unauthenticated,
    /// The key may read, and not write.
    Forbidden,
    /// An id, a site, a parameter or a header can't be one, or is not for this request.
    InvalidParameter,
    /// The body is not what it must be.
    InvalidBody,
    /// The body is of a type or encoding that is not read here.
    UnsupportedMediaType,
    /// The body is too large.
    TooLarge,
    /// The cursor is not one of ours, or belongs to another list.
    InvalidCursor,
    /// No such node is registered.
    UnknownNode,
    /// The node's credentials were revoked.
    RevokedNode,
    /// Credential versions never go back.
    CredentialsGoBack,
    /// The node has no command with this number.
    UnknownCommand,
    /// No such firmware is known for this model.
    UnknownFirmware,
    /// The same idempotency key came with another request before.
    KeyReused,
    /// The node has as many open commands as it may have.
    QueueFull,
    /// The command was handed out, or is over: it can't be taken back.
    CommandNotQueued,
    /// Another image is known by this version.
    FirmwareDiffers,
    /// The node is of another model than the firmware is for, or of none.
    OtherModel,
    /// `If-Match` or `If-None-Match` does not hold: another version is desired now.
    VersionMismatch,
    /// It could not be stored or read now: try again a little later.
    Unavailable,
    /// A mistake of ours: the log says which.
    Internal,
}

impl ProblemCode {
    /// Its HTTP status, and the status in words (RFC 9110, section 15).
    pub const fn status(self) -> (u16, &'static str) {
        match self {
            Self::InvalidParameter | Self::InvalidBody | Self::InvalidCursor => (400, "Bad Request"),
            Self::Unauthenticated => (401, "Unauthorized"),
            Self::Forbidden => (403, "Forbidden"),
            Self::NoRoute | Self::UnknownNode | Self::UnknownCommand | Self::UnknownFirmware => (404, "Not Found"),
            Self::MethodNotAllowed => (405, "Method Not Allowed"),
            Self::CredentialsGoBack
            | Self::KeyReused
            | Self::QueueFull
            | Self::CommandNotQueued
            | Self::FirmwareDiffers
            | Self::OtherModel => (409, "Conflict"),
            Self::RevokedNode => (410, "Gone"),
            Self::VersionMismatch => (412, "Precondition Failed"),
            Self::TooLarge => (413, "Content Too Large"),
            Self::UnsupportedMediaType => (415, "Unsupported Media Type"),
            Self::Internal => (500, "Internal Server Error"),
            Self::Unavailable => (503, "Service Unavailable"),
        }
    }
}

/// As programs know it.
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
