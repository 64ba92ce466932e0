//! Conditions on a stored item, with DynamoDB's meaning.

use crate::attribute::{Attribute, Item, Value};

/// A condition on the stored item. A comparison with an attribute that is absent, or of another type, does not hold
/// (Amazon DynamoDB, "Comparison operator and function reference").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Every one holds. Empty: always.
    All(Vec<Guard>),
    /// At least one holds. Empty: never.
    Any(Vec<Guard>),
    /// The attribute is there.
    Exists(Attribute),
    /// The attribute is not there.
    Missing(Attribute),
    /// The attribute is this.
    Equal(Attribute, Value),
    /// The attribute is less than this. Text compares byte by byte.
    Less(Attribute, Value),
}

impl Guard {
    /// The attribute is at most this.
    pub(crate) fn at_most(attribute: Attribute, value: impl Into<Value>) -> Self {
        let value = value.into();
        Self::Any(vec![Self::Equal(attribute, value.clone()), Self::Less(attribute, value)])
    }

    /// The attribute is this, or absent if there is none.
    pub(crate) fn same(attribute: Attribute, value: Option<Value>) -> Self {
        value.map_or(Self::Missing(attribute), |value| Self::Equal(attribute, value))
    }

    /// Whether it holds for an item; an item that does not exist has no attributes.
    pub fn holds(&self, item: &Item) -> bool {
        match self {
            Self::All(guards) => guards.iter().all(|guard| guard.holds(item)),
            Self::Any(guards) => guards.iter().any(|guard| guard.holds(item)),
            Self::Exists(attribute) => item.contains_key(attribute),
            Self::Missing(attribute) => !item.contains_key(attribute),
            Self::Equal(attribute, value) => item.get(attribute) == Some(value),
            Self::Less(attribute, value) => match (item.get(attribute), value) {
                (Some(Value::Number(stored)), Value::Number(value)) => stored < value,
                (Some(Value::Text(stored)), Value::Text(value)) => stored < value,
                _ => false,
            },
        }
    }
}
