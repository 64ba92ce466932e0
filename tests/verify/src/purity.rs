//! What decides stays pure: what `shared/core` and `shared/machine` depend on is on their lists, or CI fails.

use crate::run::{cargo, output};
use crate::runner::Report;

/// A crate without IO, clock and randomness.
struct Pure {
    package: &'static str,
    folder: &'static str,
    /// Every crate that it may be built from, with all that those need.
    allowed: &'static [&'static str],
}

const PURE: [Pure; 2] = [RULES, MACHINE];

/// The rules need an error derive, at compile time.
const RULES: Pure = Pure {
    package: "rollcall-core",
    folder: "shared/core",
    allowed: &["proc-macro2", "quote", "rollcall-core", "syn", "thiserror", "thiserror-impl", "unicode-ident"],
};

/// The node's machine needs the messages and their JSON, hashes, log lines, and a generator that is given its seed.
const MACHINE: Pure = Pure {
    package: "rollcall-machine",
    folder: "shared/machine",
    allowed: &[
        "block-buffer",
        "cfg-if",
        "cpufeatures",
        "crypto-common",
        "data-encoding",
        "digest",
        "hybrid-array",
        "itoa",
        // On ARM, cpufeatures asks it what the processor can do.
        "libc",
        "memchr",
        "once_cell",
        "pin-project-lite",
        "proc-macro2",
        "quote",
        "rand",
        "rand_core",
        "rollcall-machine",
        "rollcall-wire",
        "serde",
        "serde_core",
        "serde_derive",
        "serde_json",
        "sha2",
        "syn",
        "thiserror",
        "thiserror-impl",
        "tracing",
        "tracing-attributes",
        "tracing-core",
        "typenum",
        "unicode-ident",
        "zmij",
    ],
};

/// Checks each list against what cargo resolves.
pub(crate) fn check() -> Result<Report, String> {
    PURE.iter().try_for_each(check_one)?;
    Ok(Report::default())
}

fn check_one(pure: &Pure) -> Result<(), String> {
    let tree = output(&mut cargo(&["tree", "-p", pure.package, "-e", "normal,build", "--prefix", "none", "--locked"]))?;
    let strangers = strangers(&tree, pure.allowed);
    if strangers.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} depends on {}, which {} not on its list",
        pure.folder,
        strangers.join(", "),
        if strangers.len() == 1 { "is" } else { "are" }
    ))
}

fn strangers<'a>(tree: &'a str, allowed: &[&str]) -> Vec<&'a str> {
    let mut names: Vec<_> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| !allowed.contains(name));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_under_the_rules_is_noticed() {
        let tree = "rollcall-core v0.1.0 (path)\nthiserror v2.0.0\ntokio v1.0.0\nthiserror v2.0.0 (*)\n";
        assert_eq!(strangers(tree, RULES.allowed), ["tokio"]);
    }

    #[test]
    fn a_source_of_randomness_under_the_machine_is_noticed() {
        let tree = "rollcall-machine v0.1.0 (path)\nrand v0.10.0\ngetrandom v0.4.0\nrand_core v0.10.0\n";
        assert_eq!(strangers(tree, MACHINE.allowed), ["getrandom"]);
    }
}
