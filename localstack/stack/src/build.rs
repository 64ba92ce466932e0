//! Building the functions.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::functions::FUNCTIONS;

/// Variables that cargo sets for what it runs. A cargo that inherits them from another one takes them for a changed
/// environment, and builds again whatever asked to be built again for that.
const OF_ANOTHER_CARGO: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];

/// The cargo command that builds the functions into `target/local`. It names binaries, not packages: cargo then chooses
/// the features of shared crates for the whole workspace, as it did for the command that runs this.
pub fn build_command(cargo: &str, root: &Path, target: &Path) -> Command {
    let mut command = cargo_build(cargo, root, target, "local");
    for function in FUNCTIONS {
        command.args(["--bin", function]);
    }
    command
}

/// The cargo command that builds what is added to it, with this profile.
pub fn cargo_build(cargo: &str, root: &Path, target: &Path, profile: &str) -> Command {
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["build", "--profile", profile, "--target-dir"]).arg(target);
    #[expect(clippy::disallowed_methods, reason = "names only, to take them away")]
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if OF_ANOTHER_CARGO.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(&*name);
        }
    }
    command.stdin(Stdio::null());
    command
}
