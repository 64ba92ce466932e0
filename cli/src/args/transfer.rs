//! What can be asked of files with nodes.

use std::path::PathBuf;

use clap::ValueEnum;
use rollcall_core::Selector;

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
    /// Only the nodes that this selector means, such as 'site=hq model=ax-2 label.floor=3' (docs/selectors.md)
    #[arg(long, alias = "selector", value_name = "SELECTOR")]
    pub(crate) select: Option<Selector>,
    #[command(flatten)]
    pub(crate) connection: Address,
}
