//! What decides stays pure: what `shared/core` and `shared/machine` depend on is on their lists, or CI fails. What
//! functions do stays free of AWS and of runtimes: `shared/service` depends on none of them.

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

/// The beginnings of the names of crates that do IO, drive it, or are for AWS. A simulation runs `shared/service` without
/// them.
const IO: [&str; 9] = ["async-", "aws", "hyper", "lambda", "mio", "reqwest", "rustls", "socket2", "tokio"];

/// Checks each list against what cargo resolves.
pub(crate) fn check() -> Result<Report, String> {
    PURE.iter().try_for_each(check_one)?;
    let tree = tree("rollcall-service")?;
    none(&with_io(&tree), "shared/service", "IO or for AWS")?;
    Ok(Report::default())
}

fn check_one(pure: &Pure) -> Result<(), String> {
    let tree = tree(pure.package)?;
    none(&strangers(&tree, pure.allowed), pure.folder, "not on its list")
}

fn tree(package: &str) -> Result<String, String> {
    output(&mut cargo(&["tree", "-p", package, "-e", "normal,build", "--prefix", "none", "--locked"]))
}

fn none(found: &[&str], folder: &str, what: &str) -> Result<(), String> {
    let are = if found.len() == 1 { "is" } else { "are" };
    if found.is_empty() { Ok(()) } else { Err(format!("{folder} depends on {}, which {are} {what}", found.join(", "))) }
}

fn strangers<'a>(tree: &'a str, allowed: &[&str]) -> Vec<&'a str> {
    names(tree).into_iter().filter(|name| !allowed.contains(name)).collect()
}

fn with_io(tree: &str) -> Vec<&str> {
    names(tree).into_iter().filter(|name| IO.iter().any(|beginning| name.starts_with(beginning))).collect()
}

/// The name of each crate in a tree.
fn names(tree: &str) -> Vec<&str> {
    let mut names: Vec<_> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    names.sort_unstable();
    names.dedup();
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
    fn aws_under_the_service_is_noticed() {
        let tree = "rollcall-service v0.1.0 (path)\naws-sdk-dynamodb v1.0.0\nserde v1.0.0\ntokio v1.0.0\n";
        assert_eq!(with_io(tree), ["aws-sdk-dynamodb", "tokio"]);
    }

    #[test]
    fn a_source_of_randomness_under_the_machine_is_noticed() {
        let tree = "rollcall-machine v0.1.0 (path)\nrand v0.10.0\ngetrandom v0.4.0\nrand_core v0.10.0\n";
        assert_eq!(strangers(tree, MACHINE.allowed), ["getrandom"]);
    }
}
