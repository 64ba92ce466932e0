//! Deleting documents that no node uses.
//!
//! A node uses the document that it is to run, and the one that it runs. That a document may be unused is noted when it ceases
//! to be desired of a node, because nothing lists who uses a document. What was noted long enough ago is *retired*: the
//! document gets a mark. Who wants it to be desired again must store it again, which removes the mark. A scan of all nodes
//! that begins [`SETTLED_S`] later sees whoever made it desired before the mark. What it does not find in use is deleted, if
//! the document still has that mark.

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::clock::SKEW_S;
use crate::deletion::Deletion;
use crate::guard::Guard;
use crate::history::History;
use crate::item::{Item, Malformed, time};
use crate::key::Key;
use crate::node::Node;
use crate::policy::Seconds;
use crate::timestamp::Timestamp;
use crate::update::{Change, Update};

/// For how long a process may take a document for stored after it has stored it, in seconds.
pub const STORED_FOR_S: Seconds = 300;
/// How long the request may take that makes the document desired after it was stored, in seconds: longer than Lambda gives it
/// (API Gateway quotas, 30 seconds).
const REQUEST_S: Seconds = 60;
/// How long a scan may not see a write, in seconds. A scan's reads are eventually consistent, and usually see it within a
/// second (Amazon DynamoDB, "Read consistency").
const SEEN_S: Seconds = 60;
/// How long a document is retired before a scan may begin that judges it, in seconds: whoever took it for stored when it was
/// retired has made it desired by then, and is seen by the scan. Clocks of two processes may differ.
pub const SETTLED_S: Seconds = STORED_FOR_S + REQUEST_S + SEEN_S + 2 * SKEW_S;
/// How many notes are looked at when a scan begins: many more than it judges, because most of them only wait. With a scan
/// every quarter of an hour, 192,000 in a day.
pub const NOTES_AT_ONCE: i32 = 2_000;
/// How many documents a scan judges at most, and how many are retired when it begins: 48,000 in a day. The sweep's own item
/// lists those that are judged, in at most 40 KB.
pub const JUDGED_AT_ONCE: usize = 500;

/// A document that was retired.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Retired {
    pub sha256: String,
    pub at: Timestamp,
}

/// What is to become of a document that may be unused, when a scan begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noted {
    /// Nothing yet.
    Waits,
    /// It is retired: unless it was noted again since this instant.
    Retire(Timestamp),
    /// The scan judges it.
    Judge(Retired),
}

/// The write that notes that a document may be unused from now on.
pub fn note_unused(sha256: &str, now: Timestamp) -> Update {
    Update {
        key: Key::Unused(sha256.to_owned()),
        clauses: vec![],
        already_applied: Guard::NEVER,
        changes: vec![Change::Set(A::UnusedSince, now.0.into()), Change::Remove(A::RetiredAt)],
    }
}

/// What is to become of a document, by what is noted of it. `keep_for` is how long a document is kept after it ceased to be
/// desired, in seconds.
///
/// # Errors
/// If the note is unreadable.
pub fn noted(sha256: &str, item: &Item, keep_for: Seconds, now: Timestamp) -> Result<Noted, Malformed> {
    if let Some(at) = time(item, A::RetiredAt)? {
        let is_settled = at.plus_seconds(SETTLED_S) <= now;
        return Ok(if is_settled { Noted::Judge(Retired { sha256: sha256.to_owned(), at }) } else { Noted::Waits });
    }
    let since = time(item, A::UnusedSince)?.unwrap_or_default();
    Ok(if since.plus_seconds(keep_for) <= now { Noted::Retire(since) } else { Noted::Waits })
}

/// The writes that retire a document, in their order: the document gets the mark, then its note. The second is refused if the
/// document was noted again since `since`.
pub fn retire(sha256: &str, since: Timestamp, now: Timestamp) -> [Update; 2] {
    let write = |key, because, guard| Update {
        key,
        clauses: vec![Clause::new(because, guard)],
        already_applied: Guard::NEVER,
        changes: vec![Change::Set(A::RetiredAt, now.0.into())],
    };
    [
        write(Key::Document(sha256.to_owned()), Because::NoDocument, Guard::Exists(A::DocumentText)),
        write(Key::Unused(sha256.to_owned()), Because::NotedMeanwhile, Guard::Equal(A::UnusedSince, since.0.into())),
    ]
}

/// The deletion of a retired document: only if nobody has stored it again.
pub fn delete_document(retired: &Retired) -> Deletion {
    marked(Key::Document(retired.sha256.clone()), retired)
}

/// The deletion of the note of a retired document: only if it was not noted again.
pub fn delete_note(retired: &Retired) -> Deletion {
    marked(Key::Unused(retired.sha256.clone()), retired)
}

fn marked(key: Key, retired: &Retired) -> Deletion {
    Deletion { key, condition: Guard::Equal(A::RetiredAt, retired.at.0.into()) }
}

/// Whether a node runs another version than it is to run. Which document that is, only its history says.
pub fn is_behind(node: &Node) -> bool {
    node.applied.is_some() && node.applied != node.desired.as_ref().map(|desired| desired.version)
}

/// What a node runs that [is behind](is_behind).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs<'a> {
    /// The document with this SHA-256.
    Document(&'a str),
    /// A version that was desired of it once. Which document that was, is not known: its history may not have been written.
    Unknown,
    /// No version that was desired of it since it was registered.
    Nothing,
}

/// What a node runs that is behind, by its history.
pub fn runs<'a>(node: &Node, history: &'a History) -> Runs<'a> {
    let Some(version) = node.applied else { return Runs::Nothing };
    match history.sha256(version) {
        Some(sha256) => Runs::Document(sha256),
        None if version < node.config_version => Runs::Unknown,
        None => Runs::Nothing,
    }
}

#[cfg(test)]
#[path = "collection_tests.rs"]
mod tests;
