//! Running tests, and counting them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::infra;
use crate::localstack::STACKS;
use crate::run::{cargo, follow, root, say, succeed, target};

/// The folder of the whole-system tests: the others' are about one crate each.
const WHOLE_SYSTEM: &str = "tests";
/// The tests of LocalStack itself, which need one.
const LOCALSTACK: &str = "localstack";
/// The tests of deploying to it, which keep it busy for minutes.
const DEPLOYMENT: &str = "deployment";
/// The tests of the command with its embedded backend.
const COMMAND: &str = "command";
/// The tests of memory, which drive the functions' own processes: LocalStack would show nothing else.
const SOAK: &str = "soak";

/// Tests, by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Report {
    /// Adds what another part of the run counted.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Adds what the test runner says at the end of each binary: `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn hear(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse::<u64>().unwrap_or_default(),
                Some((number, "failed")) => self.failed += number.parse::<u64>().unwrap_or_default(),
                Some((number, "ignored")) => self.skipped += number.parse::<u64>().unwrap_or_default(),
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "tests: {} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// The whole-system tests in which something is pushed to a node.
const PUSHING: [&str; 6] = ["commands", "configs", "console", "everywhere", "firmware", "scenarios"];

/// Every crate's own tests.
pub(crate) fn units() -> Result<Report, String> {
    build()?;
    let mut arguments = vec!["--lib".to_owned(), "--bins".to_owned()];
    for package in packages()?.into_iter().filter(|package| package != WHOLE_SYSTEM) {
        arguments.extend(named(&targets(&package)?));
    }
    run(&mut test(&arguments, &[]))
}

/// The whole system on the embedded backend.
pub(crate) fn embedded() -> Result<Report, String> {
    build()?;
    let mut targets = targets(WHOLE_SYSTEM)?;
    targets.retain(|target| ![LOCALSTACK, DEPLOYMENT].contains(&target.as_str()));
    let calls = empty(&target().join("verify/calls"))?;
    let clean = |command: &mut Command| {
        let command = command.env_remove("ROLLCALL_LOCALSTACK_URL").env_remove("ROLLCALL_CLOUD_URL");
        run(command.env("ROLLCALL_CALLS", &calls))
    };
    let mut report = clean(&mut test(&named(&targets), &[]))?;
    say("--> again, with every push lost");
    report.add(clean(test(&pushing(), &[]).env("ROLLCALL_PUSHES", "lost"))?);
    say("--> what the functions called, beside what they may");
    report.add(infra::calls(&calls)?);
    Ok(report)
}

/// A folder with nothing in it.
fn empty(folder: &Path) -> Result<PathBuf, String> {
    let made = if folder.exists() { std::fs::remove_dir_all(folder) } else { Ok(()) };
    let made = made.and_then(|()| std::fs::create_dir_all(folder));
    made.map(|()| folder.to_owned()).map_err(|error| format!("{}: {error}", folder.display()))
}

/// The whole system on the LocalStack at this URL.
pub(crate) fn on_localstack(url: &str) -> Result<Report, String> {
    let mut targets = targets(WHOLE_SYSTEM)?;
    targets.retain(|target| ![COMMAND, DEPLOYMENT, SOAK].contains(&target.as_str()));
    run(localstacks(&mut test(&named(&targets), &["--include-ignored", &at_once()]), url))
}

/// The same again, with every push to a node lost.
pub(crate) fn on_localstack_without_pushes(url: &str) -> Result<Report, String> {
    run(localstacks(test(&pushing(), &[&at_once()]).env("ROLLCALL_PUSHES", "lost"), url))
}

/// Deployments to the LocalStack at this URL, and what goes wrong with them.
pub(crate) fn deployments(url: &str) -> Result<Report, String> {
    let target = named(&BTreeSet::from([DEPLOYMENT.to_owned()]));
    run(localstacks(&mut test(&target, &["--include-ignored"]), url))
}

