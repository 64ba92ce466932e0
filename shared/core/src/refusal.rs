//! Why an event was refused, as its sender is told.

use crate::id::CredentialVersion;
use crate::policy::Seconds;

/// Why an event was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The node is not registered, and registration is closed.
    #[error("no such node is registered")]
    Unregistered,
    /// The node's credentials were revoked.
    #[error("the node's credentials were revoked")]
    Revoked,
    /// The token has an older credential version than the node.
    #[error("the token's credential version is older than {}", current.0)]
    CredentialsOutdated {
        /// The lowest version that is accepted.
        current: CredentialVersion,
    },
    /// A newer connection holds the node.
    #[error("a newer connection holds the node")]
    Superseded,
    /// The connection has closed. A closed connection never opens again.
    #[error("the connection has closed")]
    Closed,
    /// A check-in with a higher sequence number is stored.
    #[error(
        "a check-in with the higher sequence number {stored} is stored already; only the results of this one are stored"
    )]
    StaleSeq {
        /// The highest sequence number that is stored.
        stored: u64,
    },
    /// The node sent more than its budget allows.
    #[error("the node sends too many messages: none is accepted for {retry_after} s")]
    SlowDown {
        /// For how long the node must send nothing, in seconds.
        retry_after: Seconds,
        /// Whether the node was told so before, and went on.
        again: bool,
    },
    /// The node has changed since the sweep read it.
    #[error("the node has changed since the sweep read it")]
    Changed,
}

impl Refusal {
    /// The refusal's name in logs, metrics and scripts. It is never renamed.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unregistered => "unregistered",
            Self::Revoked => "revoked",
            Self::CredentialsOutdated { .. } => "credentials-outdated",
            Self::Superseded => "superseded",
            Self::Closed => "closed",
            Self::StaleSeq { .. } => "stale-seq",
            Self::SlowDown { .. } => "slow-down",
            Self::Changed => "changed",
        }
    }
}
