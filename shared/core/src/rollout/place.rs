//! The order in which a rollout tells its nodes.

use std::fmt;
use std::str::FromStr;

use crate::id::{InvalidId, NodeId, RolloutName};
use crate::limits::NODE_ID_BYTES;

/// A node's place in a rollout: a hash of the rollout's name and the node's id, so that it never changes, and the same few
/// nodes are not first in every rollout. Nodes that are to be first come before all others, and those that were registered
/// when their place was passed come after all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// One of the turns below.
    turn: u8,
    hash: u64,
    node: NodeId,
}

const FIRST: u8 = 0;
const USUAL: u8 = 1;
const LATE: u8 = 2;

impl Place {
    /// A node's place in a rollout.
    pub fn of(rollout: &RolloutName, node: &NodeId, is_first: bool) -> Self {
        Self::in_turn(if is_first { FIRST } else { USUAL }, rollout, node)
    }

    /// The place of a node that was registered when its place was passed.
    pub fn late(rollout: &RolloutName, node: &NodeId) -> Self {
        Self::in_turn(LATE, rollout, node)
    }

    /// The places that a node may have in a rollout. It has one of them.
    pub fn all(rollout: &RolloutName, node: &NodeId) -> [Self; 3] {
        [FIRST, USUAL, LATE].map(|turn| Self::in_turn(turn, rollout, node))
    }

    fn in_turn(turn: u8, rollout: &RolloutName, node: &NodeId) -> Self {
        let bytes = rollout.as_str().bytes().chain([b'/']).chain(node.as_str().bytes());
        let hash = bytes
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Self { turn, hash: mixed(hash), node: node.clone() }
    }

    /// The node.
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// The places between which all others are; `None` if an id can't be made, which never happens.
    pub fn bounds() -> Option<[Self; 2]> {
        let place = |turn, hash, node: &str| Some(Self { turn, hash, node: node.parse().ok()? });
        Some([place(FIRST, 0, "-")?, place(LATE, u64::MAX, &"z".repeat(NODE_ID_BYTES))?])
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
        write!(f, "{}{:016x}#{}", self.turn, self.hash, self.node)
    }
}

impl FromStr for Place {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let wrong = || InvalidId::Empty { kind: "place in a rollout" };
        let (order, node) = text.split_once('#').ok_or_else(wrong)?;
        let (turn, hash) = match order.split_at_checked(1) {
            Some(("0", hash)) => (FIRST, hash),
            Some(("1", hash)) => (USUAL, hash),
            Some(("2", hash)) => (LATE, hash),
            _ => return Err(wrong()),
        };
        let hash = u64::from_str_radix(hash, 16).map_err(|_| wrong())?;
        let place = Self { turn, hash, node: node.parse()? };
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
    fn a_node_that_comes_late_is_behind_all_others() {
        let rollout = "canary".parse().expect("a name");
        let late = Place::late(&rollout, &"ap-2000".parse().expect("an id"));
        assert!(places("canary", |nth| nth < 3).iter().all(|place| *place < late));
        assert_eq!(late.to_string().parse(), Ok(late.clone()));
        assert!(Place::all(&rollout, late.node()).contains(&late) && late < Place::bounds().expect("bounds")[1]);
    }

    #[test]
    fn another_spelling_of_a_place_is_none() {
        let place = Place::of(&"a".parse().expect("a name"), &"ap-1".parse().expect("an id"), false).to_string();
        for text in ["", "#", "1#ap-1", "3ab#ap-1", &place.to_uppercase(), &format!("{place}/"), &place[1..]] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
