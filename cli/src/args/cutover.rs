//! What can be asked of the cut-over from a legacy polling endpoint.

use std::path::PathBuf;

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use rollcall_core::{Percent, Selector};
use rollcall_wire::console::CutoverMode;

use super::console::Connection;

#[derive(Debug, Subcommand)]
pub(crate) enum CutoverCommand {
    /// Check a mapping file, and show what it hears in a request and how it answers; asks nobody
    Check(CheckMapping),
    /// Set the mapping of the legacy endpoint from a file
    Mapping(SetMapping),
    /// Say who answers nodes, or a part of them
    Set(SetMode),
    /// Let the legacy endpoint answer every node again, and note nothing
    Off(CutoverShow),
    /// Show the mapping, and who answers which nodes
    Show(CutoverShow),
    /// Show what became of polls, and how the answers differ
    Report(CutoverReport),
    /// Print the JSON Schema of mapping files
    Schema,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckMapping {
    /// The mapping: TOML, or JSON if its name ends in .json
    pub(crate) file: PathBuf,
    /// A file with a request as a node sends it: a request line, headers, an empty line, and the body
    #[arg(long, value_name = "FILE")]
    pub(crate) sample: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SetMapping {
    /// The mapping: TOML, or JSON if its name ends in .json
    #[arg(required_unless_present = "remove")]
    pub(crate) file: Option<PathBuf>,
    /// Remove the mapping: requests of the legacy endpoint are answered with 404
    #[arg(long, conflicts_with = "file")]
    pub(crate) remove: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SetMode {
    /// off: the legacy endpoint answers; observe: it answers, and nodes are noted; compare: it answers, and differences are
    /// noted; serve: Rollcall answers
    #[arg(value_parser = modes())]
    pub(crate) mode: CutoverMode,
    /// Only the nodes that this selector means, such as 'site=hq model=ax-2 label.floor=3' (docs/selectors.md)
    #[arg(long, alias = "selector", value_name = "SELECTOR")]
    pub(crate) select: Option<Selector>,
    /// Only this part of them, by a hash of the node's id; the others keep their mode
    #[arg(long)]
    pub(crate) percent: Option<Percent>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CutoverShow {
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CutoverReport {
    /// Write the report to this file as a page for a browser
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

fn modes() -> impl TypedValueParser<Value = CutoverMode> {
    PossibleValuesParser::new(rollcall_core::CutoverMode::ALL.map(rollcall_core::CutoverMode::as_str))
        .try_map(|mode| serde_json::from_value::<CutoverMode>(mode.into()))
}
