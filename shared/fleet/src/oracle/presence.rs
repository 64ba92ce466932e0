//! Presence is right after the grace period.
//!
//! The truth is what the gateway's sockets and the polls are. From it follows what presence must be, or that it may be
//! either: shortly after a change, and while nobody can know better.

use rollcall_core::{ConnectionId, Node, Presence, Timestamp};

use super::check_ins::CheckIns;
use super::facts::{Facts, SKEW_MS, earlier, later};
use super::sockets::Sockets;
use super::table::{Change, Table};
use super::verdicts::Verdicts;
use crate::plan::NodeKind;
use crate::violation::ViolationKind as Kind;

/// How long a `$disconnect` takes that nothing delays, in milliseconds: an invocation with a cold start.
const DISCONNECT_MS: u64 = 35_000;
/// How many intervals a polling node may be silent.
const POLLS_MISSED: u64 = 3;
/// The longest time that a handshake takes, in milliseconds (ADR 11).
const HANDSHAKE_MS: u64 = 60_000;
/// The close reason that a push stores when `@connections` does not know the connection.
const GONE: &str = "gone";
/// The reason of a close that the slow scan concludes from silence.
const LOST: &str = "lost";

/// What presence must be, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    Online(String),
    Offline(String),
    Either,
}

/// What is known about the presence of each node.
#[derive(Clone, Debug)]
pub(super) struct PresenceJudge {
    /// When the close that is stored was stored, in true time.
    closed_at: Vec<Option<Timestamp>>,
    /// Since when the connection that is stored has held the node.
    held_since: Vec<Timestamp>,
}

/// What the judge looks at.
pub(super) struct Truth<'a> {
    pub(super) facts: &'a Facts,
    pub(super) sockets: &'a Sockets,
    pub(super) table: &'a Table,
    pub(super) check_ins: &'a CheckIns,
}

/// A presence that somebody was shown: between these times it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) node: usize,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) presence: Presence,
    /// Whether it is the console's view, in which a revoked node is offline.
    pub(super) is_view: bool,
}

impl PresenceJudge {
    pub(super) fn new(nodes: usize) -> Self {
        Self { closed_at: vec![None; nodes], held_since: vec![Timestamp(0); nodes] }
    }

    /// A node's item was written. `checked_in`: when a check-in of the node was last stored.
    pub(super) fn wrote(
        &mut self,
        (facts, sockets): (&Facts, &Sockets),
        verdicts: &mut Verdicts,
        at: Timestamp,
        change: &Change,
        checked_in: Option<Timestamp>,
    ) {
        let holder = |node: &Node| node.held.as_ref().map(|held| held.connection.clone());
        let was = change.was.as_deref().and_then(holder);
        let Some(held) = &change.is.held else { return };
        let is_new = was.as_ref().is_none_or(|was| was.id != held.connection.id);
        if let Some(was) = was.filter(|_| is_new) {
            newer_holds(facts, verdicts, at, change.node, (&was, &held.connection));
        }
        if let Some(held_since) = self.held_since.get_mut(change.node).filter(|_| is_new) {
            *held_since = at;
        }
        let was_open = change.was.as_deref().is_none_or(|was| was.open().is_some()) || is_new;
        let Some(closed_at) = self.closed_at.get_mut(change.node) else { return };
        *closed_at = match (&held.closed, was_open) {
            (None, _) => None,
            (Some(_), false) => *closed_at,
            (Some(closed), true) => {
                let (id, reason) = (&held.connection.id, closed.reason.as_deref());
                let heard = checked_in.max(sockets.get(id).map(|socket| socket.shaken_at)).unwrap_or_default();
                let is_silent = later(heard, facts.lost_after_ms()) <= later(at, SKEW_MS);
                // Half of a connection may outlive its node at the gateway, for up to its ten minutes without a message.
                if reason != Some(LOST) || !is_silent {
                    is_over(sockets, verdicts, at, change.node, (id, reason));
                }
                Some(at)
            }
        };
    }

    /// Somebody was shown a node's presence.
    pub(super) fn shown(&self, truth: &Truth<'_>, verdicts: &mut Verdicts, shown: &Shown) {
        let expected = self.expected(truth, verdicts, shown);
        let (is, must) = match (expected, shown.presence) {
            (Expected::Online(why), Presence::Offline(_)) => ("offline", format!("online: {why}")),
            (Expected::Offline(why), Presence::Online(_)) => ("online", format!("offline: {why}")),
            _ => return Self::since(truth, verdicts, shown),
        };
        let what = format!(
            "was shown as {is} between {} and {}, and was {must}",
            verdicts.when(shown.from),
            verdicts.when(shown.to)
        );
        verdicts.node(Kind::WrongPresence, shown.to, shown.node, what);
    }

