//! What the application sets for a node: its registration, and what it is to run.

use std::borrow::Cow;

use crate::attribute::Attribute as A;
use crate::expected::Expected;
use crate::guard::Guard;
use crate::id::{CredentialVersion, FirmwareVersion, Model, NodeId, Site, Tags};
use crate::item::{Malformed, Value};
use crate::key::Key;
use crate::limits::COMMANDS_OPEN;
use crate::node::{DesiredConfig, Node};
use crate::update::{Change, Outcome, Update};

/// The credential version of a new node, if the application gives none.
const FIRST_CREDENTIALS: CredentialVersion = CredentialVersion(1);

/// The whole registration of a node. A field that is `None` or empty is removed from the node, except for the
/// credential version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Registering {
    pub site: Option<Site>,
    pub model: Option<Model>,
    pub tags: Tags,
    /// The lowest credential version that is accepted from now on. It never goes back. If it is `None`, the stored
    /// version stays, and a new node gets 1.
    pub credentials: Option<CredentialVersion>,
}

/// A change of the registration of a node that is registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Amending {
    pub site: Amended<Site>,
    pub model: Amended<Model>,
    /// An empty list removes the tags.
    pub tags: Amended<Tags>,
    /// The lowest credential version that is accepted from now on; `None` leaves it as it is.
    pub credentials: Option<CredentialVersion>,
}

/// The change of one field of a registration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Amended<T> {
    /// The field stays as it is.
    #[default]
    Kept,
    /// The field is removed.
    Removed,
    /// The field gets this value.
    Set(T),
}

impl<T> Amended<T> {
    fn text<'a>(&'a self, text: impl FnOnce(&'a T) -> Option<Cow<'a, str>>) -> Amended<Cow<'a, str>> {
        match self {
            Self::Kept => Amended::Kept,
            Self::Removed => Amended::Removed,
            Self::Set(value) => text(value).map_or(Amended::Removed, Amended::Set),
        }
    }
}

impl<T> From<Option<T>> for Amended<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Removed, Self::Set)
    }
}

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
        /// The version that is desired; 0 if there is none.
        current: u64,
    },
    /// The firmware is for another model, or the node has no model.
    #[error("the node's model is not the one that this firmware is for")]
    OtherModel,
    /// The node has too many open commands.
    #[error("the node has {COMMANDS_OPEN} open commands already")]
    QueueFull,
}

/// The write that registers a node, or replaces its registration. Only a higher credential version lets a revoked node
/// back in.
pub fn register(node: &NodeId, registering: &Registering) -> Update {
    let amending = Amending {
        site: registering.site.clone().into(),
        model: registering.model.clone().into(),
        tags: Amended::Set(registering.tags.clone()),
        credentials: registering.credentials,
    };
    write_registration(node, &amending, vec![])
}

/// The write that changes the registration of a registered node.
pub fn amend(node: &NodeId, amending: &Amending) -> Update {
    write_registration(node, amending, vec![Guard::Exists(A::CredentialVersion)])
}

fn write_registration(node: &NodeId, amending: &Amending, mut guard: Vec<Guard>) -> Update {
    let mut changes = if let Some(CredentialVersion(version)) = amending.credentials {
        guard.push(Guard::Any(vec![
            Guard::Missing(A::CredentialVersion),
            Guard::AtMost(A::CredentialVersion, version.into()),
        ]));
        guard.push(Guard::Any(vec![Guard::Missing(A::Revoked), Guard::Less(A::CredentialVersion, version.into())]));
        vec![Change::Set(A::CredentialVersion, version.into()), Change::Remove(A::Revoked)]
    } else {
        guard.push(Guard::Missing(A::Revoked));
        vec![Change::SetIfMissing(A::CredentialVersion, FIRST_CREDENTIALS.0.into())]
    };
    let texts = [
        (A::Site, amending.site.text(|site| Some(site.as_str().into()))),
        (A::Model, amending.model.text(|model| Some(model.as_str().into()))),
        (A::Tags, amending.tags.text(|tags| tags.stored().map(Cow::from))),
    ];
    changes.extend(texts.into_iter().filter_map(|(attribute, text)| match text {
        Amended::Kept => None,
        Amended::Removed => Some(Change::Remove(attribute)),
        Amended::Set(text) => Some(Change::Set(attribute, Value::from(&*text))),
    }));
    // A repeated write is not refused for what the first one wrote, so a refusal is never by an earlier try.
    let already_applied = Guard::NEVER;
    Update { key: Key::Node(node.clone()), guard: Guard::All(guard), already_applied, changes }
}

