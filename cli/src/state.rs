//! The folder with what this command keeps between its runs.

use std::path::PathBuf;

use rollcall_aws::{Environment, Lookup as _};

use crate::problem::Problem;

/// `$XDG_STATE_HOME/rollcall`, or else `~/.local/state/rollcall` (XDG Base Directory Specification).
///
/// # Errors
/// If neither variable is set.
pub(crate) fn folder() -> Result<PathBuf, Problem> {
    let folder = Environment
        .get("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| Environment.get("HOME").map(|home| PathBuf::from(home).join(".local/state")))
        .ok_or_else(|| Problem::new("HOME is not set: set it, so that the development key has a place"))?;
    Ok(folder.join("rollcall"))
}
