//! The arithmetic of waiting. Times are durations since the node's start; randomness comes from the caller.

use std::time::Duration;

use rand::{Rng, RngExt};

/// Full jitter: a random time from zero to `base * 2^failures`, at most `cap` (AWS Architecture Blog, "Exponential
/// Backoff And Jitter").
pub(crate) fn full_jitter(rng: &mut impl Rng, base: Duration, cap: Duration, failures: u32) -> Duration {
    let step = 2_u32.checked_pow(failures).and_then(|factor| base.checked_mul(factor)).unwrap_or(cap);
    up_to(rng, step.min(cap))
}

/// A random time from zero to `limit`.
pub(crate) fn up_to(rng: &mut impl Rng, limit: Duration) -> Duration {
    rng.random_range(Duration::ZERO..=limit)
}

/// At least this wait, and up to a quarter of it more at random, so that nodes with the same wait do not all come at
/// once.
pub(crate) fn at_least(rng: &mut impl Rng, wait: Duration) -> Duration {
    wait + up_to(rng, wait / 4)
}

/// When a connection is to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replacement {
    /// When to begin.
    pub(crate) begin: Duration,
    /// When the connection must be gone.
    pub(crate) deadline: Duration,
}

impl Replacement {
    /// Begins at a random time between 70% and 90% of the time that is left, so that a fleet that connected at one time
    /// does not reconnect at one time. The rest of the time is for repeated attempts. However little time is left, the
    /// deadline leaves room for one attempt of length `attempt`: to close the old connection during the attempt would
    /// cause an outage.
    pub(crate) fn within(rng: &mut impl Rng, now: Duration, left: Duration, attempt: Duration) -> Self {
        let begin = now + rng.random_range(left * 7 / 10..=left * 9 / 10);
        Self { begin, deadline: (now + left).max(begin + attempt) }
    }

    /// The plan after the server named the time that is left once more.
    ///
    /// The beginning stays as it was drawn, unless it has become too late. If it were drawn anew with every ack, it
    /// would move towards the deadline.
    pub(crate) fn told_again(self, rng: &mut impl Rng, now: Duration, left: Duration, attempt: Duration) -> Self {
        if self.begin > now + left * 9 / 10 {
            return Self::within(rng, now, left, attempt);
        }
        let deadline = (now + left).max(self.begin.max(now) + attempt);
        Self { begin: self.begin, deadline: self.deadline.min(deadline) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    const BASE: Duration = Duration::from_secs(1);
    const ATTEMPT: Duration = Duration::from_secs(15);
    const CAP: Duration = Duration::from_mins(1);

    proptest! {
        #[test]
        fn a_back_off_is_never_longer_than_its_step_or_the_cap(seed: u64, failures: u32) {
            let delay = full_jitter(&mut SmallRng::seed_from_u64(seed), BASE, CAP, failures);
            prop_assert!(delay <= CAP);
            prop_assert!(failures > 6 || delay <= BASE * 2_u32.pow(failures));
        }

        #[test]
        fn a_replacement_begins_between_70_and_90_percent_of_the_time(seed: u64, now_s: u32, left_s: u32) {
            let (now, left) = (Duration::from_secs(now_s.into()), Duration::from_secs(left_s.into()));
            let plan = Replacement::within(&mut SmallRng::seed_from_u64(seed), now, left, ATTEMPT);
            prop_assert!(plan.begin >= now + left * 7 / 10 && plan.begin <= now + left * 9 / 10);
            prop_assert_eq!(plan.deadline, (now + left).max(plan.begin + ATTEMPT));
        }

        #[test]
        fn the_same_deadline_again_changes_nothing(seed: u64, life_s in 200..7_000_u64, part in 0.0..0.7_f64) {
            let life = Duration::from_secs(life_s);
            let mut rng = SmallRng::seed_from_u64(seed);
            let plan = Replacement::within(&mut rng, Duration::ZERO, life, ATTEMPT);
            let later = life.mul_f64(part);
            prop_assert_eq!(plan.told_again(&mut rng, later, life.checked_sub(later).expect("earlier"), ATTEMPT), plan);
        }
    }

    #[test]
    fn back_offs_use_their_whole_range() {
        let mut rng = SmallRng::seed_from_u64(1);
        let delays: Vec<_> = (0..1000).map(|_| full_jitter(&mut rng, BASE, CAP, 3)).collect();
        assert!(delays.iter().any(|delay| *delay < BASE), "none below 1 of 8 s");
        assert!(delays.iter().any(|delay| *delay > BASE * 7), "none above 7 of 8 s");
    }

    #[test]
    fn a_server_that_repeats_the_full_life_does_not_postpone_the_replacement() {
        let mut rng = SmallRng::seed_from_u64(1);
        let life = Duration::from_mins(100);
        let plan = Replacement::within(&mut rng, Duration::ZERO, life, ATTEMPT);
        assert_eq!(plan.told_again(&mut rng, Duration::from_mins(50), life, ATTEMPT), plan);
    }

    #[test]
    fn a_shorter_time_brings_the_replacement_forward() {
        let mut rng = SmallRng::seed_from_u64(1);
        let plan = Replacement::within(&mut rng, Duration::ZERO, Duration::from_mins(100), ATTEMPT);
        let now = Duration::from_mins(10);
        let plan = plan.told_again(&mut rng, now, Duration::from_mins(10), ATTEMPT);
        assert!(plan.begin >= Duration::from_mins(17) && plan.begin <= Duration::from_mins(19), "{plan:?}");
        assert_eq!(plan.deadline, Duration::from_mins(20));
    }
}
