//! One choice of features for everything: what the tests have built, `cargo up` does not build again.

use crate::built::built;
use crate::run::{cargo, output};
use crate::runner::Report;

/// Builds what `cargo up` builds, after the tests' own build, and looks for dependencies that were compiled.
pub(crate) fn check() -> Result<Report, String> {
    built()?;
    let mut up =
        cargo(&["build", "--profile", "local", "--no-default-features", "--locked", "--message-format", "json"]);
    let messages = output(up.args(["--bin", "rollcall"]))?;
    let compiled: Vec<_> = messages.lines().filter_map(compiled_dependency).collect();
    if compiled.is_empty() {
        return Ok(Report::default());
    }
    Err(format!("`cargo up` would compile these dependencies again, with other features: {}", compiled.join(", ")))
}

/// The package that a line of cargo's messages says was compiled, if it is not of this workspace.
fn compiled_dependency(message: &str) -> Option<&str> {
    let is_new = message.starts_with(r#"{"reason":"compiler-artifact""#) && message.contains(r#""fresh":false"#);
    let (_, package) = message.split_once(r#""package_id":"registry+"#).filter(|_| is_new)?;
    package.split_once('"').map(|(id, _)| id.rsplit_once('#').map_or(id, |(_, name)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_that_is_compiled_again_is_named() {
        let message = |package: &str, fresh: bool| {
            format!(r#"{{"reason":"compiler-artifact","package_id":"{package}","profile":{{}},"fresh":{fresh}}}"#)
        };
        let tokio = "registry+https://index.example/#tokio@1.54.1";
        assert_eq!(compiled_dependency(&message(tokio, false)), Some("tokio@1.54.1"));
        assert_eq!(compiled_dependency(&message(tokio, true)), None);
        assert_eq!(compiled_dependency(&message("path+file:///here/cli#rollcall@0.1.0", false)), None);
    }
}
