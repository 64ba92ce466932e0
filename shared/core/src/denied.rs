//! Why a request of the application is denied.

use crate::clause::Because;
use crate::id::CredentialVersion;
use crate::item::{Item, Malformed};
use crate::limits::COMMANDS_OPEN;
use crate::node::Node;
use crate::update::Outcome;

/// Why a request of the application is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No such node is registered.
    #[error("no such node is registered")]
    Unknown,
    /// The node's credentials were revoked.
    #[error("the node's credentials were revoked; registering it with a higher credential version lets it back in")]
    Revoked,
    /// The credential version is lower than the node's. It never goes back.
    #[error("the node's credential version is {} already", current.0)]
    CredentialsGoBack {
        /// The lowest version that is accepted.
        current: CredentialVersion,
    },
    /// The condition of the request does not hold: another version is desired.
    #[error("the node's configuration is at version {current}")]
    Stale {
        /// The version that was made last; 0 if there was none.
        current: u64,
    },
    /// The configuration that is desired was set for the node alone, and that of a site does not replace it.
    #[error("the node has a configuration of its own, which that of its site does not replace")]
    OwnConfig,
    /// What is desired of the node was changed since it was read.
    #[error("the node was changed since it was compared")]
    Changed,
    /// The firmware is for another model, or the node has no model.
    #[error("the node's model is not the one that this firmware is for")]
    OtherModel,
    /// The node has too many open commands.
    #[error("the node has {COMMANDS_OPEN} open commands already")]
    QueueFull,
}

/// An outcome that the rules have no answer for: the store or its contents are broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    /// The stored item is unreadable.
    #[error("the node's item is unreadable")]
    Malformed(#[from] Malformed),
    /// No clause of the write explains why the store refused it.
    #[error("the write was refused for no reason that it has")]
    Unexplained,
}

/// The result of a write that the application asked for, such as [`register`](crate::register()),
/// [`revoke`](crate::revoke()) or [`set_firmware`](crate::set_firmware()): the node, or why the request is denied.
///
/// # Errors
/// If the stored item is unreadable, or the refusal is not explained.
pub fn granted(outcome: Outcome) -> Result<Result<Node, Denied>, Unanswerable> {
    match outcome {
        Outcome::Applied { after } => Ok(Ok(Node::read(&after)?)),
        Outcome::Refused { stored, because } => denied(stored.as_ref(), because).map(Err),
    }
}

/// Why a request is denied whose write was refused.
pub(crate) fn denied(stored: Option<&Item>, because: Option<Because>) -> Result<Denied, Unanswerable> {
    let node = stored.map(Node::read).transpose()?;
    Ok(match because {
        Some(Because::Unregistered) => Denied::Unknown,
        Some(Because::Revoked) => Denied::Revoked,
        Some(Because::CredentialsGoBack) => {
            let current = node.and_then(|node| node.credentials).ok_or(Unanswerable::Unexplained)?;
            Denied::CredentialsGoBack { current }
        }
        Some(Because::OtherVersion) => Denied::Stale { current: node.map_or(0, |node| node.config_version) },
        Some(Because::OwnConfig) => Denied::OwnConfig,
        Some(Because::DesiredChanged | Because::CommandsChanged | Because::NumbersHigher) => Denied::Changed,
        Some(Because::OtherModel) => Denied::OtherModel,
        _ => return Err(Unanswerable::Unexplained),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_without_a_reason_is_not_taken_for_a_denial() {
        for because in [None, Some(Because::StaleSeq)] {
            assert_eq!(granted(Outcome::Refused { stored: None, because }), Err(Unanswerable::Unexplained));
        }
    }
}
