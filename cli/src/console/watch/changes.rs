//! What has changed between two looks at the nodes.

use std::collections::BTreeMap;

use rollcall_core::Timestamp;
use rollcall_wire::console::{NodeView, Presence};
use serde::Serialize;

/// All nodes, as they were at one look.
#[derive(Debug, Default)]
pub(super) struct Look(BTreeMap<String, NodeView>);

/// What happened to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Event {
    /// It is online.
    Online,
    /// It is online, and was not for a time between the looks.
    Returned,
    /// It has missed two check-ins.
    Silent,
    /// It is offline.
    Offline,
    /// It is there for the first time.
    Appeared,
    /// Its credentials were revoked.
    Revoked,
    /// It is not there any more.
    Vanished,
}

/// A node that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    pub(super) event: Event,
    /// When, in milliseconds since 1970; or when that was seen, where nobody knows it better.
    pub(super) at_ms: u64,
    pub(super) node: String,
    /// Whether it is online now.
    pub(super) online: bool,
    pub(super) site: Option<String>,
}

impl Look {
    /// More nodes of it.
    pub(super) fn extend(&mut self, nodes: Vec<NodeView>) {
        self.0.extend(nodes.into_iter().map(|node| (node.node.clone(), node)));
    }

    pub(super) fn nodes(&self) -> usize {
        self.0.len()
    }

    pub(super) fn online(&self) -> usize {
        self.0.values().filter(|node| is_online(node)).count()
    }
}

impl Change {
    pub(super) fn at(&self) -> Timestamp {
        Timestamp(self.at_ms)
    }

    /// What happened, for a person.
    pub(super) fn text(&self) -> &'static str {
        match (self.event, self.online) {
            (Event::Online, _) => "online",
            (Event::Returned, _) => "online again",
            (Event::Silent, _) => "silent",
            (Event::Offline, _) => "offline",
            (Event::Appeared, true) => "appeared online",
            (Event::Appeared, false) => "appeared offline",
            (Event::Revoked, _) => "revoked",
            (Event::Vanished, _) => "vanished",
        }
    }
}

/// What has changed from one look to the next, which is now: at most one change a node, in the order in which they
/// happened.
pub(super) fn changes(before: &Look, after: &Look, now: Timestamp) -> Vec<Change> {
    let vanished = before.0.values().filter(|node| !after.0.contains_key(&node.node));
    let vanished = vanished.map(|node| Change { online: false, ..change(Event::Vanished, None, node, now) });
    let others = after.0.values().filter_map(|node| {
        let (event, since) = event(before.0.get(&node.node), node)?;
        Some(change(event, since, node, now))
    });
    let mut changes: Vec<_> = vanished.chain(others).collect();
    changes.sort_by_key(|change| change.at_ms);
    changes
}

fn change(event: Event, since_ms: Option<u64>, node: &NodeView, now: Timestamp) -> Change {
    let (at_ms, site) = (since_ms.unwrap_or(now.0), node.site.clone());
    Change { event, at_ms, node: node.node.clone(), online: is_online(node), site }
}

/// One that was revoked is out, though its grace period may not be over.
fn is_online(node: &NodeView) -> bool {
    node.online && !node.revoked
}

fn is_silent(node: &NodeView) -> bool {
    node.presence.state == Presence::Silent
}

