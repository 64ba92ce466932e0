//! A guarded write, as data.

use crate::attribute::Attribute;
use crate::guard::Guard;
use crate::item::{Item, Value};
use crate::key::Key;

/// One guarded write to one item.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Update {
    pub key: Key,
    /// The condition under which the changes are made.
    pub guard: Guard,
    /// The condition that shows that the stored item already has these changes, made by an earlier try of this very
    /// write. A client that repeats a write after a lost answer is refused by its own work, and must not take that for
    /// a lost race.
    pub already_applied: Guard,
    /// The changes. All of them are made, or none.
    pub changes: Vec<Change>,
}

/// A change of one attribute. Whatever a change reads, it reads from the item as it was before the update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets the attribute.
    Set(Attribute, Value),
    /// Sets the attribute if it is absent.
    SetIfMissing(Attribute, Value),
    /// Sets an attribute to the value of another one, or to a given value if that one is absent.
    Copy {
        /// The attribute to set.
        to: Attribute,
        /// The attribute to copy.
        from: Attribute,
        /// The value to set if `from` is absent.
        otherwise: Value,
    },
    /// Adds to the attribute. An absent attribute counts as 0.
    Add(Attribute, u64),
    /// Removes the attribute.
    Remove(Attribute),
}

/// The result of a guarded write. Losing a race is a result, not an error.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The changes are stored, by this write or by an earlier try whose answer was lost.
    Applied {
        /// The item after the changes.
        after: Item,
    },
    /// The guard did not hold, and nothing was changed.
    Refused {
        /// The stored item; `None` if there is none.
        stored: Option<Item>,
    },
}

impl Update {
    /// The result of this update on an item: what a store does, as a pure function.
    pub fn apply(&self, stored: Option<&Item>) -> Outcome {
        let none = Item::new();
        let before = stored.unwrap_or(&none);
        if self.guard.holds(before) {
            Outcome::Applied { after: self.changed(before) }
        } else {
            self.refused(stored.cloned())
        }
    }

    /// The result of a write that the store refused: applied if an earlier try of this very write made the changes,
    /// refused otherwise.
    pub fn refused(&self, stored: Option<Item>) -> Outcome {
        match stored {
            Some(after) if self.already_applied.holds(&after) => Outcome::Applied { after },
            stored => Outcome::Refused { stored },
        }
    }

    fn changed(&self, before: &Item) -> Item {
        let mut after = before.clone();
        for change in &self.changes {
            match change {
                Change::Set(attribute, value) => {
                    after.insert(*attribute, value.clone());
                }
                Change::SetIfMissing(attribute, value) => {
                    after.insert(*attribute, before.get(attribute).unwrap_or(value).clone());
                }
                Change::Copy { to, from, otherwise } => {
                    after.insert(*to, before.get(from).unwrap_or(otherwise).clone());
                }
                Change::Add(attribute, more) => {
                    let count = if let Some(Value::Number(count)) = before.get(attribute) { *count } else { 0 };
                    after.insert(*attribute, Value::Number(count + more));
                }
                Change::Remove(attribute) => {
                    after.remove(attribute);
                }
            }
        }
        after
    }
}
