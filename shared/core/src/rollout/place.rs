//! The order in which a rollout tells its nodes.

use std::fmt;
use std::str::FromStr;

use crate::id::{InvalidId, NodeId, RolloutName};
use crate::limits::NODE_ID_BYTES;

/// A node's place in a rollout: a hash of the rollout's name and the node's id, so that it never changes, and the same few
/// nodes are not first in every rollout. Nodes that are to be first come before all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    is_later: bool,
    hash: u64,
    node: NodeId,
}

impl Place {
    /// A node's place in a rollout.
    pub fn of(rollout: &RolloutName, node: &NodeId, is_first: bool) -> Self {
        let bytes = rollout.as_str().bytes().chain([b'/']).chain(node.as_str().bytes());
        let hash = bytes
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Self { is_later: !is_first, hash: mixed(hash), node: node.clone() }
    }

    /// The node.
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// The places between which all others are; `None` if an id can't be made, which never happens.
    pub fn bounds() -> Option<[Self; 2]> {
        let place = |is_later, hash, node: &str| Some(Self { is_later, hash, node: node.parse().ok()? });
        Some([place(false, 0, "-")?, place(true, u64::MAX, &"z".repeat(NODE_ID_BYTES))?])
    }
}

/// Spreads every bit of a hash over all of it: the finaliser of `MurmurHash3`. Ids that differ in their last digit would be
/// next to each other otherwise.
fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// As it is stored: it sorts as the places do.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:016x}#{}", u8::from(self.is_later), self.hash, self.node)
    }
}

impl FromStr for Place {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let wrong = || InvalidId::Empty { kind: "place in a rollout" };
        let (order, node) = text.split_once('#').ok_or_else(wrong)?;
        let (is_later, hash) = match order.split_at_checked(1) {
            Some(("0", hash)) => (false, hash),
            Some(("1", hash)) => (true, hash),
            _ => return Err(wrong()),
        };
        let hash = u64::from_str_radix(hash, 16).map_err(|_| wrong())?;
        let place = Self { is_later, hash, node: node.parse()? };
        // One place has one spelling.
        if place.to_string() == text { Ok(place) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(rollout: &str, first: impl Fn(usize) -> bool) -> Vec<Place> {
        let rollout = rollout.parse().expect("a name");
        let place = |nth: usize| Place::of(&rollout, &format!("ap-{nth}").parse().expect("an id"), first(nth));
        let mut places: Vec<_> = (0..1_000).map(place).collect();
        places.sort();
        places
    }

    #[test]
    fn places_are_read_as_they_are_written_and_sort_as_their_texts() {
        let places = places("canary", |nth| nth % 7 == 0);
        let texts: Vec<_> = places.iter().map(ToString::to_string).collect();
        assert!(texts.is_sorted());
        for (place, text) in places.iter().zip(&texts) {
            assert_eq!(text.parse().as_ref(), Ok(place));
        }
        let [first, last] = Place::bounds().expect("bounds");
        assert!(places.iter().all(|place| first < *place && *place < last));
    }

    #[test]
    fn those_that_are_to_be_first_are_before_all_others() {
        let places = places("canary", |nth| nth < 3);
        let mut first: Vec<_> = places[..3].iter().map(|place| place.node().as_str().to_owned()).collect();
        first.sort();
        assert_eq!(first, ["ap-0", "ap-1", "ap-2"]);
    }

    #[test]
    fn the_same_few_nodes_are_not_first_in_every_rollout() {
        let firsts = |rollout: &str| -> Vec<NodeId> {
            places(rollout, |_| false)[..50].iter().map(|place| place.node().clone()).collect()
        };
        let (one, other) = (firsts("one"), firsts("other"));
        let both = one.iter().filter(|node| other.contains(node)).count();
        assert!(both < 15, "{both} of 50 nodes are among the first 50 of 1,000 in both");
        assert_eq!(one, firsts("one"));
    }

    #[test]
    fn another_spelling_of_a_place_is_none() {
        let place = Place::of(&"a".parse().expect("a name"), &"ap-1".parse().expect("an id"), false).to_string();
        for text in ["", "#", "1#ap-1", "2ab#ap-1", &place.to_uppercase(), &format!("{place}/"), &place[1..]] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
