//! A token bucket in virtual time.

use crate::kernel::{Micros, S};

/// Admits `rate` a second on average and up to `burst` at once.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: u64,
    burst: u64,
    /// How many are admitted at once, in millionths.
    level: u64,
    at: Micros,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(rate: u64, burst: u64) -> Self {
        Self { rate, burst, level: burst * S, at: 0 }
    }

    /// Takes one, if there is one.
    pub(crate) fn admit(&mut self, now: Micros) -> bool {
        let gained = (now - self.at).saturating_mul(self.rate);
        self.level = self.level.saturating_add(gained).min(self.burst * S);
        self.at = now;
        let taken = self.level.checked_sub(S);
        self.level = taken.unwrap_or(self.level);
        taken.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::MS;

    #[test]
    fn a_bucket_admits_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::new(10, 3);
        assert_eq!((0..9).filter(|_| bucket.admit(S)).count(), 3);
        assert_eq!((0..9).filter(|_| bucket.admit(S + 200 * MS)).count(), 2);
    }
}
