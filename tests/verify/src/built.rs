//! What is built, once for both lanes.
//!
//! Cargo holds a lock while it compiles. If the second lane asked cargo for what is built already, it would wait for
//! minutes while the first lane compiles something else. So the first lane builds, and tells the second one.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::run::{cargo, output};
use crate::runner::{SYSTEM, building, name_tests};

/// The variable that says that the standard input tells what the other lane has built.
pub(crate) const TOLD: &str = "ROLLCALL_VERIFY_TOLD";

static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// Everything is built: programs, examples and tests. Gives the binary of whole-system tests.
pub(crate) fn built() -> Result<PathBuf, String> {
    #[expect(clippy::disallowed_methods, reason = "this is how the lanes talk")]
    let is_told = std::env::var_os(TOLD).is_some();
    BUILT.get_or_init(|| if is_told { told().map_or_else(build, Ok) } else { build() }).clone()
}

/// The binary of whole-system tests, if this process has had everything built.
pub(crate) fn known() -> Option<PathBuf> {
    BUILT.get()?.clone().ok()
}

/// What the other lane has built; `None` if it has built nothing.
fn told() -> Option<PathBuf> {
    let mut path = String::new();
    std::io::stdin().read_to_string(&mut path).ok()?;
    Some(PathBuf::from(path.trim())).filter(|path| path.is_file())
}

/// Builds in one go, so that the second processor has something to do while the first one optimises a library.
fn build() -> Result<PathBuf, String> {
    let mut all: Vec<_> = building();
    all.extend(name_tests()?);
    all.extend(["--message-format", "json-render-diagnostics"].map(str::to_owned));
    let messages = output(&mut cargo(&all.iter().map(String::as_str).collect::<Vec<_>>()))?;
    let system = messages.lines().find_map(executable);
    system.map(PathBuf::from).ok_or_else(|| format!("cargo has built no test {SYSTEM}"))
}

/// The path in a message of cargo about the binary of whole-system tests.
fn executable(message: &str) -> Option<String> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let target = &message["target"];
    let is_system = target["kind"] == serde_json::json!(["test"]) && target["name"] == SYSTEM;
    message["executable"].as_str().filter(|_| is_system).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_of_whole_system_tests_is_found_among_what_cargo_says() {
        let message = |kind: &str, name: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"kind":["{kind}"],"name":"{name}"}},"executable":"/a/b"}}"#
            )
        };
        assert_eq!(executable(&message("test", "system")).as_deref(), Some("/a/b"));
        assert_eq!(executable(&message("bin", "system")), None);
        assert_eq!(executable(&message("test", "table")), None);
        assert_eq!(executable(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
