//! The log of all events that the application is told. It has a few shards, and the events of a node are all in one of
//! them, in order. Numbers have no gaps: whoever has read up to a number has missed nothing before it.

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::guard::Guard;
use crate::id::{EventId, NodeId};
use crate::item::{Item, Malformed, number, text};
use crate::key::{Key, due_shard};
use crate::policy::Seconds;
use crate::timestamp::Timestamp;
use crate::update::{Change, Update};

/// How many shards the log has.
pub const LOG_SHARDS: u64 = 4;

/// How many events are added to a shard at once, at most: each is two writes, and one more counts them (Amazon DynamoDB
/// quotas: a transaction has at most 100 writes).
pub const LOGGED_AT_ONCE: usize = 49;

/// An event to be added to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// The node that it is about.
    pub node: NodeId,
    /// The event's id.
    pub id: EventId,
    /// The event's type.
    pub kind: String,
    /// When it happened.
    pub at: Timestamp,
    /// The event, as JSON.
    pub text: String,
}

/// The shard of the log that has a node's events.
pub fn log_shard(node: &NodeId) -> u64 {
    due_shard(node) % LOG_SHARDS
}

/// The writes that add these events to a shard behind the event with this number. Either all of them are made or none.
/// They are refused if another event was added since, or if one of these is in the log already.
pub fn log_events(shard: u64, last: u64, events: &[Logging], now: Timestamp, keep_for: Seconds) -> Vec<Update> {
    let forget_at = now.plus_seconds(keep_for).0 / 1000;
    let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
    let unmoved = Guard::same(A::LogNumber, (last > 0).then(|| last.into()));
    let head = Update {
        key: Key::LogHead(shard),
        clauses: vec![Clause::new(Because::LogMoved, unmoved)],
        already_applied: Guard::NEVER,
        changes: vec![Change::Set(A::LogNumber, (last + count).into())],
    };
    let logged = (last + 1..).zip(events).flat_map(|(number, event)| {
        let id = || Change::Set(A::EventId, event.id.as_str().into());
        let forgotten = || Change::Set(A::ForgetAt, forget_at.into());
        let entry = Update {
            key: Key::Logged(shard, number),
            clauses: vec![],
            already_applied: Guard::NEVER,
            changes: vec![id(), Change::Set(A::EventText, event.text.as_str().into()), forgotten()],
        };
        let place = Update {
            key: Key::EventOf(event.node.clone(), event.id.clone()),
            clauses: vec![Clause::new(Because::EventKnown, Guard::Missing(A::LogNumber))],
            already_applied: Guard::NEVER,
            changes: vec![
                Change::Set(A::LogShard, shard.into()),
                Change::Set(A::LogNumber, number.into()),
                Change::Set(A::EventType, event.kind.as_str().into()),
                Change::Set(A::HappenedAt, event.at.0.into()),
                forgotten(),
            ],
        };
        [entry, place]
    });
    std::iter::once(head).chain(logged).collect()
}

/// The number of the last event of a shard, read from its head; 0 if it has none.
///
/// # Errors
/// If the number is of a type that no rule writes.
pub fn last_logged(head: Option<&Item>) -> Result<u64, Malformed> {
    Ok(head.map(|head| number(head, A::LogNumber)).transpose()?.flatten().unwrap_or(0))
}

/// Where an event is in the log, read from its place among the node's events.
///
/// # Errors
/// If it is unreadable.
pub fn place_of(item: &Item) -> Result<Option<Key>, Malformed> {
    let place = number(item, A::LogShard)?.zip(number(item, A::LogNumber)?);
    Ok(place.map(|(shard, number)| Key::Logged(shard, number)))
}

/// The type of an event and when it happened, read from its place among the node's events; `None` if it does not say so.
///
/// # Errors
/// If it is unreadable.
pub fn happened(place: &Item) -> Result<Option<(String, Timestamp)>, Malformed> {
    let kind = text(place, A::EventType)?.map(str::to_owned);
    Ok(kind.zip(number(place, A::HappenedAt)?.map(Timestamp)))
}

/// The text of an event of the log.
///
/// # Errors
/// If it is unreadable.
pub fn event_text(item: &Item) -> Result<Option<&str>, Malformed> {
    text(item, A::EventText)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::update::transact;

    fn event(id: &str) -> Logging {
        let node = "ap-1".parse().expect("an id");
        let kind = "node.online".to_owned();
        Logging { node, id: id.parse().expect("an id"), kind, at: Timestamp(7), text: format!("{{\"id\":\"{id}\"}}") }
    }

    #[test]
    fn numbers_have_no_gaps_and_no_event_is_in_the_log_twice() {
        let mut items = BTreeMap::new();
        let mut log = |last, events: &[Logging]| transact(&mut items, &log_events(2, last, events, Timestamp(0), 60));
        assert!(log(0, &[event("1.0"), event("1.1")]));
        assert!(!log(0, &[event("2.0")]), "another event was added");
        assert!(!log(2, &[event("1.1"), event("2.0")]), "one of them is known");
        assert!(log(2, &[event("2.0")]));
        assert_eq!(last_logged(items.get(&Key::LogHead(2))), Ok(3));
        let texts =
            (1..=3).map(|number| event_text(&items[&Key::Logged(2, number)]).expect("readable").map(str::to_owned));
        assert_eq!(texts.flatten().collect::<String>(), "{\"id\":\"1.0\"}{\"id\":\"1.1\"}{\"id\":\"2.0\"}");
        let place = &items[&Key::EventOf("ap-1".parse().expect("an id"), "1.1".parse().expect("an id"))];
        assert_eq!(place_of(place), Ok(Some(Key::Logged(2, 2))));
        assert_eq!(happened(place), Ok(Some(("node.online".to_owned(), Timestamp(7)))));
    }

    #[test]
    fn as_many_events_as_are_added_at_once_fit_one_transaction() {
        let events: Vec<_> = (0..LOGGED_AT_ONCE).map(|number| event(&format!("{number}.0"))).collect();
        assert!(log_events(0, 0, &events, Timestamp(0), 60).len() <= 100);
    }
}
