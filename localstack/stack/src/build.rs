//! The cargo command that builds the functions.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::functions::FUNCTIONS;

/// Prefixes of the variables that cargo sets for a program that it runs. If that program runs cargo with these
/// variables, the second cargo takes them for a changed environment, and rebuilds every crate that depends on one of
/// them.
const SET_BY_CARGO: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];

/// The cargo command that builds the functions into `local` below `target`. It names binaries, not packages: cargo then
/// chooses the features of shared crates for the whole workspace, as in the build of the running program.
pub fn build_command(cargo: &str, root: &Path, target: &Path) -> Command {
    let mut command = cargo_build(cargo, root, target, "local");
    for function in FUNCTIONS {
        command.args(["--bin", function]);
    }
    command
}

/// A `cargo build` with this profile and target folder. The caller adds what is to be built.
pub fn cargo_build(cargo: &str, root: &Path, target: &Path, profile: &str) -> Command {
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["build", "--profile", profile, "--target-dir"]).arg(target);
    #[expect(clippy::disallowed_methods, reason = "reads only the names, to remove the variables")]
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if SET_BY_CARGO.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(&*name);
        }
    }
    command.stdin(Stdio::null());
    command
}
