//! A guarded write, as data.

use crate::actor::{Actor, by_nobody};
use crate::attribute::Attribute;
use crate::clause::{Because, Clause};
use crate::guard::Guard;
use crate::id::NodeId;
use crate::item::{Item, Value};
use crate::key::Key;

/// One guarded write to one item.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Update {
    pub key: Key,
    /// The condition under which the changes are made: all of these hold. If several do not hold, the first one
    /// explains the refusal. The later ones may take the earlier ones for granted.
    pub clauses: Vec<Clause>,
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

impl Change {
    pub(crate) fn set_or_remove(attribute: Attribute, value: Option<Value>) -> Self {
        value.map_or(Self::Remove(attribute), |value| Self::Set(attribute, value))
    }

    /// Whether the application may be told something because of this change.
    fn announces(&self) -> bool {
        let (Self::Set(attribute, _)
        | Self::SetIfMissing(attribute, _)
        | Self::Add(attribute, _)
        | Self::Remove(attribute)) = self
        else {
            return false;
        };
        matches!(
            attribute,
            Attribute::OnlineSince
                | Attribute::Revoked
                | Attribute::CredentialVersion
                | Attribute::Site
                | Attribute::Model
                | Attribute::Tags
                | Attribute::DesiredVersion
                | Attribute::DesiredHash
                | Attribute::ConfigVersion
                | Attribute::CommandsQueued
                | Attribute::CommandsOver
                | Attribute::DesiredFirmware
                | Attribute::Firmware
                | Attribute::UpdateVersion
        )
    }

    /// The condition that an item shows this change; `None` if no value by itself shows it.
    pub(crate) fn shown(&self) -> Option<Guard> {
        match self {
            Self::Set(attribute, value) => Some(Guard::Equal(*attribute, value.clone())),
            Self::Remove(attribute) => Some(Guard::Missing(*attribute)),
            Self::SetIfMissing(..) | Self::Copy { .. } | Self::Add(..) => None,
        }
    }
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
    /// The condition did not hold, and nothing was changed.
    Refused {
        /// The stored item; `None` if there is none.
        stored: Option<Item>,
        /// The label of the first clause that does not hold for the stored item; `None` if all of them do, so that the
        /// store had no reason to refuse the write.
        because: Option<Because>,
    },
}

impl Update {
    pub(crate) fn of_node(node: &NodeId, clauses: Vec<Clause>, already_applied: Guard, changes: Vec<Change>) -> Self {
        Self { key: Key::Node(node.clone()), clauses, already_applied, changes }.marked()
    }

    /// The same update of a node's item, which also says whether it may announce something. Every write of such an item
    /// says so.
    pub(crate) fn marked(mut self) -> Self {
        let announces = self.changes.iter().any(Change::announces);
        self.changes.push(Change::set_or_remove(Attribute::Announces, announces.then(by_nobody)));
        self
    }

    /// The same update of a node's item, made by this actor.
    #[must_use]
    pub fn by(mut self, actor: &Actor) -> Self {
        for change in &mut self.changes {
            if let Change::Set(Attribute::Announces, by) = change {
                *by = actor.stored().as_str().into();
            }
        }
        self
    }

    /// The condition as one guard.
    pub fn guard(&self) -> Guard {
        Guard::All(self.clauses.iter().map(|clause| clause.guard.clone()).collect())
    }

    /// The same update without the clauses of this label; the same update if it has none. It shows what a clause is
    /// good for.
    #[must_use]
    pub fn without(&self, because: Because) -> Self {
        let mut update = self.clone();
        update.clauses.retain(|clause| clause.because != because);
        update
    }

    /// The result of this update on an item: what a store does, as a pure function.
    pub fn apply(&self, stored: Option<&Item>) -> Outcome {
        let none = Item::new();
        let before = stored.unwrap_or(&none);
        if self.clauses.iter().all(|clause| clause.guard.holds(before)) {
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
            stored => {
                let none = Item::new();
                let item = stored.as_ref().unwrap_or(&none);
                let because = self.clauses.iter().find(|clause| !clause.guard.holds(item)).map(|clause| clause.because);
                Outcome::Refused { stored, because }
            }
        }
    }

    /// An item after the changes.
    pub(crate) fn changed(&self, before: &Item) -> Item {
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

/// Makes all of these writes, or none: what a store does with a transaction. Returns whether they are made.
#[cfg(test)]
pub(crate) fn transact(items: &mut std::collections::BTreeMap<Key, Item>, updates: &[Update]) -> bool {
    let made: Option<Vec<_>> = updates
        .iter()
        .map(|update| match update.apply(items.get(&update.key)) {
            Outcome::Applied { after } => Some((update.key.clone(), after)),
            Outcome::Refused { .. } => None,
        })
        .collect();
    made.map(|made| items.extend(made)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Attribute as A;

    fn update() -> Update {
        let clauses = vec![
            Clause::new(Because::NoCommand, Guard::Exists(A::CommandName)),
            Clause::new(Because::NotSent, Guard::Exists(A::SentAt)),
        ];
        let key = Key::Command("ap-1".parse().expect("an id"), 1);
        let changes = vec![Change::Set(A::EndedAt, 9_u64.into())];
        Update { key, clauses, already_applied: Guard::Equal(A::EndedAt, 9_u64.into()), changes }
    }

    fn refused_because(update: &Update, stored: Option<&Item>) -> Option<Because> {
        match update.apply(stored) {
            Outcome::Refused { because, .. } => because,
            Outcome::Applied { .. } => panic!("applied"),
        }
    }

    #[test]
    fn a_refusal_is_explained_by_the_first_clause_that_does_not_hold() {
        assert_eq!(refused_because(&update(), None), Some(Because::NoCommand));
        let queued = Item::from([(A::CommandName, "reboot".into())]);
        assert_eq!(refused_because(&update(), Some(&queued)), Some(Because::NotSent));
    }

    #[test]
    fn a_refusal_that_no_clause_explains_has_no_label() {
        let sent = Item::from([(A::CommandName, "reboot".into()), (A::SentAt, 1_u64.into())]);
        assert_eq!(update().refused(Some(sent.clone())), Outcome::Refused { stored: Some(sent), because: None });
    }

    #[test]
    fn an_update_without_a_clause_is_refused_by_the_others_only() {
        let without = update().without(Because::NoCommand);
        assert_eq!(refused_because(&without, None), Some(Because::NotSent));
        let neither = without.without(Because::NotSent);
        assert_eq!(neither.apply(None), Outcome::Applied { after: Item::from([(A::EndedAt, 9_u64.into())]) });
        assert_eq!(update().without(Because::Superseded), update());
    }

    #[test]
    fn an_earlier_try_of_the_same_write_is_no_refusal() {
        let ended = Item::from([(A::EndedAt, 9_u64.into())]);
        assert_eq!(update().apply(Some(&ended)), Outcome::Applied { after: ended });
    }
}
