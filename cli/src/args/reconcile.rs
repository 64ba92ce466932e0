//! What can be asked of comparisons with the application's database.

use std::path::PathBuf;

use super::console::Connection;
use crate::console::Format;

#[derive(Debug, clap::Args)]
pub(crate) struct Reconcile {
    /// The file with what your database has: as for `rollcall import`
    pub(crate) file: PathBuf,
    /// The format, if the name of the file doesn't tell it
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Write ids that are MAC addresses as aa:bb:cc:dd:ee:ff, however the file has them
    #[arg(long)]
    pub(crate) mac_ids: bool,
    /// Let the plan revoke the nodes that the file does not have
    #[arg(long)]
    pub(crate) prune: bool,
    /// Save the plan in this file, for `rollcall apply`
    #[arg(long, value_name = "PLAN")]
    pub(crate) out: Option<PathBuf>,
    /// Write the comparison to this file as a page for a browser
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Tell the endpoints if there is a difference: the event drift.found
    #[arg(long)]
    pub(crate) report: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Apply {
    /// The plan that `rollcall reconcile --out` has saved
    pub(crate) plan: PathBuf,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
