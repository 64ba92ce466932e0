//! What the application sets for a node to run: a configuration and a firmware version.

use crate::admission::{not_revoked, registered};
use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::denied::{Denied, Unanswerable, denied};
use crate::expected::Expected;
use crate::guard::Guard;
use crate::id::{FirmwareVersion, Model, NodeId};
use crate::item::malformed;
use crate::node::{DesiredConfig, Node, Origin};
use crate::update::{Change, Outcome, Update};

/// The write that sets a node's desired configuration for the node alone, if the condition on the version that is desired
/// now holds. A document that is desired already makes no new version.
pub fn set_config(node: &NodeId, sha256: &str, expected: &Expected) -> Update {
    desire(node, sha256, expected, vec![], Origin::Node)
}

/// The write that sets a node's desired configuration for the site that it is at. A configuration that was set for the node
/// alone stays, unless it is to be replaced.
pub fn set_site_config(node: &NodeId, sha256: &str, replaces_own: bool) -> Update {
    let not_own = Guard::Any(vec![Guard::Missing(A::DesiredHash), Guard::Exists(A::SiteConfig)]);
    let clauses = if replaces_own { vec![] } else { vec![Clause::new(Because::OwnConfig, not_own)] };
    desire(node, sha256, &Expected::default(), clauses, Origin::Site)
}

/// The write that makes an earlier version's document desired again, in a new version, as it was set then: for the node or
/// for its site. It is refused if another version than `from` was made last: the earlier one was chosen by that.
pub fn roll_back_config(node: &NodeId, sha256: &str, from: u64, origin: Origin) -> Update {
    desire(node, sha256, &Expected::version(from), vec![], origin)
}

/// The write that tells a node its desired document once more, in a new version: the node has refused the version before. It
/// is refused unless this version of this document is desired; a second one makes no further version.
pub fn desire_config_again(node: &NodeId, sha256: &str, version: u64) -> Update {
    let desired = |version: u64| {
        Guard::All(vec![Guard::Equal(A::DesiredVersion, version.into()), Guard::Equal(A::DesiredHash, sha256.into())])
    };
    let clauses = vec![registered(), not_revoked(), Clause::new(Because::OtherVersion, desired(version))];
    Update::of_node(node, clauses, desired(version + 1), vec![Change::Add(A::DesiredVersion, 1)])
}

fn desire(node: &NodeId, sha256: &str, expected: &Expected, further: Vec<Clause>, origin: Origin) -> Update {
    let mut clauses = vec![registered(), not_revoked()];
    clauses.extend(expected.clause(Guard::Equal(A::DesiredHash, sha256.into())));
    clauses.push(Clause::new(Because::AlreadyDesired, Guard::Differs(A::DesiredHash, sha256.into())));
    clauses.extend(further);
    let for_site = (origin == Origin::Site).then(|| 1_u32.into());
    let changes = vec![
        Change::Add(A::DesiredVersion, 1),
        Change::Set(A::DesiredHash, sha256.into()),
        Change::set_or_remove(A::SiteConfig, for_site),
    ];
    // An earlier try of this write looks like a document that was desired already, and gets the same answer.
    Update::of_node(node, clauses, Guard::NEVER, changes)
}

/// The write that makes no configuration desired of a node any more, if the condition on the version that is desired now
/// holds. This counts as a version, too, so that none is used twice. The node keeps what it runs.
pub fn unset_config(node: &NodeId, expected: &Expected) -> Update {
    let mut clauses = vec![registered(), not_revoked()];
    clauses.extend(expected.clause(Guard::Missing(A::DesiredHash)));
    clauses.push(Clause::new(Because::NothingDesired, Guard::Exists(A::DesiredHash)));
    let changes =
        vec![Change::Add(A::DesiredVersion, 1), Change::Remove(A::DesiredHash), Change::Remove(A::SiteConfig)];
    // An earlier try of this write looks like a node of which nothing was desired, and gets the same answer.
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

/// The result of [`set_config`], [`set_site_config`], [`roll_back_config`] or [`desire_config_again`]: the configuration that is desired now, or why
/// the request is denied.
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
    let config = node.desired.clone().ok_or_else(|| malformed(A::DesiredHash))?;
    Ok(Ok(ConfigChange { node, config, changed }))
}

/// The result of [`unset_config`]: the node as it is stored now, and whether something was desired of it; or why the request
/// is denied.
///
/// # Errors
/// If the stored item is unreadable, or the refusal is not explained.
pub fn config_unset(outcome: Outcome) -> Result<Result<(Node, bool), Denied>, Unanswerable> {
    match outcome {
        Outcome::Applied { after } => Ok(Ok((Node::read(&after)?, true))),
        Outcome::Refused { stored: Some(stored), because: Some(Because::NothingDesired) } => {
            Ok(Ok((Node::read(&stored)?, false)))
        }
        Outcome::Refused { stored, because } => denied(stored.as_ref(), because).map(Err),
    }
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