/// The result of [`register`] or [`amend`]: the node, or why the request is denied.
///
/// # Errors
/// If the stored item is unreadable.
pub fn registered(outcome: Outcome) -> Result<Result<Node, Denied>, Malformed> {
    match outcome {
        Outcome::Applied { after } => Node::read(&after).map(Ok),
        Outcome::Refused { stored } => {
            let stored = stored.as_ref().map(Node::read).transpose()?;
            Ok(Err(match stored {
                Some(Node { revoked: true, .. }) => Denied::Revoked,
                Some(Node { credentials: Some(current), .. }) => Denied::CredentialsGoBack { current },
                _ => Denied::Unknown,
            }))
        }
    }
}

/// The write that revokes a node's credentials: every version up to the present one. The node is removed from the site
/// index; the rest of its item stays.
pub fn revoke(node: &NodeId) -> Update {
    Update {
        key: Key::Node(node.clone()),
        guard: Guard::Exists(A::CredentialVersion),
        already_applied: Guard::Exists(A::Revoked),
        changes: vec![Change::Set(A::Revoked, 1_u32.into()), Change::Remove(A::Site)],
    }
}

/// The write that sets a node's desired configuration, if the condition on the version that is desired now holds. A
/// document that is desired already makes no new version.
pub fn set_config(node: &NodeId, sha256: &str, expected: &Expected) -> Update {
    let guard = vec![
        Guard::Exists(A::CredentialVersion),
        Guard::Missing(A::Revoked),
        Guard::Differs(A::DesiredHash, sha256.into()),
        expected.guard(),
    ];
    Update {
        key: Key::Node(node.clone()),
        guard: Guard::All(guard),
        // An earlier try of this write looks like a document that was desired already, and gets the same answer.
        already_applied: Guard::NEVER,
        changes: vec![Change::Add(A::DesiredVersion, 1), Change::Set(A::DesiredHash, sha256.into())],
    }
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
/// If the stored item is unreadable.
pub fn config_set(
    outcome: Outcome,
    sha256: &str,
    expected: &Expected,
) -> Result<Result<ConfigChange, Denied>, Malformed> {
    let (stored, changed) = match outcome {
        Outcome::Applied { after } => (Some(after), true),
        Outcome::Refused { stored } => (stored, false),
    };
    let Some(node) = stored.as_ref().map(Node::read).transpose()?.filter(|node| node.credentials.is_some()) else {
        return Ok(Err(Denied::Unknown));
    };
    if node.revoked {
        return Ok(Err(Denied::Revoked));
    }
    let current = node.desired.as_ref().map_or(0, |desired| desired.version);
    match node.desired.clone().filter(|desired| desired.sha256 == sha256) {
        Some(config) if changed || expected.holds(current) || expected.may_have_made(current) => {
            Ok(Ok(ConfigChange { node, config, changed }))
        }
        _ => Ok(Err(Denied::Stale { current })),
    }
}

/// The write that sets the desired firmware version of a node of this model. The node's last update report is removed,
/// so that a version that failed is tried again.
pub fn set_firmware(node: &NodeId, model: &Model, version: &FirmwareVersion) -> Update {
    Update {
        key: Key::Node(node.clone()),
        guard: Guard::All(vec![
            Guard::Exists(A::CredentialVersion),
            Guard::Missing(A::Revoked),
            Guard::Equal(A::Model, model.as_str().into()),
        ]),
        already_applied: Guard::NEVER,
        changes: vec![
            Change::Set(A::DesiredFirmware, version.as_str().into()),
            Change::Remove(A::UpdateVersion),
            Change::Remove(A::UpdateState),
            Change::Remove(A::UpdateDetail),
        ],
    }
}

/// The result of [`set_firmware`]: the node, or why the request is denied.
///
/// # Errors
/// If the stored item is unreadable.
pub fn firmware_set(outcome: Outcome) -> Result<Result<Node, Denied>, Malformed> {
    match outcome {
        Outcome::Applied { after } => Node::read(&after).map(Ok),
        Outcome::Refused { stored } => {
            let stored = stored.as_ref().map(Node::read).transpose()?.filter(|node| node.credentials.is_some());
            Ok(Err(match stored {
                None => Denied::Unknown,
                Some(Node { revoked: true, .. }) => Denied::Revoked,
                Some(_) => Denied::OtherModel,
            }))
        }
    }
}

#[cfg(test)]
#[path = "desired_tests.rs"]
mod tests;
