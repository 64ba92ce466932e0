//! What people call a node: a name, and labels. They mean nothing to Rollcall.
//!
//! They are an item of their own beside the node's, so that they take no bytes of the item that every check-in writes.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::guard::Guard;
use crate::id::{InvalidId, NodeId, check};
use crate::item::{Item, Malformed, Value, text};
use crate::key::Key;
use crate::limits::{LABEL_KEY_BYTES, LABEL_VALUE_BYTES, LABELS, NAME_BYTES};
use crate::registration::Amended;
use crate::update::{Change, Update};

const PRINTABLE: &str = "characters that are no control characters";

/// What people call a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct About {
    pub name: Option<Name>,
    pub labels: Labels,
}

/// A name for people: any text in one line, of 1 to 128 bytes. Spaces around it are no part of it, because spreadsheets
/// neither show nor keep them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl FromStr for Name {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let text = text.trim();
        check("name", text, NAME_BYTES, PRINTABLE, |c| !c.is_control())?;
        Ok(Self(text.to_owned()))
    }
}

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A node's labels: values by their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// Checks labels. A key has 1 to 64 ASCII letters, digits, `.`, `_`, `-`, `:` and `/`; a value is any text in one line,
    /// of 1 to 128 bytes. A node has at most [`LABELS`].
    ///
    /// # Errors
    /// The first label that is not valid, or how many there are.
    pub fn new(labels: BTreeMap<String, String>) -> Result<Self, InvalidId> {
        check_labels(labels.iter().map(|(key, value)| (key, Some(value))))?;
        Ok(Self(labels))
    }

    /// The labels, sorted by their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// A line for each label: neither a key nor a value can have one more. `None` if there are none.
    fn stored(&self) -> Option<String> {
        let lines: Vec<_> = self.iter().map(|(key, value)| format!("{key}={value}")).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn read(stored: &str) -> Self {
        let label = |line: &str| line.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
        Self(stored.lines().filter_map(label).collect())
    }
}

impl About {
    /// Reads it from its stored item.
    ///
    /// # Errors
    /// If an attribute is of another type than the rules write.
    pub fn read(item: &Item) -> Result<Self, Malformed> {
        let name = text(item, A::NodeName)?.map(|name| Name(name.to_owned()));
        Ok(Self { name, labels: text(item, A::Labels)?.map(Labels::read).unwrap_or_default() })
    }

    fn stored(&self) -> [(A, Option<Value>); 2] {
        let name = self.name.as_ref().map(|name| name.as_str().into());
        [(A::NodeName, name), (A::Labels, self.labels.stored().map(|labels| labels.as_str().into()))]
    }

    fn is_stored(&self) -> Guard {
        Guard::All(self.stored().map(|(attribute, value)| Guard::same(attribute, value)).into())
    }
}

/// Checks labels, and keys of labels that are to be removed.
fn check_labels<'a>(labels: impl Iterator<Item = (&'a String, Option<&'a String>)>) -> Result<(), InvalidId> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '/');
    let characters = "ASCII letters, digits, '.', '_', '-', ':' and '/'";
    let mut number = 0;
    for (key, value) in labels {
        check("key of a label", key, LABEL_KEY_BYTES, characters, allowed)?;
        if let Some(value) = value {
            check("value of a label", value, LABEL_VALUE_BYTES, PRINTABLE, |c| !c.is_control())?;
        }
        number += 1;
    }
    if number > LABELS {
        return Err(InvalidId::TooMany { kind: "labels", limit: LABELS, number });
    }
    Ok(())
}

/// A change of what people call a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Describing {
    pub name: Amended<Name>,
    pub labels: Labelling,
}

/// A change of a node's labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Labelling {
    /// The labels stay as they are.
    #[default]
    Kept,
    /// These labels replace all others.
    All(Labels),
    /// These labels are set, and those without a value are removed. The others stay.
    Some(BTreeMap<String, Option<String>>),
}

impl Labelling {
    /// A change of some labels: those with a value are set, and the others are removed.
    ///
    /// # Errors
    /// The first label that is not valid, or how many are changed.
    pub fn some(labels: BTreeMap<String, Option<String>>) -> Result<Self, InvalidId> {
        check_labels(labels.iter().map(|(key, value)| (key, value.as_ref())))?;
        Ok(Self::Some(labels))
    }
}

impl Describing {
    /// Whether nothing is changed, whatever there is.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What people call the node after this change.
    ///
    /// # Errors
    /// The first label that is not valid, or how many there are.
    pub fn applied_to(&self, before: &About) -> Result<About, InvalidId> {
        let name = match &self.name {
            Amended::Kept => before.name.clone(),
            Amended::Removed => None,
            Amended::Set(name) => Some(name.clone()),
        };
        let labels = match &self.labels {
            Labelling::Kept => before.labels.clone(),
            Labelling::All(labels) => labels.clone(),
            Labelling::Some(some) => {
                let mut labels = before.labels.0.clone();
                for (key, value) in some {
                    match value {
                        Some(value) => labels.insert(key.clone(), value.clone()),
                        None => labels.remove(key),
                    };
                }
                Labels::new(labels)?
            }
        };
        Ok(About { name, labels })
    }
}

