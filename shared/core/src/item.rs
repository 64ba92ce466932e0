//! A stored item, and reading its attributes. A missing attribute and a malformed one differ.

use std::collections::BTreeMap;

use crate::attribute::Attribute;
use crate::timestamp::Timestamp;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// DynamoDB's type `S`.
    Text(String),
    /// DynamoDB's type `N`, used for whole numbers only.
    Number(u64),
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// An item without its keys.
pub type Item = BTreeMap<Attribute, Value>;

/// A stored item that no rule can have written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored attribute {attribute:?} ({}) is unreadable", attribute.name())]
#[expect(missing_docs, reason = "the names say it")]
pub struct Malformed {
    pub attribute: Attribute,
}

pub(crate) fn malformed(attribute: Attribute) -> Malformed {
    Malformed { attribute }
}

pub(crate) fn number(item: &Item, attribute: Attribute) -> Result<Option<u64>, Malformed> {
    match item.get(&attribute) {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(Some(*number)),
        Some(Value::Text(_)) => Err(malformed(attribute)),
    }
}

pub(crate) fn time(item: &Item, attribute: Attribute) -> Result<Option<Timestamp>, Malformed> {
    Ok(number(item, attribute)?.map(Timestamp))
}

pub(crate) fn text(item: &Item, attribute: Attribute) -> Result<Option<&str>, Malformed> {
    match item.get(&attribute) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(Value::Number(_)) => Err(malformed(attribute)),
    }
}
