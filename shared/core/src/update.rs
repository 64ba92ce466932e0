//! The one guarded write of an event, as data.

use crate::attribute::{Attribute, Item, ItemKey, Value};
use crate::guard::Guard;
use crate::id::NodeId;

/// One guarded write to one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Whose item.
    pub node: NodeId,
    /// Which of the node's.
    pub item: ItemKey,
    /// When the changes may be made.
    pub guard: Guard,
    /// What shows in a stored item that this very write was made already: a client that repeats a write after a lost
    /// answer is refused by its own work, and must not take that for a lost race.
    pub already_applied: Guard,
    /// What to change: all or nothing.
    pub changes: Vec<Change>,
}

/// A change of one attribute. Whatever a change reads, it reads from the item as it was before the update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Set it.
    Set(Attribute, Value),
    /// Set it, unless it is there.
    SetIfMissing(Attribute, Value),
    /// Set it to what another attribute was, or to a value if that was absent.
    Copy {
        /// What to set.
        to: Attribute,
        /// What to copy.
        from: Attribute,
        /// What to set if that is absent.
        otherwise: Value,
    },
    /// Add to it, to 0 if it is absent.
    Add(Attribute, u64),
    /// Remove it.
    Remove(Attribute),
}

/// What a guarded write came to. Losing a race is an answer, not an error.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored, now or by an earlier try whose answer was lost.
    Applied {
        /// The item with the changes.
        after: Item,
    },
    /// The guard did not hold, and nothing changed.
    Refused {
        /// The item that stood in the way; nothing if there is none.
        stored: Option<Item>,
    },
}

impl Update {
    /// What this update comes to on an item: what a store does, as a pure function.
    pub fn apply(&self, stored: Option<&Item>) -> Outcome {
        let none = Item::new();
        let before = stored.unwrap_or(&none);
        if self.guard.holds(before) {
            Outcome::Applied { after: self.changed(before) }
        } else {
            self.refused(stored.cloned())
        }
    }

    /// What a refusal means: our own earlier write, or somebody else's.
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
