//! The rules stay pure: what `shared/core` depends on is on this list, or CI fails.

use crate::run::{cargo, output};
use crate::runner::Report;

/// Every crate that the rules may be built from, with all that those need: an error derive, at compile time.
const ALLOWED: [&str; 7] =
    ["proc-macro2", "quote", "rollcall-core", "syn", "thiserror", "thiserror-impl", "unicode-ident"];

/// Checks the list against what cargo resolves.
pub(crate) fn check() -> Result<Report, String> {
    let tree =
        output(&mut cargo(&["tree", "-p", "rollcall-core", "-e", "normal,build", "--prefix", "none", "--locked"]))?;
    let strangers = strangers(&tree);
    if strangers.is_empty() {
        return Ok(Report::default());
    }
    Err(format!(
        "shared/core depends on {}, which {} not on its list",
        strangers.join(", "),
        if strangers.len() == 1 { "is" } else { "are" }
    ))
}

fn strangers(tree: &str) -> Vec<&str> {
    let mut names: Vec<_> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| !ALLOWED.contains(name));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_under_the_rules_is_noticed() {
        let tree = "rollcall-core v0.1.0 (path)\nthiserror v2.0.0\ntokio v1.0.0\nthiserror v2.0.0 (*)\n";
        assert_eq!(strangers(tree), ["tokio"]);
    }
}
