//! What the application sets for a node to run: a configuration and a firmware version.

use crate::admission::{not_revoked, registered};
use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::denied::{Denied, Unanswerable, denied};
use crate::expected::Expected;
use crate::guard::Guard;
use crate::id::{FirmwareVersion, Model, NodeId};
use crate::item::malformed;
use crate::node::{DesiredConfig, Node};
use crate::update::{Change, Outcome, Update};

/// The write that sets a node's desired configuration, if the condition on the version that is desired now holds. A
/// document that is desired already makes no new version.
pub fn set_config(node: &NodeId, sha256: &str, expected: &Expected) -> Update {
    let mut clauses = vec![registered(), not_revoked()];
    clauses.extend(expected.clause(sha256));
    clauses.push(Clause::new(Because::AlreadyDesired, Guard::Differs(A::DesiredHash, sha256.into())));
    let changes = vec![Change::Add(A::DesiredVersion, 1), Change::Set(A::DesiredHash, sha256.into())];
    // An earlier try of this write looks like a document that was desired already, and gets the same answer.
    Update::of_node(node, clauses, Guard::NEVER, changes)
}

/// The result of setting a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// The node as it is stored now.
    pub node: Node,
    /// The configuration that is desired now.
    pub config: DesiredConfig,
    /// Whether a new version was made: false if the document was desired already.
    pub changed: bool,
}

/// The result of [`set_config`]: the configuration that is desired now, or why the request is denied.
///
/// # Errors
/// If the stored item is unreadable, or the refusal is not explained.
pub fn config_set(outcome: Outcome) -> Result<Result<ConfigChange, Denied>, Unanswerable> {
    let (item, changed) = match outcome {
        Outcome::Applied { after } => (after, true),
        Outcome::Refused { stored: Some(stored), because: Some(Because::AlreadyDesired) } => (stored, false),
        Outcome::Refused { stored, because } => return denied(stored.as_ref(), because).map(Err),
    };
    let node = Node::read(&item)?;
    let config = node.desired.clone().ok_or_else(|| malformed(A::DesiredVersion))?;
    Ok(Ok(ConfigChange { node, config, changed }))
}

/// The write that sets the desired firmware version of a node of this model. The node's last update report is removed,
/// so that a version that failed is tried again.
pub fn set_firmware(node: &NodeId, model: &Model, version: &FirmwareVersion) -> Update {
    let of_model = Clause::new(Because::OtherModel, Guard::Equal(A::Model, model.as_str().into()));
    let changes = vec![
        Change::Set(A::DesiredFirmware, version.as_str().into()),
        Change::Remove(A::UpdateVersion),
        Change::Remove(A::UpdateState),
        Change::Remove(A::UpdateDetail),
    ];
    Update::of_node(node, vec![registered(), not_revoked(), of_model], Guard::NEVER, changes)
}

#[cfg(test)]
#[path = "desired_tests.rs"]
mod tests;
