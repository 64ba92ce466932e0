//! A model with which the checker is to find fault.

use rollcall_core::{Event, EventKind, Policy, Update, plan};

use crate::bounds::Bounds;
use crate::rules::{Plan, Rules};

/// A model with which the checker is to find fault.
#[expect(missing_docs, reason = "the names say it")]
pub struct Variant {
    pub name: String,
    /// Where it goes wrong.
    pub bounds: Bounds,
    pub rules: Box<dyn Fn() -> Rules>,
    /// The property that the shortest history breaks.
    pub breaks: &'static str,
}

/// The real rules, with another plan for the events for which `is` holds.
pub(crate) fn with_plan(
    is: fn(&EventKind) -> bool,
    other: impl Fn(Update, &Event) -> Update + Send + Sync + 'static,
) -> Rules {
    let plan: Plan = Box::new(move |event: &Event, policy: &Policy| {
        let update = plan(event, policy);
        if is(&event.kind) { other(update, event) } else { update }
    });
    Rules { plan, ..Rules::default() }
}
