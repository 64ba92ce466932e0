//! What the application says of a node: its registration, and that its credentials are revoked.

use std::borrow::Cow;

use crate::admission::{at_most, not_revoked, registered};
use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::guard::Guard;
use crate::id::{CredentialVersion, Model, NodeId, Site};
use crate::item::Value;
use crate::tags::Tags;
use crate::update::{Change, Update};

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
    write_registration(node, amending, vec![registered()])
}

/// The write that registers a node if it is new, and changes its registration if it is not.
pub fn register_or_amend(node: &NodeId, amending: &Amending) -> Update {
    write_registration(node, amending, vec![])
}

fn write_registration(node: &NodeId, amending: &Amending, mut clauses: Vec<Clause>) -> Update {
    let mut changes = if let Some(credentials) = amending.credentials {
        let version = Value::from(credentials.0);
        let let_back_in = Guard::Less(A::CredentialVersion, version.clone());
        let let_in = Guard::Any(vec![Guard::Missing(A::Revoked), let_back_in]);
        clauses.push(Clause::new(Because::Revoked, let_in));
        clauses.push(Clause::new(Because::CredentialsGoBack, at_most(credentials)));
        vec![Change::Set(A::CredentialVersion, version), Change::Remove(A::Revoked)]
    } else {
        clauses.push(not_revoked());
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
    Update::of_node(node, clauses, Guard::NEVER, changes)
}

/// The write that revokes a node's credentials: every version up to the present one. The node is removed from the site
/// index; the rest of its item stays.
pub fn revoke(node: &NodeId) -> Update {
    let changes = vec![Change::Set(A::Revoked, 1_u32.into()), Change::Remove(A::Site)];
    Update::of_node(node, vec![registered()], Guard::Exists(A::Revoked), changes)
}

#[cfg(test)]
#[path = "registration_tests.rs"]
mod tests;
