//! Conditions on a stored item, with DynamoDB's meaning.

use std::cmp::Ordering;

use crate::attribute::Attribute;
use crate::item::{Item, Value};

/// A condition on the stored item. A comparison with an attribute that is absent, or of another type, does not hold
/// (Amazon DynamoDB, "Comparison operator and function reference").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// All of these hold. An empty list always holds.
    All(Vec<Guard>),
    /// At least one of these holds. An empty list never holds.
    Any(Vec<Guard>),
    /// The attribute exists.
    Exists(Attribute),
    /// The attribute does not exist.
    Missing(Attribute),
    /// The attribute has this value.
    Equal(Attribute, Value),
    /// The attribute is absent or has another value.
    Differs(Attribute, Value),
    /// The attribute is less than this value. Text is compared byte by byte.
    Less(Attribute, Value),
    /// The attribute is less than this value or equal to it.
    AtMost(Attribute, Value),
    /// The attribute is greater than this value or equal to it.
    AtLeast(Attribute, Value),
    /// The attribute is greater than this value.
    Greater(Attribute, Value),
}

impl Guard {
    /// Always holds.
    pub const ALWAYS: Self = Self::All(vec![]);

    /// Never holds. As [`already_applied`](crate::Update::already_applied), it says that no item shows an earlier try.
    pub const NEVER: Self = Self::Any(vec![]);

    /// The attribute has this value, or is absent if the value is `None`.
    pub(crate) fn same(attribute: Attribute, value: Option<Value>) -> Self {
        value.map_or(Self::Missing(attribute), |value| Self::Equal(attribute, value))
    }

    /// Whether the guard holds for an item. An item that does not exist has no attributes.
    pub fn holds(&self, item: &Item) -> bool {
        match self {
            Self::All(guards) => guards.iter().all(|guard| guard.holds(item)),
            Self::Any(guards) => guards.iter().any(|guard| guard.holds(item)),
            Self::Exists(attribute) => item.contains_key(attribute),
            Self::Missing(attribute) => !item.contains_key(attribute),
            Self::Equal(attribute, value) => item.get(attribute) == Some(value),
            Self::Differs(attribute, value) => item.get(attribute) != Some(value),
            Self::Less(attribute, value) => compare(item, *attribute, value) == Some(Ordering::Less),
            Self::AtMost(attribute, value) => compare(item, *attribute, value).is_some_and(Ordering::is_le),
            Self::AtLeast(attribute, value) => compare(item, *attribute, value).is_some_and(Ordering::is_ge),
            Self::Greater(attribute, value) => compare(item, *attribute, value) == Some(Ordering::Greater),
        }
    }
}

/// How a stored attribute compares with a value; `None` if the attribute is absent or of another type.
fn compare(item: &Item, attribute: Attribute, value: &Value) -> Option<Ordering> {
    match (item.get(&attribute)?, value) {
        (Value::Number(stored), Value::Number(value)) => Some(stored.cmp(value)),
        (Value::Text(stored), Value::Text(value)) => Some(stored.cmp(value)),
        _ => None,
    }
}
