//! The writes of endpoints.

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::endpoint::{Endpoint, FAILING_S, FAILURES_APART_S, Failing, NOTED_EVERY_S, ROTATING_S, Secret};
use crate::event_types::EventTypes;
use crate::guard::Guard;
use crate::id::{EndpointName, Site};
use crate::item::Value;
use crate::key::Key;
use crate::selector::Selector;
use crate::timestamp::Timestamp;
use crate::update::{Change, Update};

/// What an endpoint is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EndpointSpec {
    pub url: String,
    pub types: EventTypes,
    pub site: Option<Site>,
    pub select: Option<Selector>,
}

/// What follows from a delivery for its endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noted {
    /// Nothing that is not known.
    Nothing,
    /// This write. It is refused if another delivery has noted something, which is enough.
    Write(Update),
    /// Nothing but failures is known of the endpoint since then, for so long that it is to be disabled.
    Disable(Timestamp),
}

/// The write that makes an endpoint. It is refused if there is one with this name.
pub fn add_endpoint(name: &EndpointName, spec: &EndpointSpec, secret: &Secret, now: Timestamp) -> Update {
    let mut changes = specified(spec);
    changes.extend([
        Change::Set(A::EndpointSecret, secret.reveal().into()),
        Change::Set(A::CreatedAt, now.0.into()),
        Change::Remove(A::ForgetAt),
    ]);
    let new = Clause::new(Because::EndpointTaken, Guard::Missing(A::EndpointUrl));
    update(name, vec![new], Guard::Equal(A::EndpointSecret, secret.reveal().into()), changes)
}

/// The write that changes an endpoint, and enables it again. Its secrets stay. It is refused if there is no such
/// endpoint.
pub fn change_endpoint(name: &EndpointName, spec: &EndpointSpec) -> Update {
    let mut changes = specified(spec);
    changes.extend([A::DisabledAt, A::DisabledBecause, A::FailingSince, A::FailedAt].map(Change::Remove));
    update(name, vec![exists()], Guard::NEVER, changes)
}

/// The write that gives an endpoint a new secret. The secret that it had stays valid for [`ROTATING_S`]. It is refused
/// if the endpoint has got another secret since it was read.
pub fn rotate_secret(name: &EndpointName, stored: &Endpoint, secret: &Secret, now: Timestamp) -> Update {
    let (old, new): (Value, Value) = (stored.secret.reveal().into(), secret.reveal().into());
    let unchanged = Clause::new(Because::EndpointChanged, Guard::Equal(A::EndpointSecret, old.clone()));
    let changes = vec![
        Change::Set(A::EndpointSecret, new.clone()),
        Change::Set(A::SecretBefore, old),
        Change::Set(A::SecretBeforeUntil, now.plus_seconds(ROTATING_S).0.into()),
    ];
    update(name, vec![exists(), unchanged], Guard::Equal(A::EndpointSecret, new), changes)
}

/// The write that removes an endpoint, and all that is known of it. The store deletes what is left in time. It is
/// refused if there is no such endpoint.
pub fn remove_endpoint(name: &EndpointName, now: Timestamp) -> Update {
    let all = [
        A::EndpointUrl,
        A::EventTypes,
        A::EventSite,
        A::EventSelect,
        A::EndpointSecret,
        A::SecretBefore,
        A::SecretBeforeUntil,
        A::CreatedAt,
        A::DisabledAt,
        A::DisabledBecause,
        A::FailingSince,
        A::FailedAt,
    ];
    let mut changes = all.map(Change::Remove).to_vec();
    changes.push(Change::Set(A::ForgetAt, (now.0 / 1000).into()));
    update(name, vec![exists()], Guard::NEVER, changes)
}

/// The write that disables an endpoint. It is refused if it has another URL than when it was read, or is disabled.
pub fn disable_endpoint(name: &EndpointName, stored: &Endpoint, because: &str, now: Timestamp) -> Update {
    let enabled = Clause::new(Because::EndpointDisabled, Guard::Missing(A::DisabledAt));
    let changes = vec![Change::Set(A::DisabledAt, now.0.into()), Change::Set(A::DisabledBecause, because.into())];
    update(name, vec![exists(), same_url(stored), enabled], Guard::Equal(A::DisabledAt, now.0.into()), changes)
}

/// What follows for an endpoint from a delivery that failed.
///
/// Only a failure that is less than a day from the last one goes on with "nothing but failures": an endpoint that is
/// hardly ever sent anything is not disabled because of two single failures.
pub fn note_failure(name: &EndpointName, stored: &Endpoint, now: Timestamp) -> Noted {
    let goes_on = stored.failing.filter(|failing| now.seconds_since(failing.last) <= FAILURES_APART_S.into());
    let since = match goes_on {
        Some(Failing { since, .. }) if now.seconds_since(since) >= FAILING_S.into() => return Noted::Disable(since),
        Some(Failing { last, .. }) if now.seconds_since(last) < NOTED_EVERY_S.into() => return Noted::Nothing,
        Some(Failing { since, .. }) => since,
        None => now,
    };
    let changes = vec![Change::Set(A::FailingSince, since.0.into()), Change::Set(A::FailedAt, now.0.into())];
    Noted::Write(update(name, vec![exists(), same_url(stored), same_failing(stored)], Guard::NEVER, changes))
}

/// What follows for an endpoint from a delivery that succeeded.
pub fn note_success(name: &EndpointName, stored: &Endpoint) -> Noted {
    if stored.failing.is_none() {
        return Noted::Nothing;
    }
    let changes = vec![Change::Remove(A::FailingSince), Change::Remove(A::FailedAt)];
    Noted::Write(update(name, vec![exists(), same_url(stored)], Guard::NEVER, changes))
}

fn specified(spec: &EndpointSpec) -> Vec<Change> {
    vec![
        Change::Set(A::EndpointUrl, spec.url.as_str().into()),
        Change::set_or_remove(A::EventTypes, spec.types.stored().map(|types| types.as_str().into())),
        Change::set_or_remove(A::EventSite, spec.site.as_ref().map(|site| site.as_str().into())),
        Change::set_or_remove(A::EventSelect, spec.select.as_ref().map(|select| Value::Text(select.to_string()))),
    ]
}

fn exists() -> Clause {
    Clause::new(Because::NoEndpoint, Guard::Exists(A::EndpointUrl))
}

fn same_url(stored: &Endpoint) -> Clause {
    Clause::new(Because::EndpointChanged, Guard::Equal(A::EndpointUrl, stored.url.as_str().into()))
}

fn same_failing(stored: &Endpoint) -> Clause {
    let failed_at = stored.failing.map(|failing| failing.last.0.into());
    Clause::new(Because::EndpointChanged, Guard::same(A::FailedAt, failed_at))
}

fn update(name: &EndpointName, clauses: Vec<Clause>, already_applied: Guard, changes: Vec<Change>) -> Update {
    Update { key: Key::Endpoint(name.clone()), clauses, already_applied, changes }
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
