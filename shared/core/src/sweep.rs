//! What a sweep concludes from a node that it came upon.

use crate::event::{Event, EventKind};
use crate::id::{NodeId, Timestamp};
use crate::node::{Node, Presence};
use crate::policy::Policy;

/// How many polls a polling node may miss before it counts as lost.
const POLLS_MISSED: u32 = 3;

/// The event for a closed node, found in the index, whose grace period is over; nothing if it is not over.
pub fn expired(id: &NodeId, node: &Node, now: Timestamp) -> Option<Event> {
    let closed = node.held.as_ref().is_some_and(|held| held.closed.is_some());
    let over = node.due.is_some_and(|due| due <= now);
    (closed && over).then(|| Event { node: id.clone(), at: now, kind: EventKind::Expire { found: node.found() } })
}

/// Whether a node counts as online at this moment: as it would be if a sweep came by now. Between two sweeps, a closed
/// node may be stored as online although its grace period is over.
pub fn presence_at(node: &Node, now: Timestamp) -> Presence {
    match (node.presence, node.due) {
        (Presence::Online(_), Some(due)) if due <= now && !node.polls => Presence::Offline(Some(due)),
        (presence, _) => presence,
    }
}

/// The event for an online node, found by the slow scan, that nothing was heard of for so long that its close must
/// have been lost; nothing if there is no reason to think so.
///
/// An open connection is silent for too long after its whole life and the grace period, a polling node after three
/// intervals.
pub fn lost(id: &NodeId, node: &Node, now: Timestamp, policy: &Policy) -> Option<Event> {
    if !matches!(node.presence, Presence::Online(_)) {
        return None;
    }
    let patience = match (node.open(), node.polls) {
        (Some(_), _) => policy.lifetime.saturating_add(policy.grace),
        (None, true) => policy.check_in_every.saturating_mul(POLLS_MISSED),
        (None, false) => return None,
    };
    let silent = node.last_heard().is_some_and(|heard| heard.plus_seconds(patience) < now);
    silent.then(|| Event { node: id.clone(), at: now, kind: EventKind::Lost { found: node.found() } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{Attribute, Item, Value};

    #[test]
    fn a_node_whose_grace_period_is_over_counts_as_offline_before_a_sweep_says_so() {
        let item = Item::from([(Attribute::OnlineSince, Value::Number(1_000)), (Attribute::Due, Value::Number(9_000))]);
        let node = Node::read(&item).expect("well-formed");
        assert_eq!(presence_at(&node, Timestamp(8_999)), Presence::Online(Timestamp(1_000)));
        assert_eq!(presence_at(&node, Timestamp(9_000)), Presence::Offline(Some(Timestamp(9_000))));
    }
}
