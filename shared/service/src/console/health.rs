//! The health of the server. Anybody may ask for it, without being able to cause load.

use std::sync::Mutex;

use rollcall_core::Timestamp;

/// How long the last result is told to senders without a key, in milliseconds: if it was good, and if it was bad, which
/// should be over soon.
const GOOD_MS: u64 = 10_000;
const BAD_MS: u64 = 1_000;

/// The last result, and when it was found.
#[derive(Debug, Default)]
pub struct Health(Mutex<Option<(Timestamp, bool)>>);

impl Health {
    /// The last result, if it is recent enough to be told to senders without a key.
    pub(crate) fn recent(&self, now: Timestamp) -> Option<bool> {
        let (at, is_well) = (*self.0.lock().ok()?)?;
        let valid_ms = if is_well { GOOD_MS } else { BAD_MS };
        // A result from later than now was found by another clock.
        now.0.checked_sub(at.0).is_some_and(|age| age < valid_ms).then_some(is_well)
    }

    pub(crate) fn note(&self, now: Timestamp, is_well: bool) {
        if let Ok(mut last) = self.0.lock() {
            *last = Some((now, is_well));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_result_is_told_for_a_while_and_a_bad_one_for_a_shorter_time() {
        let health = Health::default();
        assert_eq!(health.recent(Timestamp(0)), None);
        health.note(Timestamp(5_000), true);
        assert_eq!(
            [5_000, 14_999, 15_000, 4_999].map(|at| health.recent(Timestamp(at))),
            [Some(true), Some(true), None, None]
        );
        health.note(Timestamp(15_000), false);
        assert_eq!([15_999, 16_000].map(|at| health.recent(Timestamp(at))), [Some(false), None]);
    }
}
