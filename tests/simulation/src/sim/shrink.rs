//! A shorter plan with the same violation.

use rollcall_fleet::Plan;

/// Leaves out steps as long as the plan still fails: halves, quarters, and so on.
pub(crate) fn shrink(plan: &Plan, fails: impl Fn(&Plan) -> bool) -> Plan {
    let mut best = plan.clone();
    let mut part = best.steps.len().div_ceil(2).max(1);
    loop {
        let mut from = 0;
        while from < best.steps.len() {
            let mut shorter = best.clone();
            shorter.steps.drain(from..(from + part).min(best.steps.len()));
            if fails(&shorter) { best = shorter } else { from += part }
        }
        if part == 1 {
            return best;
        }
        part = part.div_ceil(2);
    }
}
