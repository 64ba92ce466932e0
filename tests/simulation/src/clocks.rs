//! True time, and the clocks of the hosts that API Gateway and Lambda run on.

use rollcall_core::Timestamp;

use crate::draw::{Draw, Who};
use crate::kernel::{MS, Micros};

/// How many hosts there are.
pub(crate) const HOSTS: usize = 8;

/// When a run begins: the 1st of January 2027, in ms since 1970.
const START: u64 = 1_798_761_600_000;

/// How far a right clock is wrong at most, in ms.
const SKEW: u64 = 60;

/// The clocks of all hosts.
#[derive(Debug)]
pub(crate) struct Clocks {
    /// How far ahead of true time each clock is, in ms, besides its faults.
    ahead: [i64; HOSTS],
    /// The faults of clocks: the host, until when, and by how many ms.
    faults: Vec<(usize, Micros, i64)>,
}

impl Clocks {
    /// Right clocks.
    pub(crate) fn new(seed: u64) -> Self {
        let ahead = std::array::from_fn(|host| {
            let drawn = Draw::of(seed, Who::Host(host), 0).below(2 * SKEW + 1);
            i64::try_from(drawn).unwrap_or_default() - i64::try_from(SKEW).unwrap_or_default()
        });
        Self { ahead, faults: vec![] }
    }

    /// Sets the clock of a host wrong for a while.
    pub(crate) fn set_wrong(&mut self, host: usize, until: Micros, by_ms: i64) {
        self.faults.push((host % HOSTS, until, by_ms));
    }

    /// The time by the clock of this host, and whether the clock is wrong.
    pub(crate) fn read(&mut self, host: usize, now: Micros) -> (Timestamp, bool) {
        let mut ahead = self.ahead[host % HOSTS];
        if self.faults.is_empty() {
            return (Timestamp(true_time(now).0.saturating_add_signed(ahead)), false);
        }
        self.faults.retain(|(_, until, _)| *until > now);
        let wrong: i64 = self.faults.iter().filter(|(of, ..)| *of == host % HOSTS).map(|(_, _, by)| by).sum();
        ahead += wrong;
        (Timestamp(true_time(now).0.saturating_add_signed(ahead)), wrong != 0)
    }
}

/// True time.
pub(crate) fn true_time(now: Micros) -> Timestamp {
    Timestamp(START + now / MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::S;

    #[test]
    fn a_clock_is_wrong_until_its_fault_is_over() {
        let mut clocks = Clocks::new(1);
        let right = clocks.read(3, 10 * S).0;
        assert!(right.0.abs_diff(true_time(10 * S).0) <= SKEW);
        clocks.set_wrong(3, 20 * S, -3_600_000);
        assert_eq!(clocks.read(3, 10 * S), (Timestamp(right.0 - 3_600_000), true));
        assert!(!clocks.read(4, 10 * S).1, "another host");
        assert!(!clocks.read(3, 20 * S).1);
    }
}
