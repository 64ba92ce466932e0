//! Running a program so that a person can follow it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Where cargo leaves the binaries of the profile that everything is built with: beside this one.
pub(crate) fn profile() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.parent().unwrap_or(&own).to_owned()
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    let profile = profile();
    profile.parent().unwrap_or(&profile).to_owned()
}

/// Sends a child a signal, such as `INT`.
pub(crate) fn signal(child: &Child, signal: &str) {
    let _ = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).stderr(Stdio::null()).status();
}

/// A cargo command in the profile that everything is built with, from the workspace's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root());
    command.args(arguments).stdin(Stdio::null());
    // This program is run by cargo: its variables would look like a changed environment to the one that it runs.
    #[expect(clippy::disallowed_methods, reason = "names only, to take them away")]
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|of| name.starts_with(of)) {
            command.env_remove(&*name);
        }
    }
    command
}

/// Runs a command, whose output goes where ours goes.
pub(crate) fn succeed(command: &mut Command) -> Result<(), String> {
    let status =
        command.stdin(Stdio::null()).status().map_err(|error| format!("{} can't be run: {error}", shown(command)))?;
    ended(command, status)
}

/// Runs a command, shows the lines that it writes to standard output, and hands each to `line`.
pub(crate) fn follow(command: &mut Command, mut line: impl FnMut(&str)) -> Result<(), String> {
    let cannot = |error| format!("it can't be run: {error}");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(cannot)?;
    if let Some(output) = child.stdout.take() {
        for text in BufReader::new(output).lines().map_while(Result::ok) {
            say(&text);
            line(&text);
        }
    }
    let status = child.wait().map_err(cannot)?;
    ended(command, status)
}

/// What a command writes to standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("it can't be run: {error}"))?;
    ended(command, output.status)?;
    String::from_utf8(output.stdout)
        .map_err(|error| format!("{} wrote something that is not text: {error}", shown(command)))
}

fn ended(command: &Command, status: ExitStatus) -> Result<(), String> {
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", shown(command))) }
}

/// A command as a person would type it.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    format!("`{program} {}`", arguments.join(" "))
}

/// A line for whoever follows.
#[expect(clippy::print_stdout, reason = "this is what is followed")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// A duration as `m:ss`.
pub(crate) fn minutes(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{:3}:{:02}", seconds / 60, seconds % 60)
}
