//! Deleting all that is stored of a node.
//!
//! The node is revoked first, so that nothing is written of it any more. Its records follow, and its own item is the last:
//! whoever is interrupted finds it, and goes on. The events that it had are deleted once its own item is gone, by the one
//! who adds events to the log, so that none of them is added later.

use std::ops::RangeInclusive;

use crate::attribute::Attribute as A;
use crate::event_log::place_of;
use crate::guard::Guard;
use crate::id::{EndpointName, IdempotencyKey, InvalidId, NodeId};
use crate::item::{Item, Malformed};
use crate::key::{Key, LAST_NUMBER};
use crate::rollout::claims_of;

/// The deletion of one item, under a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Deletion {
    pub key: Key,
    pub condition: Guard,
}

impl Deletion {
    /// Deletes an item, whatever it is.
    pub fn of(key: Key) -> Self {
        Self { key, condition: Guard::ALWAYS }
    }

    /// Whether the item is gone after this: it is not there, or the condition holds for it.
    pub fn applies(&self, stored: Option<&Item>) -> bool {
        stored.is_none_or(|stored| self.condition.holds(stored))
    }
}

/// The deletion of a node's own item: only as long as the node is revoked. A node that was registered anew stays.
pub fn delete_node(node: &NodeId) -> Deletion {
    Deletion { key: Key::Node(node.clone()), condition: Guard::Exists(A::Revoked) }
}

/// The records of a node that have known keys.
pub fn records_of(node: &NodeId) -> [Key; 5] {
    let [config, firmware] = claims_of(node);
    [Key::History(node.clone()), Key::About(node.clone()), Key::Legacy(node.clone()), config, firmware]
}

/// The keys between which the node's commands are, and the idempotency keys that they were queued with.
pub fn commands_of(node: &NodeId) -> [RangeInclusive<Key>; 2] {
    let command = |number| Key::Command(node.clone(), number);
    let [first, last] = IdempotencyKey::bounds().map(|key| Key::Queued(node.clone(), key));
    [command(0)..=command(LAST_NUMBER), first..=last]
}

/// The keys of the places of a node's events, up to the event with this id.
///
/// # Errors
/// If the id is not valid.
pub fn events_until(node: &NodeId, id: &str) -> Result<RangeInclusive<Key>, InvalidId> {
    // The least character of an id.
    let place = |id: &str| Ok(Key::EventOf(node.clone(), id.parse()?));
    Ok(place("-")?..=place(id)?)
}

/// What is deleted with an event: its deliveries to these endpoints, the event itself, and last its place among the node's
/// events, by which the others are found.
///
/// # Errors
/// If the place is unreadable.
pub fn deletions_of_event(place: &Key, item: &Item, endpoints: &[EndpointName]) -> Result<Vec<Key>, Malformed> {
    let delivery = |endpoint: &EndpointName| match place {
        Key::EventOf(_, id) => Some(Key::Delivery(endpoint.clone(), id.clone())),
        _ => None,
    };
    let deliveries = endpoints.iter().filter_map(delivery);
    Ok(deliveries.chain(place_of(item)?).chain([place.clone()]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Value;

    fn node() -> NodeId {
        "ap-1".parse().expect("an id")
    }

    #[test]
    fn a_node_is_deleted_only_while_it_is_revoked_and_what_is_not_there_is_gone() {
        let deletion = delete_node(&node());
        let item = |attribute| Item::from([(attribute, Value::Number(1))]);
        assert!(deletion.applies(None) && deletion.applies(Some(&item(A::Revoked))));
        assert!(!deletion.applies(Some(&item(A::CredentialVersion))), "it was registered anew");
        assert!(Deletion::of(Key::About(node())).applies(Some(&item(A::NodeName))));
    }

    #[test]
    fn every_record_of_a_node_is_in_what_is_deleted() {
        let event = |id: &str| Key::EventOf(node(), id.parse().expect("an id"));
        let queued = |key: &str| Key::Queued(node(), key.parse().expect("a key"));
        let all = [
            Key::History(node()),
            Key::About(node()),
            Key::Legacy(node()),
            Key::Command(node(), 1),
            Key::Command(node(), LAST_NUMBER),
            queued("!"),
            queued("zz"),
            queued(&"~".repeat(128)),
        ];
        let is_deleted =
            |key: &Key| records_of(&node()).contains(key) || commands_of(&node()).iter().any(|keys| keys.contains(key));
        assert_eq!(all.iter().find(|key| !is_deleted(key)), None);
        let until = events_until(&node(), "17.0").expect("an id");
        assert!(until.contains(&event("16.9")) && until.contains(&event("17.0")) && !until.contains(&event("17.1")));
        // The table sorts them by the text of the sort key.
        for keys in commands_of(&node()).iter().chain([&until]) {
            assert!(keys.start().sort() < keys.end().sort() && keys.start().partition() == keys.end().partition());
        }
    }

    #[test]
    fn an_event_goes_with_its_deliveries_and_its_place_is_the_last() {
        let place = Key::EventOf(node(), "17.0".parse().expect("an id"));
        let item = Item::from([(A::LogShard, Value::Number(3)), (A::LogNumber, Value::Number(9))]);
        let endpoint: EndpointName = "crm".parse().expect("a name");
        let delivery = Key::Delivery(endpoint.clone(), "17.0".parse().expect("an id"));
        let keys = deletions_of_event(&place, &item, &[endpoint]);
        assert_eq!(keys, Ok(vec![delivery, Key::Logged(3, 9), place]));
    }
}
