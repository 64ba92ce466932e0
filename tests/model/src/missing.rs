//! The rules without one of their conditions.

use rollcall_core::{Attribute, EventKind};

use crate::bounds::{Bounds, NOTHING};
use crate::guards::without;
use crate::property::{FOUND, KEPT, NEWER, POLLING, REPLACED, REVOKED, SEEN};
use crate::rules::Rules;
use crate::variant::{Variant, with_plan};

/// A condition of an event: what it is about, and which property it is for.
struct Condition {
    is: fn(&EventKind) -> bool,
    name: &'static str,
    about: Attribute,
    bounds: Bounds,
    breaks: &'static str,
}

const ONE: Bounds = Bounds { check_ins: [Some(2), None], last_tick: 1, ..NOTHING };
const TWO: Bounds = Bounds { check_ins: [Some(1), Some(0)], asks: true, ..NOTHING };
const REVOKES: Bounds = Bounds { polls: 1, asks: true, revokes: 1, ..ONE };
const POLLS: Bounds = Bounds { polls: 2, last_tick: 1, ..NOTHING };

const CONDITIONS: [Condition; 14] = [
    on(is_connect, "a connect without the order of connections", Attribute::Connection, TWO, NEWER),
    on(is_connect, "a connect that does not look for a revocation", Attribute::Revoked, REVOKES, REVOKED),
    on(is_check_in, "a check-in of whatever connection", Attribute::Connection, TWO, REPLACED),
    on(is_check_in, "a check-in that does not look for a revocation", Attribute::Revoked, REVOKES, REVOKED),
    on(is_check_in, "a check-in with whatever sequence number", Attribute::Seq, ONE, KEPT),
    on(is_check_in, "a check-in at whatever time", Attribute::Seen, ONE, SEEN),
    on(is_question, "a question of whatever connection", Attribute::Connection, TWO, REPLACED),
    on(is_question, "a question that does not look for a revocation", Attribute::Revoked, REVOKES, REVOKED),
    on(is_poll, "a poll that does not look for a revocation", Attribute::Revoked, REVOKES, REVOKED),
    on(is_poll, "a poll at whatever time", Attribute::Seen, POLLS, SEEN),
    on(is_disconnect, "a $disconnect without the order of connections", Attribute::Connection, TWO, NEWER),
    on(is_expire, "a sweep that does not look for the grace period", Attribute::Due, SWEPT, POLLING),
    on(is_lost, "a slow scan that does not look for the connection", Attribute::Connection, SCANNED, FOUND),
    on(is_lost, "a slow scan that does not look at last seen", Attribute::Seen, POLLED, POLLING),
];

const SWEPT: Bounds = Bounds { check_ins: [Some(0), None], polls: 1, sweeps: 1, last_tick: 1, ..NOTHING };
const SCANNED: Bounds = Bounds { check_ins: [Some(0), Some(0)], scans: 1, last_tick: 2, ..NOTHING };
const POLLED: Bounds = Bounds { polls: 2, scans: 1, last_tick: 2, ..NOTHING };

/// Every condition without which the checker finds a history that breaks a property.
pub fn missing_conditions() -> Vec<Variant> {
    let variant = |condition: &Condition| {
        let Condition { is, name, about, bounds, breaks } = *condition;
        let rules = move || -> Rules { with_plan(is, move |update, _| without(update, about)) };
        Variant { name: name.to_owned(), bounds, rules: Box::new(rules), breaks }
    };
    CONDITIONS.iter().map(variant).collect()
}

const fn on(
    is: fn(&EventKind) -> bool,
    name: &'static str,
    about: Attribute,
    bounds: Bounds,
    breaks: &'static str,
) -> Condition {
    Condition { is, name, about, bounds, breaks }
}

fn is_connect(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Connect { .. })
}

fn is_check_in(kind: &EventKind) -> bool {
    matches!(kind, EventKind::CheckIn { .. })
}

fn is_question(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Ask { .. })
}

fn is_poll(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Poll { .. })
}

fn is_disconnect(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Disconnect { .. })
}

fn is_expire(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Expire { .. })
}

fn is_lost(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Lost { .. })
}