/// Tests on the LocalStack at this URL, with the functions that `infra/deploy` deployed there.
fn localstacks<'a>(command: &'a mut Command, url: &str) -> &'a mut Command {
    command.env("ROLLCALL_LOCALSTACK_URL", url).env("ROLLCALL_LOCALSTACK_STACKS", STACKS.join(" "));
    command.env_remove("ROLLCALL_CLOUD_URL")
}

/// No more tests than stacks.
fn at_once() -> String {
    format!("--test-threads={}", STACKS.len())
}

fn pushing() -> Vec<String> {
    named(&PUSHING.map(str::to_owned).into())
}

/// What every deployment does, on one that the variables name; those of the environment if there are none.
pub(crate) fn everywhere(variables: &[(&str, &str)]) -> Result<Report, String> {
    run(test(&named(&BTreeSet::from(["everywhere".to_owned()])), &[]).envs(variables.iter().copied()))
}

/// How many tests [`everywhere`] would run.
pub(crate) fn count_everywhere() -> Result<u64, String> {
    let mut listed = 0;
    let list = test(&named(&BTreeSet::from(["everywhere".to_owned()])), &["--list", "--format", "terse"]);
    crate::run::output(&mut { list })?.lines().filter(|line| line.ends_with(": test")).for_each(|_| listed += 1);
    Ok(listed)
}

/// Builds the binaries that whole-system tests run, and the examples, one of which is the function that the tests of
/// the gateway and of the executor try things on.
pub(crate) fn build() -> Result<(), String> {
    let build = ["build", "--profile", "local", "--workspace", "--lib", "--bins", "--examples", "--locked"];
    succeed(&mut cargo(&build))
}

/// The test runner for these targets. Always of the whole workspace: with fewer packages, cargo would choose other
/// features of what they share, and build it again.
fn test(targets: &[String], arguments: &[&str]) -> Command {
    let mut command = cargo(&["test", "--profile", "local", "--workspace", "--locked", "--no-fail-fast"]);
    command.args(targets).arg("--").args(arguments);
    command
}

fn run(command: &mut Command) -> Result<Report, String> {
    let mut report = Report::default();
    let done = follow(command, |line| report.hear(line));
    match done {
        Ok(()) if report.passed == 0 => Err("no test ran".to_owned()),
        Ok(()) => Ok(report),
        Err(problem) => Err(format!("{problem}\n{report}")),
    }
}

fn named(targets: &BTreeSet<String>) -> Vec<String> {
    targets.iter().flat_map(|target| ["--test".to_owned(), target.clone()]).collect()
}

/// The folders of the workspace's packages.
fn packages() -> Result<Vec<String>, String> {
    let manifest = read(&root().join("Cargo.toml"))?;
    let (_, members) = manifest.split_once("members = [").ok_or("Cargo.toml names no members")?;
    let (members, _) = members.split_once(']').ok_or("Cargo.toml's list of members does not end")?;
    Ok(members.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

/// The integration tests of a package: `tests/NAME.rs` and `tests/NAME/main.rs`.
fn targets(package: &str) -> Result<BTreeSet<String>, String> {
    let folder = root().join(package).join("tests");
    if !folder.is_dir() {
        return Ok(BTreeSet::new());
    }
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let targets =
        paths.filter(|path| path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").is_file());
    Ok(targets.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect())
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_runners_counts_are_added_up() {
        let mut report = Report::default();
        report.hear("running 4 tests");
        report.hear("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s");
        report
            .hear("test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s");
        assert_eq!(report, Report { passed: 5, failed: 1, skipped: 1 });
    }

    #[test]
    fn every_integration_test_belongs_to_one_step() {
        let packages = packages().expect("members");
        assert!(packages.contains(&WHOLE_SYSTEM.to_owned()) && packages.len() > 10, "{packages:?}");
        let mut seen = BTreeSet::new();
        for package in &packages {
            for target in targets(package).expect("listed") {
                assert!(seen.insert(target.clone()), "{target} is the name of two tests: cargo would run both");
            }
        }
        for target in [LOCALSTACK, DEPLOYMENT, COMMAND, "histories"].into_iter().chain(PUSHING) {
            assert!(seen.contains(target), "{target} is not there: {seen:?}");
        }
    }
}
