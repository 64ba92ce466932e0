//! Everything random about a plan comes from here.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};

/// A source of random choices that gives the same ones for the same seed, on every machine and in every version.
#[derive(Debug)]
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number from `least` to `most`.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        self.0.random_range(least..=most.max(least))
    }

    /// As [`between`](Self::between), for small numbers.
    pub(super) fn small(&mut self, least: u32, most: u32) -> u32 {
        self.0.random_range(least..=most.max(least))
    }

    /// A number from `least` to `most` whose order of magnitude is uniform: short times are as likely as long ones.
    pub(super) fn spread(&mut self, least: u64, most: u64) -> u64 {
        let doublings = (most.max(least) / least.max(1)).checked_ilog2().unwrap_or_default();
        let step = self.between(0, doublings.into());
        let from = least << step;
        self.between(from, (from * 2).min(most))
    }

    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.small(1, 100) <= percent
    }

    /// One of these.
    pub(super) fn pick<'a, T>(&mut self, among: &'a [T]) -> Option<&'a T> {
        let last = among.len().checked_sub(1)?;
        among.get(self.0.random_range(0..=last))
    }

    /// One of these, each as likely as its weight.
    pub(super) fn weighted<'a, T>(&mut self, among: &'a [(u32, T)]) -> Option<&'a T> {
        let sum = among.iter().map(|(weight, _)| weight).sum::<u32>();
        let mut drawn = self.small(1, sum.max(1));
        among.iter().find_map(|(weight, value)| {
            let found = drawn <= *weight;
            drawn = drawn.saturating_sub(*weight);
            found.then_some(value)
        })
    }

    /// An index below `len`; 0 if there is none.
    pub(super) fn index(&mut self, len: usize) -> usize {
        self.0.random_range(0..len.max(1))
    }

    /// How often something happens that is expected `hundredths` / 100 times: from never to twice as often.
    pub(super) fn times(&mut self, hundredths: u64) -> u64 {
        self.between(0, 2 * hundredths).div_ceil(100).saturating_sub(u64::from(hundredths < 50 && self.chance(50)))
    }
}
