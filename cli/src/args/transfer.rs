//! What can be asked of files with nodes.

use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;
use rollcall_wire::console::NodeImport;

use super::console::{Address, Connection};
use crate::console::Format;

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// The file: a table (CSV, with commas, semicolons or tabs), or a JSON object on each line
    pub(crate) file: PathBuf,
    /// The format, if the name of the file doesn't tell it
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Say what would be changed, and change nothing
    #[arg(long, conflicts_with = "resume")]
    pub(crate) dry_run: bool,
    /// What to do with a record that is wrong, or refused [default: stop; skip with --dry-run]
    #[arg(long)]
    pub(crate) on_error: Option<OnError>,
    /// Go on where the last import of this file was stopped
    #[arg(long)]
    pub(crate) resume: bool,
    /// Write ids that are MAC addresses as aa:bb:cc:dd:ee:ff, however the file has them
    #[arg(long)]
    pub(crate) mac_ids: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnError {
    /// Import nothing behind it
    Stop,
    /// Pass it over, and write it to a file of rejects
    Skip,
}

impl Import {
    /// The command that goes on where this one was stopped.
    pub(crate) fn again(&self, on_error: Option<OnError>) -> String {
        let word = |value: &dyn Fn() -> Option<clap::builder::PossibleValue>| {
            value().map_or_else(String::new, |value| value.get_name().to_owned())
        };
        let format = self.format.map(|format| format!(" --format {}", word(&|| format.to_possible_value())));
        let on_error = on_error.map(|on_error| format!(" --on-error {}", word(&|| on_error.to_possible_value())));
        let mac_ids = if self.mac_ids { " --mac-ids" } else { "" };
        let file = self.file.display();
        format!(
            "rollcall import {file} --resume{mac_ids}{}{}",
            format.unwrap_or_default(),
            on_error.unwrap_or_default()
        )
    }

    /// Whether nothing is imported behind a record that is wrong.
    pub(crate) fn stops(&self) -> bool {
        self.on_error.unwrap_or(if self.dry_run { OnError::Skip } else { OnError::Stop }) == OnError::Stop
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The file to write; standard output, if none is given
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The format, if the name of the file doesn't tell it [default for standard output: ndjson]
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Only these nodes, such as site=hq,model=ax-2,tag=roof,label.floor=3: those that have all of that
    #[arg(long)]
    pub(crate) selector: Option<Selector>,
    #[command(flatten)]
    pub(crate) connection: Address,
}

/// Which nodes are meant: those that have all of this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector(Vec<(Key, String)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Site,
    Model,
    Tag,
    Node,
    Name,
    Label(String),
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let part = |part: &str| {
            let (key, value) = part.split_once('=').ok_or_else(|| format!("{part:?} has no ="))?;
            let key = match key.trim() {
                "site" => Key::Site,
                "model" => Key::Model,
                "tag" => Key::Tag,
                "node" => Key::Node,
                "name" => Key::Name,
                other => match other.strip_prefix("label.") {
                    Some(label) => Key::Label(label.to_owned()),
                    None => return Err(format!("{other:?} is none of site, model, tag, node, name, label.KEY")),
                },
            };
            Ok((key, value.trim().to_owned()))
        };
        text.split(',').map(part).collect::<Result<_, _>>().map(Self)
    }
}

impl Selector {
    /// Whether a node is meant.
    pub(crate) fn has(&self, node: &NodeImport) -> bool {
        let is = |field: &Option<Option<String>>, value: &str| {
            field.as_ref().and_then(|field| field.as_deref()) == Some(value)
        };
        self.0.iter().all(|(key, value)| match key {
            Key::Site => is(&node.site, value),
            Key::Model => is(&node.model, value),
            Key::Tag => node.tags.iter().flatten().flatten().any(|tag| tag == value),
            Key::Node => node.node == *value,
            Key::Name => is(&node.name, value),
            Key::Label(key) => node.labels.iter().flatten().any(|labels| labels.get(key) == Some(value)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_means_the_nodes_that_have_all_of_it() {
        let node = |site: &str, tags: &[&str]| NodeImport {
            site: Some(Some(site.to_owned())),
            tags: Some(Some(tags.iter().map(|tag| (*tag).to_owned()).collect())),
            ..NodeImport::default()
        };
        let selector: Selector = "site=hq, tag=roof".parse().expect("a selector");
        assert!(selector.has(&node("hq", &["beta", "roof"])));
        assert!(!selector.has(&node("hq", &[])) && !selector.has(&node("lab", &["roof"])));
        let labels = [("floor".to_owned(), "3".to_owned())].into();
        let named = NodeImport { name: Some(Some("Lobby".to_owned())), labels: Some(Some(labels)), ..node("hq", &[]) };
        let selector: Selector = "label.floor=3,name=Lobby".parse().expect("a selector");
        assert!(selector.has(&named) && !selector.has(&node("hq", &[])));
        for wrong in ["site", "vendor=x", "label=x", ""] {
            assert!(wrong.parse::<Selector>().is_err(), "{wrong:?}");
        }
    }
}
