//! What a sweep concludes from a node that it has read.

use crate::clock::SKEW_S;
use crate::event::{Event, EventKind};
use crate::id::NodeId;
use crate::node::{Node, Presence};
use crate::policy::Policy;
use crate::timestamp::Timestamp;

/// How many polls a polling node may miss before it counts as lost.
const POLLS_MISSED: u32 = 3;

/// The stored close reason of a connection that `@connections` no longer knows.
pub(crate) const REASON_GONE: &str = "gone";
/// The stored close reason of a connection whose `$disconnect` must have been lost.
pub(crate) const REASON_LOST: &str = "lost";

/// The event for a node in the index of suspected nodes, if its grace period is over.
pub fn expired(id: &NodeId, node: &Node, now: Timestamp, policy: &Policy) -> Option<Event> {
    let closed = node.held.as_ref().is_some_and(|held| held.closed.is_some());
    let over = node.due.is_some_and(|due| is_over(due, now, policy));
    (closed && over).then(|| concluded(id, now, EventKind::Expire { found: node.found() }))
}

/// Whether a grace period that ends at `due` is over. If it ends later than any that begins now, a wrong clock began
/// it, and it counts as over.
fn is_over(due: Timestamp, now: Timestamp, policy: &Policy) -> bool {
    due <= now || due > now.plus_seconds(policy.grace).plus_seconds(SKEW_S)
}

/// The event for a node that the slow scan has read: its grace period is over, or it is lost.
pub fn gone_for_good(id: &NodeId, node: &Node, now: Timestamp, policy: &Policy) -> Option<Event> {
    expired(id, node, now, policy).or_else(|| lost(id, node, now, policy))
}

/// A node's presence at this moment, as it would be after both sweeps. Until they run, a node may be stored as online
/// although its grace period is over or its `$disconnect` never came.
pub fn presence_at(node: &Node, now: Timestamp, policy: &Policy) -> Presence {
    let Presence::Online(since) = node.presence else { return node.presence };
    if let Some(lost) = lost_since(node, now, policy) {
        return Presence::Offline(Some(lost));
    }
    if let Some(due) = node.due.filter(|due| is_over(*due, now, policy) && !node.polls) {
        return Presence::Offline(Some(due.min(now)));
    }
    Presence::Online(since.min(now))
}

/// The event for a node that is stored as online, if it has been silent for so long that its `$disconnect` must have
/// been lost. The slow scan looks for such nodes.
///
/// A node with an open connection may be silent for a connection's whole lifetime and the grace period, a polling node
/// for three check-in intervals.
pub fn lost(id: &NodeId, node: &Node, now: Timestamp, policy: &Policy) -> Option<Event> {
    lost_since(node, now, policy)?;
    Some(concluded(id, now, EventKind::Lost { found: node.found() }))
}

/// Since when a node that is stored as online counts as lost; `None` if it does not.
pub(crate) fn lost_since(node: &Node, now: Timestamp, policy: &Policy) -> Option<Timestamp> {
    if !matches!(node.presence, Presence::Online(_)) {
        return None;
    }
    let life = policy.lifetime.saturating_add(policy.grace);
    let closed = node.held.as_ref().and_then(|held| held.closed.as_ref());
    let (patience, until) = match (closed, node.polls) {
        (_, true) if node.open().is_none() => (policy.check_in_every.saturating_mul(POLLS_MISSED), now),
        // A close that is stored late begins no grace period: the node was lost before.
        (Some(closed), _) => (life, closed.at.min(now)),
        (None, _) => (life, now),
    };
    let heard = node.last_heard()?;
    Some(heard.plus_seconds(patience)).filter(|lost| *lost < until)
}

/// The event for a node whose connection `@connections` does not know; `None` if the handshake may not be over yet,
/// since that answer then proves nothing. docs/adr/0011
pub fn gone(id: &NodeId, node: &Node, now: Timestamp) -> Option<Event> {
    let held = node.open().filter(|_| node.handshake_is_over(now))?;
    let (connection, reason) = (held.connection.clone(), Some(REASON_GONE.to_owned()));
    Some(concluded(id, now, EventKind::Disconnect { connection, code: None, reason }))
}

