//! A token bucket.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Admits `rate` a second on average and up to `burst` at once.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: f64,
    burst: f64,
    level: Mutex<Level>,
}

#[derive(Debug)]
struct Level {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    pub(crate) fn new(rate: u32, burst: u32) -> Self {
        let burst = f64::from(burst);
        Self { rate: f64::from(rate), burst, level: Mutex::new(Level { tokens: burst, at: Instant::now() }) }
    }

    /// Takes one token if there is one.
    pub(crate) fn admit(&self) -> bool {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let gained = now.saturating_duration_since(level.at).as_secs_f64() * self.rate;
        level.tokens = (level.tokens + gained).min(self.burst);
        level.at = now;
        if level.tokens < 1.0 {
            return false;
        }
        level.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_admits_its_burst_and_then_its_rate() {
        let bucket = Bucket::new(10, 3);
        let start = Instant::now() + Duration::from_secs(1);
        assert_eq!((0..9).filter(|_| bucket.admit_at(start)).count(), 3);
        let later = start + Duration::from_millis(200);
        assert_eq!((0..9).filter(|_| bucket.admit_at(later)).count(), 2);
    }
}
