//! Which nodes are meant.

use std::fmt;
use std::str::FromStr;

/// Which nodes are meant: those that have all of this, such as `site=hq,tag=roof`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<(Field, String)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    Site,
    Model,
    Tag,
    Node,
    Name,
    Label(String),
}

/// What a selector looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Selectable<'a> {
    pub node: &'a str,
    pub site: Option<&'a str>,
    pub model: Option<&'a str>,
    pub tags: Vec<&'a str>,
    pub name: Option<&'a str>,
    pub labels: Vec<(&'a str, &'a str)>,
}

/// Why a text is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSelector {
    /// A part has no value.
    #[error("{0:?} has no =")]
    NoValue(String),
    /// A part is about something else.
    #[error("{0:?} is none of site, model, tag, node, name, label.KEY")]
    Field(String),
}

impl FromStr for Selector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        let part = |part: &str| {
            let (field, value) = part.split_once('=').ok_or_else(|| InvalidSelector::NoValue(part.to_owned()))?;
            let field = match field.trim() {
                "site" => Field::Site,
                "model" => Field::Model,
                "tag" => Field::Tag,
                "node" => Field::Node,
                "name" => Field::Name,
                other => match other.strip_prefix("label.") {
                    Some(label) => Field::Label(label.to_owned()),
                    None => return Err(InvalidSelector::Field(other.to_owned())),
                },
            };
            Ok((field, value.trim().to_owned()))
        };
        text.split(',').map(part).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (field, value)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match field {
                Field::Site => write!(f, "{comma}site={value}")?,
                Field::Model => write!(f, "{comma}model={value}")?,
                Field::Tag => write!(f, "{comma}tag={value}")?,
                Field::Node => write!(f, "{comma}node={value}")?,
                Field::Name => write!(f, "{comma}name={value}")?,
                Field::Label(key) => write!(f, "{comma}label.{key}={value}")?,
            }
        }
        Ok(())
    }
}

impl Selector {
    /// Whether a node is meant.
    pub fn has(&self, node: &Selectable<'_>) -> bool {
        self.0.iter().all(|(field, value)| match field {
            Field::Site => node.site == Some(value),
            Field::Model => node.model == Some(value),
            Field::Tag => node.tags.contains(&value.as_str()),
            Field::Node => node.node == *value,
            Field::Name => node.name == Some(value),
            Field::Label(key) => node.labels.contains(&(key.as_str(), value.as_str())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_means_the_nodes_that_have_all_of_it() {
        let node =
            |site, tags: &[&'static str]| Selectable { site: Some(site), tags: tags.to_vec(), ..Selectable::default() };
        let selector: Selector = "site=hq, tag=roof".parse().expect("a selector");
        assert!(selector.has(&node("hq", &["beta", "roof"])));
        assert!(!selector.has(&node("hq", &[])) && !selector.has(&node("lab", &["roof"])));
        let named = Selectable { name: Some("Lobby"), labels: vec![("floor", "3")], ..node("hq", &[]) };
        let selector: Selector = "label.floor=3,name=Lobby".parse().expect("a selector");
        assert!(selector.has(&named) && !selector.has(&node("hq", &[])));
        for wrong in ["site", "vendor=x", "label=x", ""] {
            assert!(wrong.parse::<Selector>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_selector_is_written_as_it_is_read() {
        for text in ["site=hq", "model=ax-2,tag=roof,node=ap-1,name=Main Lobby,label.floor=3"] {
            assert_eq!(text.parse::<Selector>().map(|selector| selector.to_string()).as_deref(), Ok(text));
        }
    }
}
