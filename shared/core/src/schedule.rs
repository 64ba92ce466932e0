//! When a delivery is tried again.

use std::str::FromStr;

use crate::policy::Seconds;

/// How much later than the schedule says a try may be, in percent: so that what failed together is not tried again
/// together.
const JITTER_PERCENT: u64 = 10;
/// The longest pause between two tries, in seconds. Amazon SQS keeps a message invisible for at most 12 hours from
/// when it was received (Amazon SQS, "Visibility timeout"); the try itself takes a part of them.
const LONGEST: Seconds = 11 * 3600;
/// How many tries there may be at most.
const TRIES: usize = 32;

/// The schedule of a delivery: the pause before each try, in seconds. The first try is made at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(Vec<Seconds>);

/// A text that is no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a schedule is up to {TRIES} pauses in seconds, separated by commas; the first is 0, and none is over 36000")]
pub struct InvalidSchedule;

impl Default for Schedule {
    /// At once, and after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h (Standard Webhooks, "Deliverability and
    /// reliability"): more than a day in all.
    fn default() -> Self {
        Self(vec![0, 5, 300, 1_800, 7_200, 18_000, 36_000, 36_000])
    }
}

impl FromStr for Schedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, InvalidSchedule> {
        let pauses: Result<Vec<Seconds>, _> = text.split(',').map(|pause| pause.trim().parse()).collect();
        let pauses = pauses.map_err(|_| InvalidSchedule)?;
        let is_valid = pauses.first() == Some(&0) && pauses.len() <= TRIES && pauses.iter().all(|&p| p <= 36_000);
        if is_valid { Ok(Self(pauses)) } else { Err(InvalidSchedule) }
    }
}

impl Schedule {
    /// How long to wait after this many failed tries, in seconds; `None` if there is no further try.
    ///
    /// `jitter` is a random number; any will do. `retry_after` is how long the receiver asked to be left alone, in
    /// seconds. It makes the pause longer, and never shorter.
    pub fn pause(&self, failed: u32, jitter: u32, retry_after: Option<Seconds>) -> Option<Seconds> {
        let pause = u64::from(*self.0.get(usize::try_from(failed).ok()?)?);
        let later = pause * JITTER_PERCENT * u64::from(jitter) / (100 * u64::from(u32::MAX));
        let asked = u64::from(retry_after.unwrap_or(0));
        Some(Seconds::try_from((pause + later).max(asked)).unwrap_or(LONGEST).min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_tried_eight_times_within_28_hours() {
        let schedule = Schedule::default();
        let pauses: Vec<_> = (1..).map_while(|failed| schedule.pause(failed, 0, None)).collect();
        assert_eq!(pauses, [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000]);
        assert!(pauses.iter().sum::<u32>() < 28 * 3600);
    }

    #[test]
    fn a_schedule_is_read_from_text_or_refused() {
        assert_eq!("0,1, 2,5".parse(), Ok(Schedule(vec![0, 1, 2, 5])));
        assert_eq!("0".parse::<Schedule>().map(|schedule| schedule.pause(1, 0, None)), Ok(None));
        for wrong in ["", "5", "0,", "0,x", "0,-1", "0,36001", "0,1.5", &["0"; 33].join(",")] {
            assert_eq!(wrong.parse::<Schedule>(), Err(InvalidSchedule), "{wrong:?}");
        }
    }

    #[test]
    fn whoever_asks_for_time_gets_it_within_bounds() {
        let schedule = Schedule::default();
        assert_eq!(schedule.pause(1, 0, Some(60)), Some(60), "longer than the schedule");
        assert_eq!(schedule.pause(2, 0, Some(60)), Some(300), "never shorter");
        assert_eq!(schedule.pause(1, 0, Some(u32::MAX)), Some(LONGEST));
        assert_eq!(schedule.pause(8, 0, Some(60)), None, "over is over");
    }

    #[test]
    fn jitter_is_at_most_a_tenth() {
        let schedule = Schedule::default();
        let pause = |failed, jitter| schedule.pause(failed, jitter, None).expect("a pause");
        for failed in 1..8 {
            let exact = pause(failed, 0);
            assert_eq!(pause(failed, u32::MAX), exact + exact / 10);
            assert!(
                (0..32).map(|bit| pause(failed, 1 << bit)).all(|pause| (exact..=exact + exact / 10).contains(&pause))
            );
        }
    }
}
