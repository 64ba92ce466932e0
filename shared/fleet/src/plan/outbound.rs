//! What happens to events on their way to the application: to the stream, the queue and the endpoints.

use super::What;
use super::dice::Dice;
use super::script::Script;

/// How long an endpoint is down at most, in milliseconds: an hour and a half.
const DOWN_MS: u64 = 90 * 60_000;
/// How long the other faults last at most, in milliseconds.
const TROUBLE_MS: u64 = 40 * 60_000;
const DAY_MS: u64 = 24 * 3_600_000;

impl Script<'_> {
    /// Adds the faults of the way to the application. They have dice of their own, so that whatever else happens to a
    /// fleet depends on none of them.
    pub(super) fn outbound(&mut self, dice: &mut Dice) {
        // Most of it is quiet, as the rest of a fleet's life is.
        let a_day = [0, 300, 1_000, 3_000][dice.index(4)];
        for _ in 0..dice.times(a_day * self.calm_from_ms / DAY_MS) {
            let at_ms = dice.between(0, self.calm_from_ms);
            let (for_ms, down_ms) = (dice.spread(10_000, TROUBLE_MS), dice.spread(60_000, DOWN_MS));
            let (by_ms, percent) = (dice.spread(1_000, 600_000), [10, 30, 80][dice.index(3)]);
            let kind = dice.index(7);
            let lasts_ms = if kind == 6 { down_ms } else { for_ms };
            self.during(at_ms, lasts_ms, |for_ms| match kind {
                0 => What::StreamLate { for_ms, by_ms },
                1 => What::RecordsDoubled { for_ms },
                2 => What::SendsLost { for_ms, percent },
                3 => What::DeletesLost { for_ms, percent },
                4 => What::EndpointRefuses { for_ms, percent },
                5 => What::EndpointSilent { for_ms, percent },
                _ => What::EndpointDown { for_ms },
            });
        }
    }
}
