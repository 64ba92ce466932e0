//! Checks that others wrote: installed from crates.io into the target folder, at the version that is named here.

use std::path::PathBuf;
use std::process::Command;

use crate::run::{cargo, output, root, say, succeed, target};
use crate::runner::Report;

/// A program on crates.io.
struct Tool {
    name: &'static str,
    version: &'static str,
    /// The level of optimisation that it is built with: as low as can be, because building it takes longer than running it.
    opt_level: u8,
}

const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", opt_level: 0 };
/// Not optimised at all, it would read the workspace for most of a minute.
const MACHETE: Tool = Tool { name: "cargo-machete", version: "0.9.2", opt_level: 1 };

/// Licences, sources and bans. Not the advisories: their database is elsewhere.
pub(crate) fn deny() -> Result<Report, String> {
    let deny = DENY.installed()?;
    let mut check = Command::new(deny);
    check.current_dir(root()).args(["--locked", "check", "bans", "licenses", "sources"]);
    succeed(&mut check).map(|()| Report::default())
}

/// Dependencies that nothing uses.
pub(crate) fn machete() -> Result<Report, String> {
    let machete = MACHETE.installed()?;
    succeed(Command::new(machete).current_dir(root()).arg(".")).map(|()| Report::default())
}

impl Tool {
    /// Where it is, once it is there.
    fn installed(&self) -> Result<PathBuf, String> {
        let folder = target().join("tools");
        let program = folder.join("bin").join(self.name);
        if output(Command::new(&program).arg("--version")).is_ok_and(|said| said.contains(self.version)) {
            return Ok(program);
        }
        say(&format!("installing {} {} (about a minute)", self.name, self.version));
        let build = folder.join("build");
        let mut install = cargo(&["install", "--quiet", "--locked", "--force", self.name]);
        let optimised = format!("profile.dev.opt-level={}", self.opt_level);
        install.args(["--debug", "--config", &optimised, "--config", "profile.dev.debug=0"]);
        install.args(["--version", self.version]).arg("--root").arg(&folder).arg("--target-dir").arg(&build);
        succeed(&mut install).map_err(|problem| {
            format!(
                "{problem}\n{} is needed, and crates.io must be reachable once; by hand: cargo install --locked {} \
                 --version {} --root {}",
                self.name,
                self.name,
                self.version,
                folder.display()
            )
        })?;
        let _ = std::fs::remove_dir_all(build);
        Ok(program)
    }
}