    fn expected(&self, truth: &Truth<'_>, verdicts: &Verdicts, shown: &Shown) -> Expected {
        let Truth { facts, table, .. } = truth;
        let long_ago = earlier(shown.from, facts.lost_after_ms() + 60_000);
        if facts.windows.wrong_clock(long_ago, shown.to) {
            return Expected::Either;
        }
        if shown.is_view && table.stored(shown.node).and_then(|stored| stored.let_in_at) >= Some(shown.from) {
            return Expected::Either;
        }
        if shown.is_view && table.refused_since(shown.node, u32::MAX).is_some_and(|since| since < shown.from) {
            return Expected::Offline("it is revoked".to_owned());
        }
        match facts.nodes.get(shown.node).map(|node| node.kind) {
            Some(NodeKind::Socket) => self.of_sockets(truth, verdicts, shown),
            Some(NodeKind::Poller) => of_polls(truth, verdicts, shown),
            None => Expected::Either,
        }
    }

    fn of_sockets(&self, truth: &Truth<'_>, verdicts: &Verdicts, shown: &Shown) -> Expected {
        let Truth { facts, sockets, table, check_ins } = truth;
        let Some(summary) = sockets.of(shown.node) else { return Expected::Either };
        let Some((shaken_at, newest)) = &summary.newest else {
            return Expected::Offline("it was never connected".to_owned());
        };
        let heard_at = check_ins.stored_at(shown.node).unwrap_or(*shaken_at).max(*shaken_at);
        let lost_at = later(heard_at, facts.lost_after_ms());
        let stored = table.node(shown.node).and_then(|node| node.held.as_ref());
        if let Some(socket) = sockets.get(newest).filter(|socket| socket.is_open()) {
            let holds = !table.is_seen() || stored.is_some_and(|held| held.connection.id == *newest);
            let revoked = table.refused_since(shown.node, u32::MAX).is_some() && shown.is_view;
            let open_since = socket.open_since.unwrap_or(shown.to);
            if holds && !revoked && open_since < shown.from && shown.to < earlier(lost_at, SKEW_MS) {
                return Expected::Online(format!("connection {newest} is open since {}", verdicts.when(open_since)));
            }
            return Expected::Either;
        }
        if !summary.open.is_empty() {
            return Expected::Either;
        }
        self.of_no_socket(truth, verdicts, shown, lost_at)
    }

    /// No socket of the node is open. It is offline once its grace period is over, if its close is stored or nothing
    /// could have kept that from being stored; and in any case once its `$disconnect` counts as lost.
    fn of_no_socket(&self, truth: &Truth<'_>, verdicts: &Verdicts, shown: &Shown, lost_at: Timestamp) -> Expected {
        let Truth { facts, sockets, table, .. } = truth;
        let summary = sockets.of(shown.node);
        let ended = summary.and_then(|summary| summary.last_end.as_ref());
        let newest = summary.and_then(|summary| summary.newest.as_ref());
        let held = table.node(shown.node).and_then(|node| node.held.as_ref());
        let mut offline_from = lost_at;
        // Only if no later handshake was stored, or may be stored just now.
        let last = ended.zip(newest).filter(|((_, ended), (shaken_at, newest))| {
            let holder = held.map(|held| &held.connection.id).filter(|_| table.is_seen()).unwrap_or(newest);
            holder == ended && (newest == ended || later(*shaken_at, HANDSHAKE_MS) < shown.from)
        });
        if let Some(((ended_at, _), (shaken_at, _))) = last {
            let until = later(*ended_at, DISCONNECT_MS);
            if !facts.windows.loses_disconnects(earlier((*shaken_at).min(*ended_at), 1_000), until) {
                offline_from = offline_from.min(later(*ended_at, facts.grace_ms() + DISCONNECT_MS));
            }
            let closed = held.and_then(|held| held.closed.as_ref());
            let closed_at = self.closed_at.get(shown.node).copied().flatten();
            if let (Some(closed), Some(closed_at)) = (closed, closed_at) {
                // A push that found the connection gone stored the time of the push.
                let begun = if closed.reason.as_deref() == Some(GONE) { closed_at } else { *ended_at };
                offline_from = offline_from.min(later(begun, facts.grace_ms()).max(closed_at));
            }
        }
        if later(offline_from, SKEW_MS) < shown.from {
            let since = ended.map_or_else(String::new, |(at, _)| format!(" since {}", verdicts.when(*at)));
            return Expected::Offline(format!("it has no connection{since}"));
        }
        Expected::Either
    }

