//! Filter criteria: which records a function gets (AWS Lambda Developer Guide, "Filter rule syntax").

use serde_json::{Map, Value};

/// A pattern, which a record matches or not.
#[derive(Clone, Debug)]
pub struct Filter(Node);

/// Why a pattern can't be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It is no JSON object.
    #[error("the pattern is not a JSON object")]
    NotAnObject,
    /// A rule of this field is not known.
    #[error("the rule of {0} in the pattern is not known")]
    Rule(String),
}

/// The pattern of an object, or the rules of a value.
#[derive(Clone, Debug)]
enum Node {
    /// Every field must match.
    Fields(Vec<(String, Node)>),
    /// One of the rules must hold.
    Rules(Vec<Rule>),
    /// One of the patterns must match: `$or`.
    Either(Vec<Node>),
}

#[derive(Clone, Debug)]
enum Rule {
    /// A text, `true`, `false`, `null`, or a number.
    Is(Value),
    Exists(bool),
    Prefix(String),
    Suffix(String),
    IgnoringCase(String),
    /// None of these rules holds.
    AnythingBut(Vec<Rule>),
    /// Comparisons with numbers, which all hold.
    Numeric(Vec<(Comparison, f64)>),
}

#[derive(Clone, Copy, Debug)]
enum Comparison {
    Equal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Filter {
    /// Reads a pattern in JSON, such as `{"eventName": ["INSERT"]}`.
    ///
    /// # Errors
    /// If it is not a pattern, or has a rule that is not known.
    pub fn parse(pattern: &str) -> Result<Self, FilterError> {
        match serde_json::from_str(pattern) {
            Ok(Value::Object(pattern)) => fields(pattern).map(Self),
            _ => Err(FilterError::NotAnObject),
        }
    }

    /// Whether a record matches.
    pub fn matches(&self, record: &Value) -> bool {
        self.0.matches(Some(record))
    }
}

fn fields(pattern: Map<String, Value>) -> Result<Node, FilterError> {
    let read = |(name, value): (String, Value)| {
        let node = match value {
            Value::Object(inner) => fields(inner)?,
            Value::Array(either) if name == "$or" => {
                let patterns = either.into_iter().map(|each| match each {
                    Value::Object(inner) => fields(inner),
                    _ => Err(FilterError::Rule(name.clone())),
                });
                Node::Either(patterns.collect::<Result<_, _>>()?)
            }
            Value::Array(rules) => {
                let rules = rules.into_iter().map(rule).collect::<Option<Vec<_>>>();
                Node::Rules(rules.filter(|rules| !rules.is_empty()).ok_or_else(|| FilterError::Rule(name.clone()))?)
            }
            _ => return Err(FilterError::Rule(name)),
        };
        Ok((name, node))
    };
    pattern.into_iter().map(read).collect::<Result<_, _>>().map(Node::Fields)
}

fn rule(value: Value) -> Option<Rule> {
    let operation = match value {
        Value::Object(operation) => operation,
        Value::Array(_) => return None,
        exact => return Some(Rule::Is(exact)),
    };
    let mut parts = operation.into_iter();
    let (Some((name, value)), None) = (parts.next(), parts.next()) else { return None };
    match (name.as_str(), value) {
        ("exists", Value::Bool(exists)) => Some(Rule::Exists(exists)),
        ("prefix", Value::String(text)) => Some(Rule::Prefix(text)),
        ("suffix", Value::String(text)) => Some(Rule::Suffix(text)),
        ("equals-ignore-case", Value::String(text)) => Some(Rule::IgnoringCase(text)),
        ("anything-but", Value::Array(others)) => {
            others.into_iter().map(rule).collect::<Option<_>>().map(Rule::AnythingBut)
        }
        ("anything-but", other) => rule(other).map(|other| Rule::AnythingBut(vec![other])),
        ("numeric", Value::Array(parts)) => numeric(&parts).map(Rule::Numeric),
        _ => None,
    }
}

fn numeric(parts: &[Value]) -> Option<Vec<(Comparison, f64)>> {
    let pairs = parts.chunks(2).map(|pair| {
        let [comparison, number] = pair else { return None };
        let comparison = match comparison.as_str()? {
            "=" => Comparison::Equal,
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::More,
            ">=" => Comparison::AtLeast,
            _ => return None,
        };
        Some((comparison, number.as_f64()?))
    });
    pairs.collect::<Option<Vec<_>>>().filter(|pairs| !pairs.is_empty())
}

impl Node {
    /// `value` is `None` if the record has no such field.
    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Fields(fields) => fields.iter().all(|(name, node)| {
                if let Self::Either(_) = node {
                    node.matches(value)
                } else {
                    node.matches(value.and_then(|value| value.get(name)))
                }
            }),
            Self::Rules(rules) => rules.iter().any(|rule| rule.holds(value)),
            Self::Either(nodes) => nodes.iter().any(|node| node.matches(value)),
        }
    }
}

impl Rule {
    fn holds(&self, value: Option<&Value>) -> bool {
        // `exists` is about leaves: a field that has an object does not count ("Exists works on leaf nodes only").
        let value = value.filter(|value| !value.is_object());
        let Some(value) = value else { return matches!(self, Self::Exists(false)) };
        match value {
            // A list matches if one of its members does.
            Value::Array(members) if !matches!(self, Self::Exists(_)) => {
                members.iter().any(|member| self.holds(Some(member)))
            }
            _ => self.holds_for(value),
        }
    }

    fn holds_for(&self, value: &Value) -> bool {
        match self {
            Self::Is(exact) => exact == value,
            Self::Exists(exists) => *exists,
            Self::Prefix(prefix) => value.as_str().is_some_and(|text| text.starts_with(prefix.as_str())),
            Self::Suffix(suffix) => value.as_str().is_some_and(|text| text.ends_with(suffix.as_str())),
            Self::IgnoringCase(other) => value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(other)),
            Self::AnythingBut(others) => !others.iter().any(|other| other.holds_for(value)),
            Self::Numeric(comparisons) => {
                let number = value.as_f64();
                number.is_some_and(|number| {
                    comparisons.iter().all(|(comparison, other)| comparison.holds(number, *other))
                })
            }
        }
    }
}

impl Comparison {
    fn holds(self, number: f64, other: f64) -> bool {
        match self {
            Self::Equal => (number - other).abs() < f64::EPSILON,
            Self::Less => number < other,
            Self::AtMost => number <= other,
            Self::More => number > other,
            Self::AtLeast => number >= other,
        }
    }
}
