//! Other devices with the same token. Each time that one takes over the node, this node waits longer before it
//! reconnects. No IO, no clock, no randomness of its own.
//!
//! Two devices that both wait like this take the node from each other about once an hour (ADR 15). The waits begin anew
//! once this run held the node for longer than the other device may wait. So they never begin anew while both devices
//! run.

use std::time::Duration;

use rand::Rng;

use crate::{schedule::up_to, timing::Timing};

/// An end without an explicit reason is suspicious if the node was held for less than this many first waits.
const SHORT: u32 = 10;

/// How many suspicious ends in a row cause no wait: somebody may have disconnected the node at the console.
const SUSPICIONS: u32 = 3;

/// The takeovers by other devices that a run knows of.
#[derive(Debug, Default)]
pub(crate) struct Rivals {
    /// How often another device took over the node since the waits last began anew.
    taken: u32,
    /// How many ends in a row were suspicious: another device may have taken over the node.
    suspected: u32,
}

impl Rivals {
    /// The newest connection no longer holds the node, which connections of this run had held for `held` without a gap.
    /// `explicit`: the server said that another connection took over. Otherwise it only ended this connection. That can
    /// have other causes, so the first few times do not count.
    ///
    /// Returns how long to wait before the node reconnects; `None` if there is no reason to wait.
    pub(crate) fn took(
        &mut self,
        timing: &Timing,
        rng: &mut impl Rng,
        explicit: bool,
        held: Duration,
    ) -> Option<Duration> {
        if held > longest(timing) {
            *self = Self::default();
        }
        if !explicit && self.taken == 0 {
            let short = held < timing.superseded_base.saturating_mul(SHORT);
            self.suspected = if short { self.suspected + 1 } else { 0 };
            if self.suspected <= SUSPICIONS {
                return None;
            }
        }
        let step = 2_u32.checked_pow(self.taken).and_then(|factor| timing.superseded_base.checked_mul(factor));
        let most = timing.longest_wait * 2 / 3;
        let step = step.map_or(most, |step| step.min(most));
        self.taken = self.taken.saturating_add(1);
        Some(step + up_to(rng, step / 2))
    }
}

/// After this time another device has connected again, even if it waited for as long as possible.
fn longest(timing: &Timing) -> Duration {
    timing.longest_wait * 3 / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    fn minutes(minutes: u64) -> Duration {
        Duration::from_mins(minutes)
    }

    fn waits(seed: u64, ends: &[(bool, Duration)]) -> Vec<Option<Duration>> {
        let (mut rivals, mut rng) = (Rivals::default(), SmallRng::seed_from_u64(seed));
        ends.iter().map(|(explicit, held)| rivals.took(&Timing::default(), &mut rng, *explicit, *held)).collect()
    }

    proptest! {
        #[test]
        fn waits_double_from_a_minute_to_an_hour(seed: u64) {
            let waits = waits(seed, &[(true, minutes(1)); 40]);
            for (taken, wait) in (0_u32..).zip(waits) {
                let step = minutes(2_u64.saturating_pow(taken).min(40));
                let wait = wait.expect("a wait");
                prop_assert!(wait >= step && wait <= step * 3 / 2, "{}: {:?}", taken, wait);
                prop_assert!(wait <= minutes(60));
            }
        }

        #[test]
        fn waits_do_not_begin_anew_within_the_longest_wait_of_the_other_device(seed: u64, held_s in 0..=3_600_u64) {
            let waits = waits(seed, &[(true, minutes(0)), (true, Duration::from_secs(held_s))]);
            prop_assert!(waits[1] >= Some(minutes(2)), "{:?}", waits);
        }
    }

    #[test]
    fn waits_begin_anew_after_the_node_was_held_for_long() {
        let waits = waits(7, &[(true, minutes(0)), (true, minutes(0)), (true, minutes(91))]);
        assert!(waits[2] <= Some(minutes(1) * 3 / 2), "{waits:?}");
    }

    #[test]
    fn an_end_without_an_explicit_reason_counts_from_the_fourth_short_life_on() {
        let short = (false, minutes(9));
        assert!(matches!(waits(7, &[short; 5])[..], [None, None, None, Some(first), Some(next)] if first < next));
        let long = (false, minutes(11));
        assert_eq!(waits(7, &[short, short, short, long, short, short, short]), [None; 7]);
        assert!(matches!(waits(7, &[(true, minutes(0)), long])[..], [Some(_), Some(_)]), "a rival is known");
    }
}
