//! Designs that the decisions in `docs/adr` reject, each as a small change of the rules.

mod settled;

use rollcall_core::{
    Attribute, Change, ConfigState, Connection, Event, EventKind, Expected, Guard, Node, NodeId, Policy, Timestamp,
    Update, lost, plan, set_config,
};

use self::settled::{
    acked_anyway, check_in_reads_first, connect_reads_first, earlier_is_refused, served_before, told_only, unlabelled,
};
use crate::bounds::{Bounds, NOTHING};
use crate::guards::{unguarded, weakened, without};
use crate::property::{
    ACKED, CLOSED, DISMISSED, EXPLAINED, FOUND, HOLDER, KEPT, NEWER, NO_NEWS, POLLING, PRESENCE, RECOGNISED, REPLACED,
    REPLACING, SEEN, TOLD, TRUE, VERSIONS,
};
use crate::rules::Rules;
use crate::variant::{Variant, with_plan};

const TWO: Bounds = Bounds { check_ins: [Some(0), Some(0)], ..NOTHING };
const SPEAKING: Bounds = Bounds { check_ins: [Some(1), Some(0)], ..NOTHING };

/// Every wrong design.
pub fn wrong_designs() -> Vec<Variant> {
    let unsure = Bounds { answers_lost: 1, ..TWO };
    let configs = Bounds { configs: 2, ..NOTHING };
    let revoked = Bounds { polls: 1, revokes: 1, ..NOTHING };
    let handed_out = Bounds { polls: 1, configs: 1, ..NOTHING };
    let told_again = Bounds { revokes: 1, answers_lost: 1, ..handed_out };
    let slow = Bounds { last_tick: 1, outlasts_ticks: true, ..unsure };
    let pushed = Bounds { configs: 1, ..TWO };
    vec![
        design(1, "a connect is stored whatever is stored", TWO, connect_without_guard, NEWER),
        design(
            1,
            "a check-in is judged by what was read before it is written",
            SPEAKING,
            check_in_reads_first,
            REPLACED,
        ),
        design(1, "a connect reads which connection it is going to replace", TWO, connect_reads_first, REPLACING),
        design(1, "a repeated $connect does not recognise itself", unsure, connect_unrecognised, TRUE),
        design(1, "a repeated $disconnect does not recognise itself", unsure, disconnect_unrecognised, RECOGNISED),
        design(1, "a refused write does not say which clause it was refused by", TWO, unlabelled, EXPLAINED),
        design(2, "a repeated $connect is stored again", REPEATED, connect_again, KEPT),
        design(2, "$connect opens a connection again that has closed", TWO, connect_after_disconnect, CLOSED),
        design(2, "connections are ordered by their arrival", TWO, by_arrival, NEWER),
        design(2, "$disconnect closes whatever holds the node", TWO, disconnect_without_guard, NEWER),
        design(3, "a check-in with an earlier time is refused", LATE, earlier_is_refused, TRUE),
        design(3, "last seen is set to whatever time comes", LATE, seen_is_set, SEEN),
        design(3, "a poll is recognised by its time alone", LATE_POLL, by_time_alone, ACKED),
        design(4, "a connection that does not hold the node is told so and left open", SPEAKING, told_only, DISMISSED),
        design(1, "the sweep believes what it has read", SWEPT, expire_without_guard, FOUND),
        design(1, "the slow scan believes what it has read", SCANNED, lost_without_guard, POLLING),
        design(13, "the slow scan looks for open connections only", FORGOTTEN, lost_connections_only, PRESENCE),
        design(12, "a poll is acknowledged whatever its write said", revoked, acked_anyway, ACKED),
        design(6, "a configuration is no longer news once it is handed out", handed_out, reported_by_ack, TOLD),
        design(6, "the version of a configuration is counted by its reader", configs, counted, VERSIONS),
        design(11, "every 410 proves a close", pushed, every_410, HOLDER),
        design(11, "who was served before is told the news", told_again, served_before, NO_NEWS),
        design(13, "a write is under way for five seconds at most", slow, five_seconds, NEWER),
    ]
}

fn design(decision: u8, name: &str, bounds: Bounds, rules: fn() -> Rules, breaks: &'static str) -> Variant {
    Variant { name: format!("{name} (ADR {decision})"), bounds, rules: Box::new(rules), breaks }
}

const REPEATED: Bounds = Bounds { check_ins: [Some(2), None], repeated: 1, ..NOTHING };
const LATE: Bounds = Bounds { check_ins: [Some(2), None], last_tick: 1, ..NOTHING };
const LATE_POLL: Bounds = Bounds { polls: 2, revokes: 1, last_tick: 1, ..NOTHING };
const SWEPT: Bounds = Bounds { sweeps: 1, last_tick: 1, ..TWO };
const FORGOTTEN: Bounds = Bounds { polls: 1, scans: 1, last_tick: 2, ..NOTHING };
const SCANNED: Bounds = Bounds { polls: 2, scans: 1, last_tick: 2, ..NOTHING };

