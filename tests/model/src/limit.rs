//! What the rules take for granted. Beyond such a limit, the checker finds a history that breaks a property.

use crate::bounds::{Bounds, NOTHING};
use crate::property::{NEWER, SEEN};
use crate::rules::Rules;
use crate::variant::Variant;

/// Every limit of the rules.
pub fn limits() -> Vec<Variant> {
    let slow = Bounds { check_ins: [Some(0), Some(0)], last_tick: 4, answers_lost: 1, outlasts_ticks: true, ..NOTHING };
    let slow_polls = Bounds { check_ins: [None, None], polls: 2, ..slow };
    vec![
        limit("no connect is under way for longer than 35 seconds (ADR 13)", slow, NEWER),
        limit("no poll is under way for longer than 35 seconds (ADR 13)", slow_polls, SEEN),
    ]
}

fn limit(name: &str, bounds: Bounds, breaks: &'static str) -> Variant {
    Variant { name: name.to_owned(), bounds, rules: Box::new(Rules::default), breaks }
}
