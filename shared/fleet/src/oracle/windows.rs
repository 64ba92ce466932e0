//! When the faults of a plan act.

use rollcall_core::Timestamp;

use crate::plan::{Plan, What};

/// How long after its end a fault may still show, in milliseconds: the longest time that a function or an integration
/// takes (29 s, Amazon API Gateway quotas, "Integration timeout"), and some for what follows.
const AFTER_MS: u64 = 60_000;
/// The clocks of two right hosts differ by 5 s at most (ADR 13). So a clock that is wrong by more than half of that is a
/// wrong clock.
const RIGHT_MS: u64 = 2_500;

/// Times, as intervals that do not touch, sorted.
#[derive(Clone, Debug, Default)]
struct Times(Vec<(u64, u64)>);

impl Times {
    fn new(mut times: Vec<(u64, u64)>) -> Self {
        times.sort_unstable();
        let mut merged: Vec<(u64, u64)> = vec![];
        for (from, to) in times {
            match merged.last_mut() {
                Some((_, end)) if from <= *end => *end = to.max(*end),
                _ => merged.push((from, to)),
            }
        }
        Self(merged)
    }

    fn meet(&self, from: Timestamp, to: Timestamp) -> bool {
        let after = self.0.partition_point(|(_, end)| *end < from.0);
        self.0.get(after).is_some_and(|(begin, _)| *begin <= to.0)
    }
}

/// When the faults of a plan act, in true time.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    /// Any fault of the cloud.
    cloud: Times,
    /// What may lose or delay a `$disconnect`.
    disconnects: Times,
    /// A clock is wrong.
    clocks: Times,
    /// Messages of a misbehaving program: the node, when, and how many.
    floods: Vec<(usize, u64, u32)>,
}

impl Windows {
    pub(super) fn new(plan: &Plan, start: Timestamp) -> Self {
        let (mut cloud, mut disconnects, mut clocks, mut floods) = (vec![], vec![], vec![], vec![]);
        for step in &plan.steps {
            let at = start.0 + step.at_ms;
            if let What::Flood { node, messages } = step.what {
                floods.push((node, at, messages));
            }
            let Some((for_ms, late_ms)) = acts_for(&step.what) else { continue };
            let window = (at, at + for_ms + late_ms + AFTER_MS);
            cloud.push(window);
            if is_wrong_clock(&step.what) {
                clocks.push(window);
            }
            if !matches!(step.what, What::PushesLost { .. } | What::MessagesDoubled { .. } | What::ColdStarts { .. }) {
                disconnects.push(window);
            }
        }
        let (cloud, disconnects, clocks) = (Times::new(cloud), Times::new(disconnects), Times::new(clocks));
        Self { cloud, disconnects, clocks, floods }
    }

    /// Whether a fault of the cloud may show between these times.
    pub(super) fn troubled(&self, from: Timestamp, to: Timestamp) -> bool {
        self.cloud.meet(from, to)
    }

    /// Whether a `$disconnect` between these times may be lost or late.
    pub(super) fn loses_disconnects(&self, from: Timestamp, to: Timestamp) -> bool {
        self.disconnects.meet(from, to)
    }

    /// Whether a wrong clock may have written something between these times.
    pub(super) fn wrong_clock(&self, from: Timestamp, to: Timestamp) -> bool {
        self.clocks.meet(from, to)
    }

    /// How many messages a misbehaving program of the node sent between these times.
    pub(super) fn flooded(&self, node: usize, from: Timestamp, to: Timestamp) -> u64 {
        let after = self.floods.partition_point(|(_, at, _)| *at < from.0);
        let floods = self.floods[after..].iter().take_while(|(_, at, _)| *at <= to.0);
        floods.filter(|(other, ..)| *other == node).map(|(.., messages)| u64::from(*messages)).sum()
    }
}

/// How long a fault of the cloud acts, and how much later it may show, in milliseconds; `None` if it is none.
fn acts_for(what: &What) -> Option<(u64, u64)> {
    Some(match what {
        What::CutAll => (0, 0),
        What::DisconnectsLate { for_ms, by_ms } | What::StoreSlow { for_ms, by_ms } => (*for_ms, *by_ms),
        What::DisconnectsLost { for_ms }
        | What::DisconnectsDoubled { for_ms }
        | What::ConnectsRetried { for_ms }
        | What::MessagesDoubled { for_ms }
        | What::PushesLost { for_ms }
        | What::AnswersLost { for_ms, .. }
        | What::Throttled { for_ms, .. }
        | What::StoreDown { for_ms }
        | What::InstancesKilled { for_ms, .. }
        | What::ColdStarts { for_ms }
        | What::LambdaThrottled { for_ms, .. }
        | What::ClockSkew { for_ms, .. } => (*for_ms, 0),
        _ => return None,
    })
}

fn is_wrong_clock(what: &What) -> bool {
    matches!(what, What::ClockSkew { by_ms, .. } if by_ms.unsigned_abs() > RIGHT_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Step;

    fn windows(steps: &[(u64, What)]) -> Windows {
        let steps = steps.iter().map(|(at_ms, what)| Step { at_ms: *at_ms, what: what.clone() }).collect();
        Windows::new(&Plan { steps, ..Plan::generate(1, 1, 1) }, Timestamp(1_000_000))
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp(1_000_000 + ms)
    }

    #[test]
    fn a_fault_may_show_from_its_beginning_until_a_minute_after_its_end() {
        let windows = windows(&[(100_000, What::PushesLost { for_ms: 50_000 })]);
        assert!(!windows.troubled(at(0), at(99_999)));
        assert!(windows.troubled(at(0), at(100_000)) && windows.troubled(at(210_000), at(900_000)));
        assert!(!windows.troubled(at(210_001), at(900_000)));
        assert!(!windows.loses_disconnects(at(0), at(900_000)), "pushes are no disconnects");
    }

    #[test]
    fn a_late_disconnect_may_come_as_late_as_the_plan_says() {
        let windows = windows(&[(0, What::DisconnectsLate { for_ms: 1_000, by_ms: 500_000 })]);
        assert!(windows.loses_disconnects(at(561_000), at(561_000)));
        assert!(!windows.loses_disconnects(at(561_001), at(600_000)));
    }

    #[test]
    fn a_clock_that_is_nearly_right_is_not_wrong() {
        let skew = |by_ms| windows(&[(0, What::ClockSkew { host: 1, by_ms, for_ms: 1_000 })]);
        assert!(!skew(-2_500).wrong_clock(at(0), at(1)) && !skew(2_500).wrong_clock(at(0), at(1)));
        assert!(skew(-2_501).wrong_clock(at(0), at(1)));
    }

    #[test]
    fn the_messages_of_a_node_s_floods_are_counted() {
        let windows = windows(&[
            (5, What::Flood { node: 0, messages: 7 }),
            (6, What::Flood { node: 1, messages: 100 }),
            (9, What::Flood { node: 0, messages: 20 }),
        ]);
        assert_eq!([windows.flooded(0, at(0), at(8)), windows.flooded(0, at(5), at(9))], [7, 27]);
    }
}
