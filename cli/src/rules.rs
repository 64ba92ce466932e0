//! What the rules go by, as the command was told.

use rollcall_core::Policy;

use crate::args::{Registration, Rules};
use crate::problem::Problem;

/// The spread of reconnects: short, so that a person sees nodes come back.
const SPREAD: u32 = 5;

/// The policy.
///
/// # Errors
/// Every setting that is out of range.
pub(crate) fn policy(rules: &Rules) -> Result<Policy, Problem> {
    let registration = match rules.registration {
        Registration::Open => rollcall_core::Registration::Open,
        Registration::Closed => rollcall_core::Registration::Closed,
    };
    let policy = Policy::new(registration, rules.lifetime, rules.check_in_every, rules.grace, SPREAD);
    policy.map(|policy| policy.with_budget(rules.budget)).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(|error| format!("--{error}")).collect();
        Problem::misuse(errors.join("; "))
    })
}
