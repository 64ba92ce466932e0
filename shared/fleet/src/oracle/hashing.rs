//! A fast hash of items. It tells items apart that differ by mistake, not by malice.

use std::hash::{Hash as _, Hasher};

use rollcall_core::Item;

/// The multiplier of `FxHash`, which rustc uses.
const FACTOR: u64 = 0x517c_c1b7_2722_0a95;

/// `FxHash`: each word is mixed in by a rotation and a multiplication.
#[derive(Default)]
pub(super) struct Fx(u64);

impl Fx {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    }
}

impl Hasher for Fx {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.mix(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.mix(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.mix(number.cast_unsigned() as u64);
    }
}

/// The hash of an item.
pub(super) fn hash(item: &Item) -> u64 {
    let mut hasher = Fx::default();
    item.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use rollcall_core::{Attribute, Value};

    use super::*;

    #[test]
    fn items_that_differ_in_one_value_have_other_hashes() {
        let item = |seen: u64, site: &str| {
            Item::from([(Attribute::Seen, Value::Number(seen)), (Attribute::Site, Value::from(site))])
        };
        let hashes: std::collections::BTreeSet<_> =
            (0..1_000).flat_map(|n| [hash(&item(n, "site-1")), hash(&item(7, &format!("site-{n}")))]).collect();
        assert_eq!(hashes.len(), 1_999, "one of them is there twice");
        assert_eq!(hash(&item(7, "site-7")), hash(&item(7, "site-7")));
        assert_ne!(
            hash(&item(1, "a")),
            hash(&[(Attribute::Seq, Value::Number(1)), (Attribute::Site, "a".into())].into())
        );
    }
}
