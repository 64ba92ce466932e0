//! Turns an update into DynamoDB's expressions, and DynamoDB's items into items of the rules.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use rollcall_core::{Attribute, Change, Guard, Item, Key, PARTITION_KEY, SORT_KEY, Update, Value};
use rollcall_service::StoreError;

/// An update as DynamoDB's expressions.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    /// `ConditionExpression`; `None` if the guard always holds.
    pub(crate) condition: Option<String>,
    /// `UpdateExpression`; empty for a deletion.
    pub(crate) update: String,
    /// `ExpressionAttributeNames`. Every name is a placeholder, since short names may be reserved words.
    pub(crate) names: HashMap<String, String>,
    /// `ExpressionAttributeValues`.
    pub(crate) values: HashMap<String, AttributeValue>,
}

impl Rendered {
    pub(crate) fn new(update: &Update) -> Self {
        let mut rendered = Self::default();
        rendered.condition = rendered.guard(&update.guard());
        rendered.update = rendered.changes(&update.changes);
        rendered
    }

    /// A condition, and no changes.
    pub(crate) fn condition(guard: &Guard) -> Self {
        let mut rendered = Self::default();
        rendered.condition = rendered.guard(guard);
        rendered
    }

    /// The guard's expression; `None` if the guard always holds.
    fn guard(&mut self, guard: &Guard) -> Option<String> {
        match guard {
            Guard::All(guards) => {
                let parts: Vec<_> = guards.iter().filter_map(|guard| self.guard(guard)).collect();
                (!parts.is_empty()).then(|| group(parts, " AND "))
            }
            Guard::Any(guards) => {
                let parts: Option<Vec<_>> = guards.iter().map(|guard| self.guard(guard)).collect();
                parts.map(|parts| group(parts, " OR "))
            }
            Guard::Exists(attribute) => Some(format!("attribute_exists({})", self.name(*attribute))),
            Guard::Missing(attribute) => Some(format!("attribute_not_exists({})", self.name(*attribute))),
            Guard::Equal(attribute, value) => Some(format!("{} = {}", self.name(*attribute), self.value(value))),
            // A comparison with an absent attribute never holds, not even `<>`.
            Guard::Differs(attribute, value) => {
                let name = self.name(*attribute);
                Some(format!("(attribute_not_exists({name}) OR {name} <> {})", self.value(value)))
            }
            Guard::Less(attribute, value) => Some(format!("{} < {}", self.name(*attribute), self.value(value))),
            Guard::AtMost(attribute, value) => Some(format!("{} <= {}", self.name(*attribute), self.value(value))),
            Guard::AtLeast(attribute, value) => Some(format!("{} >= {}", self.name(*attribute), self.value(value))),
            Guard::Greater(attribute, value) => Some(format!("{} > {}", self.name(*attribute), self.value(value))),
        }
    }

    fn changes(&mut self, changes: &[Change]) -> String {
        let (mut set, mut remove) = (vec![], vec![]);
        for change in changes {
            match change {
                Change::Set(attribute, value) => {
                    set.push(format!("{} = {}", self.name(*attribute), self.value(value)));
                }
                Change::SetIfMissing(attribute, value) => set.push(self.copy(*attribute, *attribute, value)),
                Change::Copy { to, from, otherwise } => set.push(self.copy(*to, *from, otherwise)),
                Change::Add(attribute, more) => {
                    let count = self.copy(*attribute, *attribute, &Value::Number(0));
                    set.push(format!("{count} + {}", self.value(&Value::Number(*more))));
                }
                Change::Remove(attribute) => remove.push(self.name(*attribute)),
            }
        }
        let clauses = [("SET", set), ("REMOVE", remove)];
        let clauses = clauses.iter().filter(|(_, parts)| !parts.is_empty());
        clauses.map(|(word, parts)| format!("{word} {}", parts.join(", "))).collect::<Vec<_>>().join(" ")
    }

    fn copy(&mut self, to: Attribute, from: Attribute, otherwise: &Value) -> String {
        format!("{} = if_not_exists({}, {})", self.name(to), self.name(from), self.value(otherwise))
    }

    fn name(&mut self, attribute: Attribute) -> String {
        let placeholder = format!("#{}", attribute.name());
        self.names.insert(placeholder.clone(), attribute.name().to_owned());
        placeholder
    }

    fn value(&mut self, value: &Value) -> String {
        let placeholder = format!(":{}", self.values.len());
        self.values.insert(placeholder.clone(), attribute_value(value));
        placeholder
    }
}

/// DynamoDB refuses parentheses around what already has them.
fn group(mut parts: Vec<String>, separator: &str) -> String {
    if parts.len() == 1 { parts.remove(0) } else { format!("({})", parts.join(separator)) }
}

/// A key as DynamoDB has it.
pub(crate) fn key(key: &Key) -> HashMap<String, AttributeValue> {
    HashMap::from([
        (PARTITION_KEY.to_owned(), AttributeValue::S(key.partition())),
        (SORT_KEY.to_owned(), AttributeValue::S(key.sort())),
    ])
}

/// The key of a stored item.
pub(crate) fn key_of(stored: &HashMap<String, AttributeValue>) -> Result<Key, StoreError> {
    let key = Key::read(&text(stored, PARTITION_KEY)?, &text(stored, SORT_KEY)?).ok().flatten();
    key.ok_or_else(|| StoreError::Malformed(PARTITION_KEY.to_owned()))
}

/// An attribute that must be text.
pub(crate) fn text(stored: &HashMap<String, AttributeValue>, name: &str) -> Result<String, StoreError> {
    let text = stored.get(name).and_then(|value| value.as_s().ok());
    text.cloned().ok_or_else(|| StoreError::Malformed(name.to_owned()))
}

fn attribute_value(value: &Value) -> AttributeValue {
    match value {
        Value::Text(text) => AttributeValue::S(text.clone()),
        Value::Number(number) => AttributeValue::N(number.to_string()),
    }
}

/// The attributes of a stored item. Attributes that the rules don't know are left out.
pub(crate) fn item(stored: &HashMap<String, AttributeValue>) -> Result<Item, StoreError> {
    let known = Attribute::ALL.iter().filter_map(|attribute| Some((*attribute, stored.get(attribute.name())?)));
    known
        .map(|(attribute, value)| {
            let value = match value {
                AttributeValue::S(text) => Some(Value::Text(text.clone())),
                AttributeValue::N(number) => number.parse().ok().map(Value::Number),
                _ => None,
            };
            value.map(|value| (attribute, value)).ok_or_else(|| StoreError::Malformed(attribute.name().to_owned()))
        })
        .collect()
}