/// The write that changes what people call a node, if it is still what it was.
pub fn describe(node: &NodeId, before: &About, after: &About) -> Update {
    Update {
        key: Key::About(node.clone()),
        clauses: vec![Clause::new(Because::DesiredChanged, before.is_stored())],
        already_applied: after.is_stored(),
        changes: after.stored().map(|(attribute, value)| Change::set_or_remove(attribute, value)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::Outcome;

    fn node() -> NodeId {
        "ap-1".parse().expect("an id")
    }

    fn about(name: &str, labels: &[(&str, &str)]) -> About {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        About { name: Some(name.parse().expect("a name")), labels: Labels::new(labels).expect("labels") }
    }

    fn stored(update: &Update, item: Option<&Item>) -> Item {
        match update.apply(item) {
            Outcome::Applied { after } => after,
            Outcome::Refused { because, .. } => panic!("refused because of {because:?}"),
        }
    }

    #[test]
    fn what_is_stored_is_read_as_it_was() {
        let texts = ["a", "a = b", "=", "{\"a\": 1}", "\u{2028}", "Größe 12 \u{1f4e1}", "\\n", " "];
        for value in texts {
            for key in ["k", "a.b/c:d_e-f"] {
                let labels = [(key.to_owned(), value.to_owned()), ("z".to_owned(), "z".to_owned())];
                let labels = Labels::new(labels.into()).expect("labels");
                let about = About { name: value.parse().ok(), labels };
                let item = stored(&describe(&node(), &About::default(), &about), None);
                assert_eq!(About::read(&item), Ok(about.clone()), "{key}: {value:?}");
                let gone = stored(&describe(&node(), &about, &About::default()), Some(&item));
                assert_eq!(About::read(&gone), Ok(About::default()));
            }
        }
    }

    #[test]
    fn a_change_of_what_has_changed_meanwhile_is_refused_and_an_earlier_try_is_no_change() {
        let (one, other) = (about("Lobby", &[("floor", "0")]), about("Lobby", &[("floor", "1")]));
        let item = stored(&describe(&node(), &About::default(), &one), None);
        let late = describe(&node(), &About::default(), &other).apply(Some(&item));
        assert!(matches!(late, Outcome::Refused { because: Some(Because::DesiredChanged), .. }), "{late:?}");
        assert_eq!(stored(&describe(&node(), &About::default(), &one), Some(&item)), item);
    }

    #[test]
    fn a_part_of_the_labels_is_changed_and_the_others_stay() {
        let before = about("Lobby", &[("floor", "0"), ("room", "12")]);
        let labels = [("floor".to_owned(), None), ("rack".to_owned(), Some("b".to_owned()))];
        let change = Describing { labels: Labelling::Some(labels.into()), ..Describing::default() };
        assert_eq!(change.applied_to(&before), Ok(about("Lobby", &[("rack", "b"), ("room", "12")])));
        let none = Describing { name: Amended::Removed, labels: Labelling::All(Labels::default()) };
        assert_eq!(none.applied_to(&before), Ok(About::default()));
        assert!(Describing::default().is_empty() && !none.is_empty());
    }

    #[test]
    fn a_name_or_a_label_that_does_not_fit_in_a_line_is_refused() {
        let long = "n".repeat(NAME_BYTES + 1);
        for name in ["", " ", "two\nlines", "\u{1b}[31m", &*long] {
            assert!(name.parse::<Name>().is_err(), "{name:?}");
        }
        assert_eq!(" Lobby ".parse::<Name>().map(|name| name.as_str().to_owned()), Ok("Lobby".to_owned()));
        for (key, value) in [("", "v"), ("a key", "v"), ("k=", "v"), ("k", ""), ("k", "a\nb"), ("k", &*long)] {
            assert!(Labels::new([(key.to_owned(), value.to_owned())].into()).is_err(), "{key:?}: {value:?}");
        }
        let many = |number| Labels::new((0..number).map(|number| (format!("key-{number}"), "v".to_owned())).collect());
        assert!(many(LABELS).is_ok());
        assert!(Labelling::some([("a key".to_owned(), None)].into()).is_err());
        assert!(Labelling::some([("key".to_owned(), None)].into()).is_ok());
        assert_eq!(many(LABELS + 1), Err(InvalidId::TooMany { kind: "labels", limit: LABELS, number: LABELS + 1 }));
    }
}