/// What happened to a node, and when, if that is known.
fn event(before: Option<&NodeView>, after: &NodeView) -> Option<(Event, Option<u64>)> {
    let Some(before) = before else { return Some((Event::Appeared, None)) };
    if after.revoked && !before.revoked {
        return Some((Event::Revoked, None));
    }
    match (is_online(before), is_online(after)) {
        (true, true) if is_silent(before) != is_silent(after) => Some((
            if is_silent(after) { Event::Silent } else { Event::Returned },
            after.presence.since_ms.filter(|_| is_silent(after)),
        )),
        (false, true) => Some((Event::Online, after.since_ms)),
        (true, false) => Some((Event::Offline, after.since_ms)),
        (true, true) if before.since_ms != after.since_ms => Some((Event::Returned, after.since_ms)),
        // Since when a node is offline is told more exactly once a sweep has come by.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rollcall_wire::console::{ConfigProgress, FirmwareProgress, PresenceView};

    use super::*;

    const NOW: Timestamp = Timestamp(9_000);

    fn node(node: &str, online: bool, since_ms: u64) -> NodeView {
        NodeView {
            node: node.to_owned(),
            presence: PresenceView {
                state: if online { Presence::Online } else { Presence::Offline },
                since_ms: Some(since_ms),
                reason: String::new(),
            },
            online,
            since_ms: Some(since_ms),
            last_seen_ms: None,
            last_check_in_ms: None,
            connection: None,
            polling: false,
            site: Some("hq".to_owned()),
            model: None,
            tags: vec![],
            name: None,
            labels: BTreeMap::new(),
            credential_version: Some(1),
            revoked: false,
            firmware: None,
            desired: None,
            reported: None,
            config: ConfigProgress::None,
            desired_firmware: None,
            update: None,
            firmware_update: FirmwareProgress::None,
            open_commands: 0,
            takeovers: None,
            health: None,
            budget: None,
        }
    }

    fn between(before: Vec<NodeView>, after: Vec<NodeView>) -> Vec<(Event, u64)> {
        let [before, after] = [before, after].map(|nodes| {
            let mut look = Look::default();
            look.extend(nodes);
            look
        });
        changes(&before, &after, NOW).into_iter().map(|change| (change.event, change.at_ms)).collect()
    }

    #[test]
    fn each_way_of_coming_and_going_is_told_with_its_time() {
        let (on, off) = (|at| vec![node("ap-1", true, at)], |at| vec![node("ap-1", false, at)]);
        let revoked = |at| vec![NodeView { revoked: true, ..node("ap-1", at < 6, at) }];
        for (before, after, expected) in [
            (off(1), on(5), (Event::Online, 5)),
            (on(1), off(5), (Event::Offline, 5)),
            (on(1), on(5), (Event::Returned, 5)),
            (vec![], on(5), (Event::Appeared, NOW.0)),
            (vec![], off(5), (Event::Appeared, NOW.0)),
            (on(1), vec![], (Event::Vanished, NOW.0)),
            (on(1), revoked(5), (Event::Revoked, NOW.0)),
        ] {
            assert_eq!(between(before.clone(), after.clone()), [expected], "{before:?} {after:?}");
        }
        for (before, after) in [(on(1), on(1)), (off(1), off(5)), (revoked(5), revoked(6)), (vec![], vec![])] {
            assert_eq!(between(before.clone(), after.clone()), [], "{before:?} {after:?}");
        }
    }

    #[test]
    fn what_only_checked_in_has_not_changed() {
        let seen = NodeView { last_seen_ms: Some(7), firmware: Some("2".to_owned()), ..node("ap-1", true, 1) };
        assert_eq!(between(vec![node("ap-1", true, 1)], vec![seen]), []);
    }

    #[test]
    fn changes_come_in_the_order_in_which_they_happened() {
        let before = vec![node("a", true, 1), node("b", false, 1), node("c", true, 1), node("d", true, 1)];
        let after = vec![node("a", false, 7), node("b", true, 5), node("d", true, 1)];
        let expected = [(Event::Online, 5), (Event::Offline, 7), (Event::Vanished, NOW.0)];
        assert_eq!(between(before, after), expected);
    }

    #[test]
    fn who_vanished_is_not_online() {
        let mut before = Look::default();
        before.extend(vec![node("a", true, 1)]);
        assert!(!changes(&before, &Look::default(), NOW)[0].online);
        assert_eq!((before.online(), before.nodes()), (1, 1));
    }
}
