//! What can be asked of the console API about configurations.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::Subcommand;
use clap::builder::RangedU64ValueParser;
use rollcall_core::{LAST_NUMBER, NodeId, Selector, Site};

use super::console::{Connection, One};
use super::target::Many;

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Set what nodes are to run; exits with 1 if a node could not be set
    Set(SetConfig),
    /// Show what a node is to run, and what became of it
    Get(One),
    /// Show how what a node runs differs from what it is to run, or that from a file, or one version from another; exits
    /// with 1 if it does, and with 2 if they can't be compared
    Diff(DiffConfig),
    /// List the last versions that were set for a node: when, by whom, and what became of them
    History(One),
    /// Go back to what nodes were to run before: in a new version; exits with 1 if a node could not be rolled back
    Rollback(RollBack),
    /// Make nothing desired of a node any more: it keeps what it runs, and is told no configuration
    Unset(Unset),
}

#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct SetConfig {
    #[command(flatten)]
    pub(crate) target: ConfigTarget,
    /// The file with the document, which is any JSON; - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Only if the node's configuration is at this version now; 0 for a node that never had one
    #[arg(long, value_name = "N", conflicts_with_all = ["site", "select"])]
    pub(crate) if_match: Option<u64>,
    /// Replace what was set for nodes of the site alone, too; otherwise they keep it, and are named
    #[arg(long, conflicts_with_all = ["node", "select"])]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) many: Many,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DiffConfig {
    /// The node's id
    #[arg(value_name = "ID")]
    pub(crate) node: NodeId,
    /// A file to compare with what the node is to run; - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Compare two versions instead: from this one
    #[arg(long, value_name = "VERSION", requires = "to", conflicts_with = "file", value_parser = version())]
    pub(crate) from: Option<u64>,
    /// To this one
    #[arg(long, value_name = "VERSION", requires = "from", value_parser = version())]
    pub(crate) to: Option<u64>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RollBack {
    #[command(flatten)]
    pub(crate) target: ConfigTarget,
    /// To this version of the node; or else to the last one before the present one that has another document
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["site", "select"], value_parser = version())]
    pub(crate) to: Option<u64>,
    /// Only if the node's configuration is at this version now
    #[arg(long, value_name = "N", conflicts_with_all = ["site", "select"])]
    pub(crate) if_match: Option<u64>,
    /// Only show what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do it to more than 10 nodes without asking
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Unset {
    /// The node's id
    #[arg(value_name = "ID")]
    pub(crate) node: NodeId,
    /// Only if the node's configuration is at this version now
    #[arg(long, value_name = "N")]
    pub(crate) if_match: Option<u64>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Whose configuration is set or rolled back.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ConfigTarget {
    /// The node's id
    #[arg(value_name = "ID", conflicts_with = "yes")]
    pub(crate) node: Option<NodeId>,
    /// Every node of this site
    #[arg(long, conflicts_with = "yes")]
    pub(crate) site: Option<Site>,
    /// Every node that this selector means, such as 'site=hq firmware<2.5' (docs/selectors.md)
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) select: Option<Selector>,
}

/// The number of a version.
fn version() -> RangedU64ValueParser {
    const VERSIONS: RangeInclusive<u64> = 1..=LAST_NUMBER;
    RangedU64ValueParser::new().range(VERSIONS)
}
