//! What the monolith wants of a node: that it is known, and what it runs.

use std::borrow::Cow;

use crate::attribute::{Attribute as A, ItemKey, Value};
use crate::expected::Expected;
use crate::guard::Guard;
use crate::id::{CredentialVersion, FirmwareVersion, Model, NodeId, Site, Tags};
use crate::limits::COMMANDS_OPEN;
use crate::node::{DesiredConfig, Malformed, Node};
use crate::update::{Change, Outcome, Update};

/// The credential version of a node of which none was said.
const FIRST_CREDENTIALS: CredentialVersion = CredentialVersion(1);

/// What the monolith says of a node: all of it, so that what is not there is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registering {
    /// Where it is.
    pub site: Option<Site>,
    /// What it is.
    pub model: Option<Model>,
    /// What it is marked with.
    pub tags: Tags,
    /// The lowest credential version that is accepted from now on. It never goes back. If it is not said, it stays, and a
    /// new node has 1.
    pub credentials: Option<CredentialVersion>,
}

/// What the monolith says anew of a node that is registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amending {
    /// Where it is.
    pub site: Amended<Site>,
    /// What it is.
    pub model: Amended<Model>,
    /// What it is marked with; no tags are the same as none.
    pub tags: Amended<Tags>,
    /// The lowest credential version that is accepted from now on, if it is said.
    pub credentials: Option<CredentialVersion>,
}

/// What becomes of something that is known of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Amended<T> {
    /// It stays.
    #[default]
    Kept,
    /// It is not known any more.
    Removed,
    /// It is this.
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

/// Why the monolith does not get what it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no such node.
    #[error("no such node is registered")]
    Unknown,
    /// The node's credentials were revoked.
    #[error("the node's credentials were revoked; registering it with a higher credential version lets it back in")]
    Revoked,
    /// Credential versions never go back.
    #[error("the node's credential version is {} already", current.0)]
    CredentialsGoBack {
        /// The one that is accepted.
        current: CredentialVersion,
    },
    /// Somebody else has set another configuration meanwhile.
    #[error("the node's configuration is at version {current}")]
    Stale {
        /// The version that is desired; 0 if there is none.
        current: u64,
    },
    /// It is of another model than the firmware is for, or of none.
    #[error("the node's model is not the one that this firmware is for")]
    OtherModel,
    /// There are too many open commands.
    #[error("the node has {COMMANDS_OPEN} open commands already")]
    QueueFull,
}

/// Registers a node, or says anew what it is. A revoked one is let back in by a higher credential version, and by nothing
/// else.
pub fn register(node: &NodeId, registering: &Registering) -> Update {
    let amending = Amending {
        site: registering.site.clone().into(),
        model: registering.model.clone().into(),
        tags: Amended::Set(registering.tags.clone()),
        credentials: registering.credentials,
    };
    said(node, &amending, vec![])
}

/// Says some of what a registered node is, and leaves the rest.
pub fn amend(node: &NodeId, amending: &Amending) -> Update {
    said(node, amending, vec![Guard::Exists(A::CredentialVersion)])
}

fn said(node: &NodeId, amending: &Amending, mut guard: Vec<Guard>) -> Update {
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
    // To say the same again is not refused, so that no refusal can be by an earlier try.
    let already_applied = Guard::Any(vec![]);
    Update { node: node.clone(), item: ItemKey::Node, guard: Guard::All(guard), already_applied, changes }
}

/// What registering a node came to: the node, or why not.
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

/// Revokes a node's credentials, for every version up to the present one. It leaves its site; what it was stays known.
pub fn revoke(node: &NodeId) -> Update {
    Update {
        node: node.clone(),
        item: ItemKey::Node,
        guard: Guard::Exists(A::CredentialVersion),
        already_applied: Guard::Exists(A::Revoked),
        changes: vec![Change::Set(A::Revoked, 1_u32.into()), Change::Remove(A::Site)],
    }
}

/// Sets what a node is to run, if what is desired now is as expected. The same document again is no new version.
pub fn set_config(node: &NodeId, sha256: &str, expected: &Expected) -> Update {
    let guard = vec![
        Guard::Exists(A::CredentialVersion),
        Guard::Missing(A::Revoked),
        Guard::Differs(A::DesiredHash, sha256.into()),
        expected.guard(),
    ];
    Update {
        node: node.clone(),
        item: ItemKey::Node,
        guard: Guard::All(guard),
        // Our own earlier try looks like a document that was desired already, and is answered like one.
        already_applied: Guard::Any(vec![]),
        changes: vec![Change::Add(A::DesiredVersion, 1), Change::Set(A::DesiredHash, sha256.into())],
    }
}

/// What setting a configuration came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// The node, with what it is to run.
    pub node: Node,
    /// What it is to run.
    pub config: DesiredConfig,
    /// Whether that is new.
    pub changed: bool,
}

/// What setting a configuration came to, or why it was not set.
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

/// Sets the firmware version that a node of this model is to run: what it reported on an earlier try is forgotten.
pub fn set_firmware(node: &NodeId, model: &Model, version: &FirmwareVersion) -> Update {
    Update {
        node: node.clone(),
        item: ItemKey::Node,
        guard: Guard::All(vec![
            Guard::Exists(A::CredentialVersion),
            Guard::Missing(A::Revoked),
            Guard::Equal(A::Model, model.as_str().into()),
        ]),
        already_applied: Guard::Any(vec![]),
        changes: vec![
            Change::Set(A::DesiredFirmware, version.as_str().into()),
            Change::Remove(A::UpdateVersion),
            Change::Remove(A::UpdateState),
            Change::Remove(A::UpdateDetail),
        ],
    }
}

/// What setting a firmware version came to: the node, or why it was not set.
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
