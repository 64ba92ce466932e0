//! The steps, quick ones first.

use crate::purity;
use crate::run::{cargo, follow, succeed};

/// Something that is checked.
pub(crate) struct Step {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it is for.
    pub(crate) purpose: &'static str,
    /// Checks it; gives lines for the end of the report, or what is wrong.
    pub(crate) check: fn() -> Result<Vec<String>, String>,
}

/// Everything that CI checks.
pub(crate) const STEPS: [Step; 5] = [
    Step { name: "format", purpose: "the code is formatted", check: format },
    Step { name: "purity", purpose: "the rules depend on what is on their list", check: purity::check },
    Step { name: "lints", purpose: "clippy has nothing to say, tests and benchmarks included", check: lints },
    Step { name: "docs", purpose: "the documentation builds without a warning", check: docs },
    Step { name: "test", purpose: "rules, crates and the whole system on the embedded DynamoDB", check: test },
];

fn format() -> Result<Vec<String>, String> {
    succeed(&mut cargo(&["fmt", "--all", "--check"])).map(|()| vec![])
}

fn lints() -> Result<Vec<String>, String> {
    let clippy = ["clippy", "--profile", "local", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    succeed(&mut cargo(&clippy)).map(|()| vec![])
}

fn docs() -> Result<Vec<String>, String> {
    let doc = ["doc", "--profile", "local", "--workspace", "--no-deps", "--document-private-items", "--locked"];
    succeed(cargo(&doc).env("RUSTDOCFLAGS", "-D warnings")).map(|()| vec![])
}

/// Builds the binaries that the whole-system tests run, and the examples, one of which is the gateway's function to try
/// things on; then runs every test.
fn test() -> Result<Vec<String>, String> {
    let build = ["build", "--profile", "local", "--workspace", "--lib", "--bins", "--examples", "--locked"];
    succeed(&mut cargo(&build))?;
    let test = ["test", "--profile", "local", "--workspace", "--lib", "--bins", "--tests", "--locked"];
    let mut counts = Counts::default();
    let done = follow(&mut cargo(&test), |line| counts.add(line));
    let summary = format!("tests: {} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.ignored);
    match done {
        Ok(()) if counts.passed == 0 => Err("no test ran".to_owned()),
        Ok(()) => Ok(vec![summary]),
        Err(problem) => Err(format!("{problem}\n{summary}")),
    }
}

/// Tests, by how they ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    /// Adds what the test runner says at the end of each binary: `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse::<u64>().unwrap_or_default(),
                Some((number, "failed")) => self.failed += number.parse::<u64>().unwrap_or_default(),
                Some((number, "ignored")) => self.ignored += number.parse::<u64>().unwrap_or_default(),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_runners_counts_are_added_up() {
        let mut counts = Counts::default();
        counts.add("running 4 tests");
        counts.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s");
        counts.add("test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s");
        assert_eq!(counts, Counts { passed: 5, failed: 1, ignored: 1 });
    }
}