    /// Since when a node is said to be online or offline can't be after it was shown, and a node is not offline since
    /// before its connection ended.
    fn since(truth: &Truth<'_>, verdicts: &mut Verdicts, shown: &Shown) {
        let (Presence::Online(since) | Presence::Offline(Some(since))) = shown.presence else { return };
        let Truth { facts, sockets, table, check_ins } = truth;
        if facts.windows.wrong_clock(facts.start, shown.to) {
            return;
        }
        let mut why = None;
        if since > later(shown.to, SKEW_MS) || since < earlier(facts.start, SKEW_MS) {
            why = Some("it was neither at that time".to_owned());
        }
        // The end of a socket that does not hold the node, such as one that was superseded without noticing, says nothing.
        let holder = table.node(shown.node).and_then(|node| node.held.as_ref()).map(|held| &held.connection.id);
        let last_end = sockets.of(shown.node).and_then(|summary| summary.last_end.as_ref());
        let last_end = last_end.filter(|(_, ended)| holder.is_none_or(|holder| holder == ended)).map(|(at, _)| *at);
        let heard_at = check_ins.stored_at(shown.node);
        if let (Presence::Offline(_), Some(ended_at)) = (shown.presence, last_end) {
            // Of a node that never checked in, only the opening of a connection is known, which may be any of them.
            let lost_at = later(heard_at.unwrap_or(facts.start), facts.lost_after_ms());
            if later(since, SKEW_MS) < ended_at.min(lost_at) {
                why = Some(format!("its connection ended at {}", verdicts.when(ended_at)));
            }
        }
        if let Some(why) = why {
            let presence = if matches!(shown.presence, Presence::Online(_)) { "online" } else { "offline" };
            let what = format!("was shown as {presence} since {}, and {why}", verdicts.when(since));
            verdicts.node(Kind::WrongPresence, shown.to, shown.node, what);
        }
    }
}

fn of_polls(truth: &Truth<'_>, verdicts: &Verdicts, shown: &Shown) -> Expected {
    let Some(polled_at) = truth.check_ins.stored_at(shown.node) else {
        return Expected::Offline("it never polled".to_owned());
    };
    let patience = POLLS_MISSED * truth.facts.interval_ms();
    if later(polled_at, patience + SKEW_MS) < shown.from {
        return Expected::Offline(format!("it polled last at {}", verdicts.when(polled_at)));
    }
    let revoked = truth.table.refused_since(shown.node, u32::MAX).is_some() && shown.is_view;
    if !revoked && polled_at < shown.from && shown.to < later(polled_at, patience.saturating_sub(SKEW_MS)) {
        return Expected::Online(format!("it polled at {}", verdicts.when(polled_at)));
    }
    Expected::Either
}

/// Of two connections, the one that opened later holds the node; of two that opened at once, the one with the greater
/// id. A connection that opened in the future, by a wrong clock, is replaced by any other.
fn newer_holds(
    facts: &Facts,
    verdicts: &mut Verdicts,
    at: Timestamp,
    node: usize,
    (was, is): (&rollcall_core::Connection, &rollcall_core::Connection),
) {
    let is_newer = (is.opened_at, &is.id) > (was.opened_at, &was.id);
    if !is_newer && was.opened_at <= at && !facts.windows.wrong_clock(earlier(at, 180_000), at) {
        let what = format!(
            "is held by connection {} of {}, although connection {} of {} is newer",
            is.id,
            verdicts.when(is.opened_at),
            was.id,
            verdicts.when(was.opened_at)
        );
        verdicts.node(Kind::NotTheHolder, at, node, what);
    }
}

/// A connection that is stored as closed is over at the gateway, unless its node counts as lost.
fn is_over(
    sockets: &Sockets,
    verdicts: &mut Verdicts,
    at: Timestamp,
    node: usize,
    (connection, reason): (&ConnectionId, Option<&str>),
) {
    if sockets.get(connection).is_some_and(super::sockets::Socket::is_open) {
        let what = format!("has connection {connection} stored as closed ({reason:?}), and it is open at the gateway");
        verdicts.node(Kind::WrongPresence, at, node, what);
    }
}
