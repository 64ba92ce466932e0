//! Conditions of a planned write, made weaker.

use rollcall_core::{Attribute, Guard, Update};

/// The same write. Each of its conditions that is about this attribute also holds if `or` does.
pub(crate) fn weakened(mut update: Update, about: Attribute, or: &Guard) -> Update {
    for clause in &mut update.clauses {
        if is_about(&clause.guard, about) {
            clause.guard = Guard::Any(vec![clause.guard.clone(), or.clone()]);
        }
    }
    update
}

/// The same write without its conditions that are about this attribute.
pub(crate) fn without(update: Update, about: Attribute) -> Update {
    weakened(update, about, &Guard::All(vec![]))
}

/// The same write without any condition.
pub(crate) fn unguarded(mut update: Update) -> Update {
    update.clauses.clear();
    update
}

fn is_about(guard: &Guard, attribute: Attribute) -> bool {
    match guard {
        Guard::All(guards) | Guard::Any(guards) => guards.iter().any(|guard| is_about(guard, attribute)),
        Guard::Exists(about)
        | Guard::Missing(about)
        | Guard::Equal(about, _)
        | Guard::Differs(about, _)
        | Guard::Less(about, _)
        | Guard::AtMost(about, _)
        | Guard::AtLeast(about, _)
        | Guard::Greater(about, _) => *about == attribute,
    }
}
