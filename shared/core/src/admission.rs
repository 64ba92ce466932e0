//! The clauses on a node's registration and credentials.

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::guard::Guard;
use crate::id::CredentialVersion;
use crate::policy::{Policy, Registration};

/// The node is registered.
pub(crate) fn registered() -> Clause {
    Clause::new(Because::Unregistered, Guard::Exists(A::CredentialVersion))
}

/// The node's credentials are not revoked.
pub(crate) fn not_revoked() -> Clause {
    Clause::new(Because::Revoked, Guard::Missing(A::Revoked))
}

/// The node is registered, unless it may register itself.
pub(crate) fn known(policy: &Policy) -> Vec<Clause> {
    match policy.registration {
        Registration::Open => vec![],
        Registration::Closed => vec![registered()],
    }
}

/// The node may connect or poll with these credentials.
pub(crate) fn admitted(credentials: CredentialVersion, policy: &Policy) -> Vec<Clause> {
    let mut clauses = known(policy);
    clauses.extend([not_revoked(), Clause::new(Because::CredentialsOutdated, at_most(credentials))]);
    clauses
}

/// The node's credential version is not higher than this one.
pub(crate) fn at_most(credentials: CredentialVersion) -> Guard {
    Guard::Any(vec![Guard::Missing(A::CredentialVersion), Guard::AtMost(A::CredentialVersion, credentials.0.into())])
}
