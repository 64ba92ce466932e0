//! Instants.

/// An instant, in milliseconds since the Unix epoch. The rules read no clock: their callers pass instants in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The instant that is so many seconds after the Unix epoch; the latest one there is, if that is too far away.
    pub fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// This instant plus some seconds.
    #[must_use]
    pub fn plus_seconds(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(u64::from(seconds) * 1000))
    }

    /// Whole seconds since `earlier`; 0 if `earlier` is later than this instant, since clocks step back.
    pub fn seconds_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_step_back_give_no_negative_time() {
        assert_eq!(Timestamp(1_000).seconds_since(Timestamp(9_000)), 0);
        assert_eq!(Timestamp(9_999).seconds_since(Timestamp(1_000)), 8);
    }
}
