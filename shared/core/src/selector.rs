//! Selectors: which nodes are meant. docs/selectors.md has the language.

mod age;
mod field;
mod invalid;
mod op;
mod read;
mod selectable;

use std::cmp::Ordering;
use std::fmt;

use age::Age;
use field::{Field, Kind};
pub use invalid::InvalidSelector;
use op::Op;
pub use selectable::Selectable;

use crate::version::Version;

/// The longest selector, in bytes.
pub const SELECTOR_BYTES: usize = 1_024;
/// How many terms a selector has at most.
const TERMS: usize = 16;
/// How many values all of its terms have at most: as many nodes as can be read at once.
const VALUES: usize = 100;

/// Which nodes are meant: those for which every term holds, such as `site=hq firmware<2.5`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(Vec<Term>);

/// What must hold for a node. Of several values, one is enough; with an operator that denies, none may fit.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    field: Field,
    op: Op,
    values: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    /// An empty text stands for a property that the node does not have.
    Text(String),
    Word(&'static str),
    Age(Age),
    /// It was never heard of.
    Never,
    Number(u64),
}

impl Selector {
    /// The text of a selector with one term: the field has this value.
    pub(crate) fn of(field: &str, value: &str) -> String {
        format!("{field}={}", Value::Text(value.to_owned()))
    }

    /// Whether a node is meant.
    pub fn has(&self, node: &Selectable<'_>) -> bool {
        self.0.iter().all(|term| term.holds(node))
    }

    /// The site that every node has that is meant, if there is only one such site.
    pub fn only_site(&self) -> Option<&str> {
        self.0.iter().find_map(|term| match (&term.field, term.op, &term.values[..]) {
            (Field::Site, Op::Is, [Value::Text(site)]) => Some(&**site).filter(|site| !site.is_empty()),
            _ => None,
        })
    }

    /// The ids of which every node has one that is meant, if the selector names any.
    pub fn only_nodes(&self) -> Option<Vec<&str>> {
        let term = self.0.iter().find(|term| (&term.field, term.op) == (&Field::Node, Op::Is))?;
        let ids = term.values.iter().filter_map(|value| match value {
            Value::Text(id) => Some(&**id),
            _ => None,
        });
        Some(ids.collect())
    }

    /// Whether it looks at what people call nodes: names and labels.
    pub fn reads_names(&self) -> bool {
        self.0.iter().any(|term| matches!(term.field, Field::Name | Field::Label(_)))
    }

    /// A selector as it was written before there were operators: `site=hq,tag=roof`. `None` if the text is none. A value
    /// may have spaces, and an empty value was that of no node: then there is nothing in the outer option.
    #[expect(clippy::option_option, reason = "no selector, and one that means no node, are not the same")]
    pub(crate) fn read_old(text: &str) -> Option<Option<Self>> {
        let term = |part: &str| {
            let (name, value) = part.split_once('=')?;
            let field = Field::read(name.trim()).filter(|field| field.kind() == Kind::Text)?;
            Some(Term { field, op: Op::Is, values: vec![Value::Text(value.trim().to_owned())] })
        };
        let terms: Vec<_> = text.split(',').map(term).collect::<Option<_>>()?;
        let is_of_no_node = terms.iter().any(|term| term.values.contains(&Value::Text(String::new())));
        Some(Some(Self(terms)).filter(|_| !is_of_no_node))
    }
}

impl Term {
    fn holds(&self, node: &Selectable<'_>) -> bool {
        self.values.iter().any(|value| self.fits(value, node)) != self.op.is_negative()
    }

    /// Whether what the node has fits a value, were the operator not one that denies.
    fn fits(&self, value: &Value, node: &Selectable<'_>) -> bool {
        match (&self.field, value) {
            (Field::Tag, Value::Text(value)) if value.is_empty() => node.tags.is_empty(),
            (Field::Tag, Value::Text(value)) => node.tags.iter().any(|tag| self.text_fits(value, Some(tag))),
            (Field::Seen, Value::Never) => node.seen_ms_ago.is_none(),
            // Whoever was never heard of has been silent for longer than any time.
            (Field::Seen, Value::Age(age)) => {
                self.op.allows(node.seen_ms_ago.map_or(Ordering::Greater, |ago| ago.cmp(&age.ms())))
            }
            (Field::CredentialVersion, Value::Number(number)) => {
                node.credential_version.is_some_and(|version| self.op.allows(u64::from(version).cmp(number)))
            }
            (field, Value::Word(word)) => node.word(field) == *word,
            (field, Value::Text(value)) => self.text_fits(value, node.text(field)),
            _ => false,
        }
    }

    fn text_fits(&self, value: &str, text: Option<&str>) -> bool {
        let Some(text) = text else { return value.is_empty() };
        match (self.op, self.field.kind()) {
            _ if value.is_empty() => false,
            (Op::Has | Op::HasNot, _) => folded(text).contains(&folded(value)),
            (op, Kind::Version) => {
                let (version, than) = (Version::new(text), Version::new(value));
                op.allows(version.cmp(&than)) && (!op.orders() || version.is_comparable(&than))
            }
            _ => text == value,
        }
    }
}

/// Text in which upper and lower case are the same. A sigma has two small forms, by its place in a word.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).map(|small| if small == 'ς' { 'σ' } else { small }).collect()
}

/// As it is read: terms with a space between them.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Term { field, op, values }) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            let values: Vec<_> = values.iter().map(ToString::to_string).collect();
            write!(f, "{space}{}{op}{}", field.name(), values.join(","))?;
        }
        Ok(())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => {
                let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '+' | '@');
                if !text.is_empty() && text.chars().all(is_plain) {
                    return f.write_str(text);
                }
                write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            }
            Self::Word(word) => f.write_str(word),
            Self::Age(age) => write!(f, "{age}"),
            Self::Never => f.write_str("never"),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

#[cfg(test)]
mod tests;
