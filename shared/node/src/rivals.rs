//! Another device with the node's token: noticed when it takes the node over, and met with ever longer waits. No IO, no
//! clock, no randomness of its own.
//!
//! Two nodes that both wait like this take the node from each other about once an hour (ADR 15). It is forgotten once the
//! node was held for longer than the other one may wait: so while both run, neither begins anew.

use std::time::Duration;

use rand::Rng;

use crate::{Timing, schedule::up_to};

/// An end without a word is suspicious if the node was held for less than this many first waits.
const SHORT: u32 = 10;

/// So many suspicious ends in a row are put up with: somebody may only have disconnected the node at the console.
const SUSPICIONS: u32 = 3;

/// What a run knows of other devices with its token.
#[derive(Debug, Default)]
pub(crate) struct Rivals {
    /// How often they took the node over, since that was forgotten.
    taken: u32,
    /// How often in a row the node was lost in a way that may have been theirs.
    suspected: u32,
}

impl Rivals {
    /// The server took the node from its newest connection, after having held it for `held` without a gap. `said`: it
    /// said that another connection took over; otherwise only that this one is over, which has other causes as well: then
    /// the first few times do not count.
    ///
    /// How long to stay away; `None` if this is no reason to.
    pub(crate) fn took(&mut self, timing: &Timing, rng: &mut impl Rng, said: bool, held: Duration) -> Option<Duration> {
        if held > longest(timing) {
            *self = Self::default();
        }
        if !said && self.taken == 0 {
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

/// Longer than a rival waits and then takes to connect.
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

    fn waits(seed: u64, takings: &[(bool, Duration)]) -> Vec<Option<Duration>> {
        let (mut rivals, mut rng) = (Rivals::default(), SmallRng::seed_from_u64(seed));
        takings.iter().map(|(said, held)| rivals.took(&Timing::default(), &mut rng, *said, *held)).collect()
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
        fn whatever_a_rival_waits_is_not_long_enough_to_forget_it(seed: u64, held_s in 0..=3_600_u64) {
            let waits = waits(seed, &[(true, minutes(0)), (true, Duration::from_secs(held_s))]);
            prop_assert!(waits[1] >= Some(minutes(2)), "{:?}", waits);
        }
    }

    #[test]
    fn a_node_that_was_held_for_long_begins_anew() {
        let waits = waits(7, &[(true, minutes(0)), (true, minutes(0)), (true, minutes(91))]);
        assert!(waits[2] <= Some(minutes(1) * 3 / 2), "{waits:?}");
    }

    #[test]
    fn an_end_without_a_word_counts_from_the_fourth_short_life_on() {
        let short = (false, minutes(9));
        assert!(matches!(waits(7, &[short; 5])[..], [None, None, None, Some(first), Some(next)] if first < next));
        let long = (false, minutes(11));
        assert_eq!(waits(7, &[short, short, short, long, short, short, short]), [None; 7]);
        assert!(matches!(waits(7, &[(true, minutes(0)), long])[..], [Some(_), Some(_)]), "a rival is known");
    }
}
