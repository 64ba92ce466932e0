//! Who made a change: a key of the console, or an identity of IAM.

use std::fmt::Write as _;

use crate::attribute::Attribute as A;
use crate::guard::Guard;
use crate::item::{Item, Malformed, Value, text};
use crate::key::Key;
use crate::limits::ACTOR_BYTES;
use crate::update::{Change, Update};

/// What marks an actor that is stored in an item of its own.
const REFERENCE: char = '#';

/// Who made a change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(String);

impl Actor {
    /// The actor with this name: that of a key, or the ARN of an identity of IAM.
    pub fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The name as the node's item has it: itself if it is short, else a reference to an item that has it.
    pub fn stored(&self) -> String {
        if self.0.len() <= ACTOR_BYTES && !self.0.starts_with(REFERENCE) { self.0.clone() } else { self.reference() }
    }

    /// The write that keeps a name that is too long for the node's item; `None` if it is not. Repeating it does no harm.
    pub fn keep(&self) -> Option<Update> {
        let reference = self.stored();
        if reference == self.0 {
            return None;
        }
        let changes = vec![Change::Set(A::ActorName, self.0.as_str().into())];
        Some(Update { key: Key::Actor(reference), clauses: vec![], already_applied: Guard::NEVER, changes })
    }

    /// Where the name of a stored actor is, if the node's item does not have it.
    pub fn kept_at(stored: &str) -> Option<Key> {
        stored.starts_with(REFERENCE).then(|| Key::Actor(stored.to_owned()))
    }

    /// Reads the item that [`Actor::keep`] wrote.
    ///
    /// # Errors
    /// If the name is of a type that no rule writes.
    pub fn read(item: &Item) -> Result<Option<Self>, Malformed> {
        Ok(text(item, A::ActorName)?.map(Self::named))
    }

    /// A hash of the name (FNV-1a, 128 bit). Names are those of people who may write: nobody gains by a collision.
    fn reference(&self) -> String {
        let offset = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
        let prime = 0x0000_0000_0100_0000_0000_0000_0000_013b_u128;
        let hash = self.0.bytes().fold(offset, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(prime));
        let mut reference = String::from(REFERENCE);
        let _ = write!(reference, "{:020x}", hash >> 48);
        reference
    }
}

/// Who caused the last write that may announce something: an actor, or the node and the sweep, which have no name.
pub(crate) fn by_nobody() -> Value {
    Value::from("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::Outcome;

    #[test]
    fn a_short_name_is_stored_as_it_is_and_a_long_one_in_an_item_of_its_own() {
        assert_eq!((Actor::named("deploy").stored(), Actor::named("deploy").keep()), ("deploy".to_owned(), None));
        let arn = "arn:aws:sts::123456789012:assumed-role/Monolith/i-0123456789abcdef0";
        let long = Actor::named(arn);
        let stored = long.stored();
        assert!(stored.len() <= ACTOR_BYTES && stored != Actor::named(&arn[1..]).stored(), "{stored}");
        let keep = long.keep().expect("it is too long");
        assert_eq!(Actor::kept_at(&stored), Some(keep.key.clone()));
        let Outcome::Applied { after } = keep.apply(None) else { panic!("nothing guards it") };
        assert_eq!(Actor::read(&after), Ok(Some(long)));
    }

    #[test]
    fn a_name_that_looks_like_a_reference_is_none() {
        let odd = Actor::named("#0123");
        assert!(odd.keep().is_some() && odd.stored() != "#0123");
    }
}
