//! Makes a plan that fails shorter, so that a person can read it.
//!
//! A shorter plan is tried by running it. It is kept if it still fails in the same way, which the caller decides. Steps
//! are left out by delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
//! Then come nodes, times and settings; and all of it again, until nothing more can be left out.

mod simpler;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::plan::Plan;

/// How far shrinking has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Progress {
    /// How many plans were run.
    pub runs: u32,
    pub steps: usize,
    pub nodes: usize,
}

/// The attempts to make a plan shorter.
struct Attempts<'a> {
    fails: &'a mut dyn FnMut(&Plan) -> bool,
    progress: &'a mut dyn FnMut(Progress),
    runs: u32,
    most: u32,
}

impl Attempts<'_> {
    /// Keeps the candidate as the best plan, if it is another one and fails as well. Returns whether it does.
    fn keep(&mut self, best: &mut Plan, candidate: Plan) -> bool {
        if self.is_over() || candidate == *best {
            return false;
        }
        self.runs += 1;
        let fails = (self.fails)(&candidate);
        if fails {
            *best = candidate;
        }
        (self.progress)(Progress { runs: self.runs, steps: best.steps.len(), nodes: best.nodes.len() });
        fails
    }

    fn is_over(&self) -> bool {
        self.runs >= self.most
    }
}

/// Finds a short plan that fails, starting from one that does. `fails` runs a plan, and says whether it shows the same
/// kind of violation; it is called `most` times at most. `progress` is told of each run.
pub fn shrink(
    plan: &Plan,
    most: u32,
    fails: &mut dyn FnMut(&Plan) -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Plan {
    let mut attempts = Attempts { fails, progress, runs: 0, most };
    let mut best = plan.clone();
    loop {
        let before = best.clone();
        end_earlier(&mut attempts, &mut best);
        leave_out_steps(&mut attempts, &mut best);
        leave_out_nodes(&mut attempts, &mut best);
        simplify_steps(&mut attempts, &mut best);
        simplify_settings(&mut attempts, &mut best);
        if best == before || attempts.is_over() {
            return best;
        }
    }
}

/// Leaves out the end: the calm and the end come as much earlier as the last step that is kept.
fn end_earlier(attempts: &mut Attempts<'_>, best: &mut Plan) {
    let room_ms = best.ends_at_ms.saturating_sub(best.calm_from_ms);
    let mut parts = 8;
    while parts > 0 {
        let calm_from_ms = best.calm_from_ms / 8 * parts;
        let mut candidate = best.clone();
        candidate.steps.retain(|step| step.at_ms < calm_from_ms);
        let last_ms = candidate.steps.iter().map(simpler::ends_at_ms).max().unwrap_or_default();
        candidate.calm_from_ms = best.calm_from_ms.min(last_ms.max(1));
        candidate.ends_at_ms = candidate.calm_from_ms + room_ms;
        if !attempts.keep(best, candidate) && parts < 8 {
            return;
        }
        parts /= 2;
    }
}

/// Delta debugging: leaves out ever smaller parts of the steps.
fn leave_out_steps(attempts: &mut Attempts<'_>, best: &mut Plan) {
    let mut size = best.steps.len().div_ceil(2);
    while size > 0 && !attempts.is_over() {
        let mut from = 0;
        let mut left_out = false;
        while from < best.steps.len() {
            let mut candidate = best.clone();
            candidate.steps.drain(from..(from + size).min(best.steps.len()));
            if attempts.keep(best, candidate) {
                left_out = true;
            } else {
                from += size;
            }
        }
        size = if left_out && size == 1 { 1 } else { size / 2 };
    }
}

/// Leaves out the nodes that nothing happens to, all at once and then one by one; then also the others with all that
/// happens to them.
fn leave_out_nodes(attempts: &mut Attempts<'_>, best: &mut Plan) {
    let used: BTreeSet<_> = best.steps.iter().filter_map(|step| step.what.node()).collect();
    let kept = |node: usize| used.contains(&node);
    if !used.is_empty() {
        let candidate = simpler::with_nodes(best, &kept);
        attempts.keep(best, candidate);
    }
    let mut node = 0;
    while node < best.nodes.len() && best.nodes.len() > 1 {
        let candidate = simpler::with_nodes(best, &|other| other != node);
        if !attempts.keep(best, candidate) {
            node += 1;
        }
    }
}

/// Makes each step shorter and simpler.
fn simplify_steps(attempts: &mut Attempts<'_>, best: &mut Plan) {
    for index in 0..best.steps.len() {
        let mut goes_on = true;
        while goes_on && !attempts.is_over() {
            goes_on = false;
            let Some(step) = best.steps.get(index).cloned() else { return };
            for simpler in simpler::of_step(&step) {
                let mut candidate = best.clone();
                if let Some(place) = candidate.steps.get_mut(index) {
                    *place = simpler;
                }
                goes_on |= attempts.keep(best, candidate);
                if goes_on {
                    break;
                }
            }
        }
    }
}

/// Tries the usual settings, one by one, and nodes that are near and hold sockets.
fn simplify_settings(attempts: &mut Attempts<'_>, best: &mut Plan) {
    for usual in simpler::USUAL {
        let mut candidate = best.clone();
        usual(&mut candidate.settings);
        attempts.keep(best, candidate);
    }
    for node in 0..best.nodes.len() {
        let mut candidate = best.clone();
        if let Some(node) = candidate.nodes.get_mut(node) {
            node.far = false;
        }
        attempts.keep(best, candidate);
    }
}