fn concluded(id: &NodeId, now: Timestamp, kind: EventKind) -> Event {
    Event::new(id.clone(), now, kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Attribute;
    use crate::item::{Item, Value};
    use crate::policy::Registration;

    fn policy() -> Policy {
        Policy::new(Registration::Open, 100, 10, 8, 0).expect("in range")
    }

    fn node(attributes: &[(Attribute, u64)]) -> Node {
        let mut item: Item = attributes.iter().map(|(attribute, value)| (*attribute, Value::Number(*value))).collect();
        item.insert(Attribute::Connection, "A".into());
        Node::read(&item).expect("well-formed")
    }

    #[test]
    fn a_node_whose_grace_period_is_over_counts_as_offline_before_a_sweep_says_so() {
        let closed = [(Attribute::OpenedAt, 1_000), (Attribute::ClosedAt, 1_000)];
        let node = node(&[&closed[..], &[(Attribute::OnlineSince, 1_000), (Attribute::Due, 9_000)]].concat());
        assert_eq!(presence_at(&node, Timestamp(8_999), &policy()), Presence::Online(Timestamp(1_000)));
        assert_eq!(presence_at(&node, Timestamp(9_000), &policy()), Presence::Offline(Some(Timestamp(9_000))));
    }

    #[test]
    fn a_grace_period_that_a_wrong_clock_began_is_over() {
        let closed = [(Attribute::OpenedAt, 1_000), (Attribute::ClosedAt, 90_000)];
        let node = node(&[&closed[..], &[(Attribute::OnlineSince, 1_000), (Attribute::Due, 98_000)]].concat());
        assert_eq!(presence_at(&node, Timestamp(10_000), &policy()), Presence::Offline(Some(Timestamp(10_000))));
        assert_eq!(presence_at(&node, Timestamp(90_000), &policy()), Presence::Online(Timestamp(1_000)));
    }

    #[test]
    fn a_node_whose_disconnect_never_came_counts_as_offline_after_a_lifetime_and_the_grace_period() {
        let node = node(&[(Attribute::OpenedAt, 1_000), (Attribute::OnlineSince, 1_000), (Attribute::Seen, 2_000)]);
        assert_eq!(presence_at(&node, Timestamp(110_000), &policy()), Presence::Online(Timestamp(1_000)));
        assert_eq!(presence_at(&node, Timestamp(110_001), &policy()), Presence::Offline(Some(Timestamp(110_000))));
    }

    #[test]
    fn a_close_that_is_stored_after_the_node_was_lost_brings_it_back_for_no_grace_period() {
        let closed = |at| {
            let times = [(Attribute::OpenedAt, 1_000), (Attribute::OnlineSince, 1_000), (Attribute::Seen, 2_000)];
            node(&[&times[..], &[(Attribute::ClosedAt, at), (Attribute::Due, at + 8_000)]].concat())
        };
        assert_eq!(presence_at(&closed(110_000), Timestamp(110_001), &policy()), Presence::Online(Timestamp(1_000)));
        let late = closed(110_001);
        assert_eq!(presence_at(&late, Timestamp(110_002), &policy()), Presence::Offline(Some(Timestamp(110_000))));
        assert!(lost(&"ap-1".parse().expect("an id"), &late, Timestamp(110_002), &policy()).is_some());
    }

    #[test]
    fn an_unknown_connection_is_gone_only_when_its_handshake_is_surely_over() {
        let id = "ap-1".parse().expect("an id");
        let young = node(&[(Attribute::OpenedAt, 1_000), (Attribute::OnlineSince, 1_000)]);
        assert_eq!(gone(&id, &young, Timestamp(61_000)), None);
        assert!(gone(&id, &young, Timestamp(61_001)).is_some(), "no handshake takes longer");
        let heard = node(&[(Attribute::OpenedAt, 1_000), (Attribute::OnlineSince, 1_000), (Attribute::Seq, 1)]);
        assert!(gone(&id, &heard, Timestamp(1_001)).is_some(), "it has sent a message");
        assert_eq!(gone(&id, &young, Timestamp(500)), None, "a clock that stepped back");
    }
}
