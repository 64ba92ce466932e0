//! How long ago something was.

use std::fmt;

/// The units, and how many seconds each has.
const UNITS: [(char, u64); 5] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400), ('w', 604_800)];
/// The longest time, in seconds: 100 years.
const MOST_S: u64 = 100 * 366 * 86_400;

/// A time in one unit, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Age {
    number: u64,
    unit: (char, u64),
}

impl Age {
    /// Reads a whole number with a unit.
    pub(super) fn read(text: &str) -> Option<Self> {
        let unit = UNITS.into_iter().find(|(letter, _)| text.ends_with(*letter))?;
        let digits = &text[..text.len() - 1];
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| is_number)?;
        let age = Self { number, unit };
        age.checked_seconds().filter(|seconds| *seconds <= MOST_S).map(|_| age)
    }

    fn checked_seconds(self) -> Option<u64> {
        self.number.checked_mul(self.unit.1)
    }

    /// How long it is, in milliseconds.
    pub(super) fn ms(self) -> u64 {
        self.checked_seconds().unwrap_or(MOST_S) * 1_000
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, self.unit.0)
    }
}
