//! What the rules do not keep yet. When one of these is mended, the checker no longer finds it, and a test says so.

use crate::bounds::{Bounds, NOTHING};
use crate::property::{ACKED, NEWER, REVOKED_TOLD};
use crate::rules::Rules;
use crate::variant::Variant;

/// What the rules do not keep yet.
pub fn findings() -> Vec<Variant> {
    let polling = Bounds { polls: 1, configs: 1, revokes: 1, answers_lost: 1, is_strict: true, ..NOTHING };
    let polling_twice = Bounds { polls: 2, revokes: 1, last_tick: 1, ..NOTHING };
    let slow = Bounds { check_ins: [Some(0), Some(0)], last_tick: 1, answers_lost: 1, outlasts_ticks: true, ..NOTHING };
    vec![
        finding(
            "a poll whose answer was lost is acknowledged with news after the node is revoked",
            polling,
            REVOKED_TOLD,
        ),
        finding(
            "a poll that was planned again is acknowledged, and not stored, after the node is revoked",
            polling_twice,
            ACKED,
        ),
        finding(
            "a write that takes more than five seconds takes a newer connection for one of the future",
            slow,
            NEWER,
        ),
    ]
}

fn finding(name: &str, bounds: Bounds, breaks: &'static str) -> Variant {
    Variant { name: name.to_owned(), bounds, rules: Box::new(Rules::default), breaks }
}
