//! The functions' binaries: found, or built.

use std::path::{Path, PathBuf};

use rollcall_aws::{Environment, Lookup as _};
use rollcall_stack::build_command;
use tokio::process::Command;

use crate::problem::Problem;

/// The folder with the functions' binaries: the given one; or else, beside this command's own binary, built first if
/// this is a checkout.
pub(crate) async fn functions(given: Option<PathBuf>) -> Result<PathBuf, Problem> {
    if let Some(folder) = given {
        return Ok(folder);
    }
    let own = std::env::current_exe().map_err(|error| Problem::plain(&error))?;
    let folder = own.parent().unwrap_or(Path::new(".")).to_owned();
    match checkout(&folder) {
        Some(root) => build(&root, &folder).await.map(|()| folder),
        None => Ok(folder),
    }
}

/// The checkout that this command was built in, if it still is in its target folder.
fn checkout(folder: &Path) -> Option<PathBuf> {
    let by_cargo = Environment.get("CARGO_MANIFEST_DIR").and_then(|cli| Some(Path::new(&cli).parent()?.to_owned()));
    let by_place = folder.parent().and_then(Path::parent).map(Path::to_owned);
    by_cargo.into_iter().chain(by_place).find(|root| root.join("functions/check-in/Cargo.toml").is_file())
}

async fn build(root: &Path, folder: &Path) -> Result<(), Problem> {
    let found = |program: &str| {
        let path = Environment.get("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    };
    if !["cc", "gcc", "clang"].into_iter().any(found) {
        return Err(Problem::new(
            "there is no C compiler: install one (Debian: apt install build-essential; macOS: xcode-select --install), \
             or give the folder of ready-made functions with --functions",
        ));
    }
    crate::out::say("building the functions");
    let cargo = Environment.get("CARGO").unwrap_or_else(|| "cargo".to_owned());
    let target = folder.parent().unwrap_or(folder);
    let mut command = Command::from(build_command(&cargo, root, target));
    let status = command.kill_on_drop(true).status().await.map_err(|error| {
        Problem::new(format!(
            "cargo can't be run ({error}): install Rust, or give the folder of ready-made functions with --functions"
        ))
    })?;
    if status.success() {
        Ok(())
    } else {
        Err(Problem::new(
            "the functions don't build: see above, or give the folder of ready-made ones with --functions",
        ))
    }
}
