//! The functions' binaries: found, or built.

use std::path::{Path, PathBuf};

use rollcall_aws::{Environment, Lookup as _};
use rollcall_stack::build_command;
use tokio::process::Command;

use crate::problem::Problem;

/// The profile that everything is built with that runs on this machine.
#[cfg(not(all(feature = "aws", feature = "simulate")))]
const PROFILE: &str = "local";
/// The variable that says that the whole command was just built, so that it is not built again and again.
#[cfg(not(all(feature = "aws", feature = "simulate")))]
const BUILT: &str = "ROLLCALL_BUILT";

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

/// Builds this command with all that it can do, and goes on as that, with the same arguments. Comes back only with what
/// is in the way.
#[cfg(not(all(feature = "aws", feature = "simulate")))]
pub(crate) async fn go_on_as_the_whole_command() -> Problem {
    use std::os::unix::process::CommandExt as _;

    let own = match std::env::current_exe() {
        Ok(own) => own,
        Err(error) => return Problem::plain(&error),
    };
    let folder = own.parent().unwrap_or(Path::new(".")).to_owned();
    let Some(root) = checkout(&folder).filter(|_| Environment.get(BUILT).is_none()) else {
        return Problem::new("this `rollcall` was built without the feature `aws` or `simulate`, which this needs");
    };
    crate::out::say("building the part of this command that asks AWS and simulates fleets, once");
    let target = folder.parent().unwrap_or(&folder);
    let mut command = rollcall_stack::cargo_build(&cargo(), &root, target, PROFILE);
    command.args(["--bin", env!("CARGO_BIN_NAME")]);
    if let Err(problem) = succeeds(command, "the command does not build: see above").await {
        return problem;
    }
    let whole = target.join(PROFILE).join(env!("CARGO_BIN_NAME"));
    let error = std::process::Command::new(&whole).args(std::env::args_os().skip(1)).env(BUILT, "yes").exec();
    Problem::new(format!("{} can't be run: {error}", whole.display()))
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
    let command = build_command(&cargo(), root, folder.parent().unwrap_or(folder));
    let advice = "the functions don't build: see above, or give the folder of ready-made ones with --functions";
    succeeds(command, advice).await
}

/// The cargo that runs this command, or else the one that the path has.
fn cargo() -> String {
    Environment.get("CARGO").unwrap_or_else(|| "cargo".to_owned())
}

async fn succeeds(command: std::process::Command, otherwise: &str) -> Result<(), Problem> {
    let status = Command::from(command).kill_on_drop(true).status().await.map_err(|error| {
        Problem::new(format!(
            "cargo can't be run ({error}): install Rust, or give the folder of ready-made functions with --functions"
        ))
    })?;
    if status.success() { Ok(()) } else { Err(Problem::new(otherwise)) }
}