fn is_disconnect(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Disconnect { .. })
}

fn is_connect(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Connect { .. })
}

fn connect_without_guard() -> Rules {
    with_plan(is_connect, |update, _| unguarded(update))
}

fn disconnect_without_guard() -> Rules {
    with_plan(is_disconnect, |update, _| unguarded(update))
}

fn expire_without_guard() -> Rules {
    with_plan(|kind| matches!(kind, EventKind::Expire { .. }), |update, _| unguarded(update))
}

fn lost_without_guard() -> Rules {
    with_plan(|kind| matches!(kind, EventKind::Lost { .. }), |update, _| unguarded(update))
}

fn connection(event: &Event) -> Option<&Connection> {
    match &event.kind {
        EventKind::Connect { connection, .. } => Some(connection),
        _ => None,
    }
}

/// A connect is stored if another connection holds the node, whichever is newer.
fn by_arrival() -> Rules {
    with_plan(is_connect, |update, event| {
        let id = connection(event).map(|connection| connection.id.as_str().into());
        let another = id.map_or(Guard::NEVER, |id| Guard::Differs(Attribute::Connection, id));
        weakened(update, Attribute::Connection, &another)
    })
}

/// "Newer than the stored connection, or the same and still open."
fn connect_again() -> Rules {
    with_plan(is_connect, |update, event| {
        let id = connection(event).map(|connection| connection.id.as_str().into());
        let same = id.map_or(Guard::NEVER, |id| Guard::Equal(Attribute::Connection, id));
        let same_and_open = Guard::All(vec![same, Guard::Missing(Attribute::ClosedAt)]);
        weakened(update, Attribute::Connection, &same_and_open)
    })
}

/// "Newer than the stored connection, or the same."
fn connect_after_disconnect() -> Rules {
    with_plan(is_connect, |update, event| {
        let id = connection(event).map(|connection| connection.id.as_str().into());
        let same = id.map_or(Guard::NEVER, |id| Guard::Equal(Attribute::Connection, id));
        weakened(update, Attribute::Connection, &same)
    })
}

fn seen_is_set() -> Rules {
    with_plan(|_| true, |update, _| without(update, Attribute::Seen))
}

fn connect_unrecognised() -> Rules {
    with_plan(is_connect, |update, _| Update { already_applied: Guard::NEVER, ..update })
}

fn disconnect_unrecognised() -> Rules {
    with_plan(is_disconnect, |update, _| Update { already_applied: Guard::NEVER, ..update })
}

fn counted() -> Rules {
    let count = |node: &NodeId, document: &str, read: &Node| {
        let next = read.desired.as_ref().map_or(0, |desired| desired.version) + 1;
        let mut update = set_config(node, document, &Expected::default());
        for change in &mut update.changes {
            if let Change::Add(Attribute::DesiredVersion, _) = change {
                *change = Change::Set(Attribute::DesiredVersion, next.into());
            }
        }
        update
    };
    Rules { set_config: count, counts_what_it_read: true, ..Rules::default() }
}

fn every_410() -> Rules {
    let gone = |node: &NodeId, known: &Node, now: Timestamp| {
        let connection = known.open()?.connection.clone();
        let reason = Some("gone".to_owned());
        Some(Event::new(node.clone(), now, EventKind::Disconnect { connection, code: None, reason }))
    };
    Rules { gone, ..Rules::default() }
}

fn lost_connections_only() -> Rules {
    Rules {
        lost: |id, node, now, policy| lost(id, node, now, policy).filter(|_| node.open().is_some()),
        ..Rules::default()
    }
}

/// The write of a poll notes what is desired as reported, because its answer is going to name it.
fn reported_by_ack() -> Rules {
    with_plan(
        |kind| matches!(kind, EventKind::Poll { .. }),
        |mut update, _| {
            let (to, from) = (Attribute::ConfigVersion, Attribute::DesiredVersion);
            update.changes.push(Change::Copy { to, from, otherwise: 0_u64.into() });
            update.changes.push(Change::Set(Attribute::ConfigState, ConfigState::Applied.as_str().into()));
            update
        },
    )
}

/// A poll whose time is stored is taken for stored.
fn by_time_alone() -> Rules {
    with_plan(
        |kind| matches!(kind, EventKind::Poll { .. }),
        |update, event| {
            let is_seen = Guard::Equal(Attribute::Seen, event.at.0.into());
            Update { already_applied: Guard::All(vec![is_seen, Guard::Exists(Attribute::Polls)]), ..update }
        },
    )
}

/// A connect is judged by a clock that is 30 seconds behind, so that an instant five seconds later is the future.
fn five_seconds() -> Rules {
    let earlier = |time: Timestamp| Timestamp(time.0 - 30_000);
    let judged = move |event: &Event, policy: &Policy| {
        if is_connect(&event.kind) {
            plan(&Event { at: earlier(event.at), now: earlier(event.now), ..event.clone() }, policy)
        } else {
            plan(event, policy)
        }
    };
    Rules { plan: Box::new(judged), ..Rules::default() }
}
