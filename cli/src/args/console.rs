//! What can be asked of the console API.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use rollcall_core::{InvalidId, Labels, Model, Name, NodeId, Seconds, Selector, Site, Tags, TypePattern};

use super::target::{Many, Target};
use crate::console::ConsoleUrl;
use crate::stack::StackName;

/// Without a subcommand, they are listed.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Nodes {
    #[command(subcommand)]
    pub(crate) command: Option<NodesCommand>,
    #[command(flatten)]
    pub(crate) list: List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NodesCommand {
    /// List the nodes; `rollcall nodes` alone does the same
    List(List),
    /// Show one node: since when it is online or not, when it was last heard of, what it is and what it runs
    Show(One),
    /// Register a node, or say anew what it is: what is left out is removed, but for the credential version
    Register(Register),
    /// Say something anew of registered nodes: what is left out stays
    Set(Set),
    /// Revoke the credentials of nodes: they are disconnected, and stay out until they are registered with higher ones
    Revoke(Revoke),
    /// Close the connections of nodes, or ask the nodes to replace them: they connect again
    Disconnect(Disconnect),
    /// Revoke a node's credentials, and delete all that is stored of it: nothing of it can be had back
    Delete(One),
    /// Raise the numbers of configurations and commands above all that nodes may have seen: after the tables were restored from
    /// a backup
    Renumber(Renumber),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Renumber {
    /// Only the nodes that this selector means, such as 'site=hq model=ax-2 label.floor=3' (docs/selectors.md)
    #[arg(long, alias = "selector", value_name = "SELECTOR")]
    pub(crate) select: Option<Selector>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) many: Many,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Disconnect {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Ask the node to replace its connection within this time, which is no outage, instead of closing it
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=6_600), value_name = "SECONDS")]
    pub(crate) within: Option<Seconds>,
    #[command(flatten)]
    pub(crate) many: Many,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Where the console is.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Address {
    #[arg(from_global)]
    pub(crate) stack: Option<StackName>,
    /// Where the console API is, if no stack is named; or else `ROLLCALL_CONSOLE_URL`, or else `http://127.0.0.1:8788`
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<ConsoleUrl>,
    /// The file with the console's key, - for standard input; or else `ROLLCALL_CONSOLE_KEY`, or else this machine's key
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

/// Where the console is, and how its answer is printed.
#[derive(Debug, clap::Args)]
pub(crate) struct Connection {
    #[command(flatten)]
    pub(crate) address: Address,
    /// Print JSON, one value
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct One {
    /// The node's id
    #[arg(value_name = "ID")]
    pub(crate) node: NodeId,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only the nodes of this site
    #[arg(long)]
    pub(crate) site: Option<Site>,
    /// Only the nodes that are online, or that are not
    #[arg(long)]
    pub(crate) presence: Option<Presence>,
    /// Only the nodes that this selector means, such as 'config=rejected firmware<2.5' (docs/selectors.md)
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) select: Option<Selector>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Presence {
    /// Checking in, or within the grace period of a closed connection
    Online,
    /// Two check-ins were missed, and it does not count as offline yet
    Silent,
    /// Not connected
    Offline,
}

impl Presence {
    /// As the console names it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Silent => "silent",
            Self::Offline => "offline",
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Register {
    /// The node's id
    #[arg(value_name = "ID")]
    pub(crate) node: NodeId,
    /// Where it is
    #[arg(long)]
    pub(crate) site: Option<Site>,
    /// Its model
    #[arg(long)]
    pub(crate) model: Option<Model>,
    /// A tag; may be repeated
    #[arg(long, value_name = "T", value_parser = tag)]
    pub(crate) tag: Vec<String>,
    /// Its name for people
    #[arg(long, value_parser = name)]
    pub(crate) name: Option<String>,
    /// A label, such as floor=3; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) label: Vec<(String, String)>,
    /// The lowest credential version that is accepted from now on; it never goes back. If it is left out, it stays, and a
    /// new node has 1
    #[arg(long, value_name = "N")]
    pub(crate) credential_version: Option<u32>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Set {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) said: Said,
    #[command(flatten)]
    pub(crate) many: Many,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// What is said anew of a node: something.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command")]
pub(crate) struct Said {
    /// Where it is
    #[arg(long)]
    pub(crate) site: Option<Site>,
    /// It is at no site any more
    #[arg(long, conflicts_with = "site")]
    pub(crate) no_site: bool,
    /// Its model
    #[arg(long)]
    pub(crate) model: Option<Model>,
    /// Its model is not known any more
    #[arg(long, conflicts_with = "model")]
    pub(crate) no_model: bool,
    /// A tag; may be repeated, and replaces all that it has
    #[arg(long, value_name = "T", value_parser = tag)]
    pub(crate) tag: Vec<String>,
    /// It has no tags any more
    #[arg(long, conflicts_with = "tag")]
    pub(crate) no_tags: bool,
    /// Its name for people
    #[arg(long, value_parser = name)]
    pub(crate) name: Option<String>,
    /// It has no name any more
    #[arg(long, conflicts_with = "name")]
    pub(crate) no_name: bool,
    /// A label, such as floor=3; may be repeated; its other labels stay
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) label: Vec<(String, String)>,
    /// It has no label with this key any more; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(crate) no_label: Vec<String>,
    /// It has no labels any more
    #[arg(long, conflicts_with_all = ["label", "no_label"])]
    pub(crate) no_labels: bool,
    /// The lowest credential version that is accepted from now on; it never goes back
    #[arg(long, value_name = "N")]
    pub(crate) credential_version: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Fleet {
    /// How many of the most frequent values of each property to show; all others are added up
    #[arg(long, default_value_t = 10, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=100), value_name = "N")]
    pub(crate) top: usize,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    /// Only the nodes of this site
    #[arg(long)]
    pub(crate) site: Option<Site>,
    /// How often to look, at most
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=3600), value_name = "SECONDS")]
    pub(crate) every: Seconds,
    #[command(flatten)]
    pub(crate) address: Address,
    /// Print JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Events {
    /// Print events as they happen, from now on, until Ctrl-C
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only events of this type: `node.online`, or `node.*`
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<TypePattern>,
    /// Only events of this node
    #[arg(long, value_name = "ID")]
    pub(crate) node: Option<NodeId>,
    /// Only what this key, or this identity of IAM, has changed
    #[arg(long, value_name = "NAME")]
    pub(crate) actor: Option<String>,
    /// Go on after this cursor of the API
    #[arg(long, value_name = "CURSOR", value_parser = cursor)]
    pub(crate) after: Option<String>,
    #[command(flatten)]
    pub(crate) address: Address,
    /// Print JSON, one event a line
    #[arg(long)]
    pub(crate) json: bool,
}

fn cursor(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !text.is_empty() && text.chars().all(allowed) { Ok(text.to_owned()) } else { Err("it is no cursor".to_owned()) }
}

/// One tag; how many there may be shows when all are there.
fn tag(text: &str) -> Result<String, InvalidId> {
    Tags::new(vec![text.to_owned()]).map(|_| text.to_owned())
}

/// A name for people.
fn name(text: &str) -> Result<String, InvalidId> {
    text.parse().map(|name: Name| name.as_str().to_owned())
}

/// One label; how many there may be shows when all are there.
fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it must be KEY=VALUE")?;
    let label = (key.to_owned(), value.to_owned());
    Labels::new([label.clone()].into()).map(|_| label).map_err(|error| error.to_string())
}
