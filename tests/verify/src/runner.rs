//! Running tests, and counting them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::built::built;
use crate::infra;
use crate::localstack::STACKS;
use crate::run::{cargo, follow, root, say, target};

/// The package of the whole-system tests: the others' are about one crate each.
const WHOLE_SYSTEM: &str = "tests";
/// Its binary of tests.
pub(crate) const SYSTEM: &str = "system";
/// The module of the tests of LocalStack itself, which need one.
const LOCALSTACK: &str = "localstack";
/// The module of the tests of deploying to it, which keep it busy for minutes.
const DEPLOYMENT: &str = "deployment";
/// The module of the tests of the command with its embedded backend.
const COMMAND: &str = "command";
/// The module of the tests of memory.
const SOAK: &str = "soak";
/// The test of the receiver in Ruby, which needs Rails.
const RAILS: &str = "receivers::the_receiver_in_ruby";
/// The module of what every deployment does.
const EVERYWHERE: &str = "everywhere";

/// Tests of the embedded backend wait more than they compute, so that more of them than processors run at once.
const MORE_AT_ONCE: &str = "--test-threads=3";

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

    /// Reads what [`Display`](std::fmt::Display) has written; `None` if the line is something else.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let mut report = Self::default();
        for count in line.strip_prefix("tests: ")?.split(", ") {
            let (number, what) = count.split_once(' ')?;
            let number = number.parse().ok()?;
            match what {
                "passed" => report.passed = number,
                "failed" => report.failed = number,
                "skipped" => report.skipped = number,
                _ => return None,
            }
        }
        Some(report)
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

/// The module that holds the simulation's store to DynamoDB. That both engines are alike is shown by the module around it.
const SIMULATED: &str = "simulated";

/// The module of a fleet that polls: LocalStack has one thread, and nothing to show there.
const POLLING_FLEET: &str = "fleet";

/// The modules in which something is pushed to a node.
const PUSHING: [&str; 6] = ["commands", "configs", "console", EVERYWHERE, "firmware", "scenarios"];

/// The modules that LocalStack may answer otherwise than the embedded backend: they reach for DynamoDB Local, for its S3,
/// or for functions as Lambda runs them. What the others show depends on our code alone (how a request is read, what the
/// gateway or the command does), and is shown by the embedded backend: every write and every list that they make is held
/// to both engines by `store_contract`.
const ON_LOCALSTACK: [&str; 14] = [
    "collection",
    "connections",
    "costs",
    "cutover",
    "drill",
    "faults",
    "firmware",
    "iam",
    "invoke_contract",
    LOCALSTACK,
    "presence",
    "rollouts",
    "scenarios",
    "store_contract",
];

/// Every crate's own tests.
pub(crate) fn units() -> Result<Report, String> {
    built()?;
    let mut report = run(&mut inside())?;
    let mut arguments = vec![];
    for package in packages()?.into_iter().filter(|package| package != WHOLE_SYSTEM) {
        arguments.extend(named(&targets(&package)?));
    }
    report.add(run(&mut test(&arguments))?);
    Ok(report)
}

/// The whole system on the embedded backend.
pub(crate) fn embedded() -> Result<Report, String> {
    let calls = empty(&target().join("verify/calls"))?;
    let clean = |command: &mut Command| run(on_embedded(command).env("ROLLCALL_CALLS", &calls));
    let mut others = [LOCALSTACK, DEPLOYMENT, SOAK].map(module).to_vec();
    others.push(RAILS.to_owned());
    let mut report = clean(&mut system(&[], &others, &[MORE_AT_ONCE])?)?;
    say("--> again, with every push lost");
    report.add(clean(pushing()?.env("ROLLCALL_PUSHES", "lost"))?);
    say("--> what the functions called, beside what they may");
    report.add(infra::calls(&calls)?);
    Ok(report)
}

/// What processes need in the long run, the tests' own among them: so one test at a time.
pub(crate) fn memory() -> Result<Report, String> {
    run(on_embedded(&mut system(&[module(SOAK)], &[], &["--test-threads=1"])?))
}

/// Tests on the embedded backend, whatever the variables name.
fn on_embedded(command: &mut Command) -> &mut Command {
    command.env_remove("ROLLCALL_LOCALSTACK_URL").env_remove("ROLLCALL_CLOUD_URL")
}

/// A folder with nothing in it.
fn empty(folder: &Path) -> Result<PathBuf, String> {
    let made = if folder.exists() { std::fs::remove_dir_all(folder) } else { Ok(()) };
    let made = made.and_then(|()| std::fs::create_dir_all(folder));
    made.map(|()| folder.to_owned()).map_err(|error| format!("{}: {error}", folder.display()))
}

/// What LocalStack can show, on the one at this URL.
pub(crate) fn on_localstack(url: &str) -> Result<Report, String> {
    let modules = ON_LOCALSTACK.map(module);
    let others = [COMMAND, DEPLOYMENT, SIMULATED, POLLING_FLEET].map(module);
    let mut tests = system(&modules, &others, &["--include-ignored", &at_once()])?;
    run(localstacks(&mut tests, url))
}

/// Deployments to the LocalStack at this URL, and what goes wrong with them.
pub(crate) fn deployments(url: &str) -> Result<Report, String> {
    run(localstacks(&mut system(&[module(DEPLOYMENT)], &[], &["--include-ignored"])?, url))
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

fn pushing() -> Result<Command, String> {
    system(&PUSHING.map(module), &[module(COMMAND)], &[])
}

/// What every deployment does, on one that the variables name; those of the environment if there are none.
pub(crate) fn everywhere(variables: &[(&str, &str)]) -> Result<Report, String> {
    run(system(&[module(EVERYWHERE)], &[], &[])?.envs(variables.iter().copied()))
}

/// The receiver in Ruby, where Rails is.
pub(crate) fn rails() -> Result<Report, String> {
    run(on_embedded(&mut system(&[RAILS.to_owned()], &[], &["--include-ignored"])?))
}

/// The same without these tests of it, which count as skipped.
pub(crate) fn everywhere_but(skipped: &[&str], variables: &[(&str, &str)]) -> Result<Report, String> {
    let skipped: Vec<_> = skipped.iter().map(|test| module(EVERYWHERE) + test).collect();
    let before = count_everywhere()?;
    let mut report = run(system(&[module(EVERYWHERE)], &skipped, &[])?.envs(variables.iter().copied()))?;
    report.skipped += before.saturating_sub(report.passed);
    // A test that has another name now would run, and fail; one that is gone would be skipped for nothing.
    let expected = u64::try_from(skipped.len()).unwrap_or_default();
    if report.skipped == expected {
        Ok(report)
    } else {
        Err(format!("{} tests were skipped, not {expected}", report.skipped))
    }
}

/// How many tests [`everywhere`] would run.
pub(crate) fn count_everywhere() -> Result<u64, String> {
    let mut listed = 0;
    let mut list = system(&[module(EVERYWHERE)], &[], &["--list", "--format", "terse"])?;
    crate::run::output(&mut list)?.lines().filter(|line| line.ends_with(": test")).for_each(|_| listed += 1);
    Ok(listed)
}

/// What the names of a module's tests begin with.
fn module(name: &str) -> String {
    format!("{name}::")
}

/// The whole-system tests whose names have one of `with` in them and none of `without`. Everything is built before.
fn system(with: &[String], without: &[String], more: &[&str]) -> Result<Command, String> {
    let mut tests = Command::new(built()?);
    // Cargo runs tests in the folder of their package.
    tests.current_dir(root().join(WHOLE_SYSTEM)).env("ROLLCALL_BUILT", "yes").args(with);
    tests.args(without.iter().flat_map(|name| ["--skip", name.as_str()])).args(more);
    Ok(tests)
}

/// What makes cargo build the programs, and the examples, one of which is the function that the tests of the gateway and of
/// the executor try things on.
pub(crate) fn building() -> Vec<String> {
    let build = ["build", "--profile", "local", "--workspace", "--lib", "--bins", "--examples", "--locked"];
    build.map(str::to_owned).to_vec()
}

/// What names every binary of tests.
pub(crate) fn name_tests() -> Result<Vec<String>, String> {
    let mut all = vec![];
    for package in packages()? {
        all.extend(named(&targets(&package)?));
    }
    Ok(all)
}

/// The test runner for the tests inside of libraries and programs. They are quick, and optimising them is not: see the file.
fn inside() -> Command {
    let test = ["test", "--config", "tests/units.toml", "--profile", "local", "--workspace", "--locked"];
    cargo(&[&test[..], &["--no-fail-fast", "--lib", "--bins"]].concat())
}

/// The test runner for these targets. Always of the whole workspace: with fewer packages, cargo would choose other
/// features of what they share, and build it again.
fn test(targets: &[String]) -> Command {
    let mut command = cargo(&["test", "--profile", "local", "--workspace", "--locked", "--no-fail-fast"]);
    command.args(targets);
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
pub(crate) fn packages() -> Result<Vec<String>, String> {
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
    fn the_counts_of_another_run_are_read_as_they_were_written() {
        let report = Report { passed: 5, failed: 1, skipped: 12 };
        assert_eq!(Report::read(&report.to_string()), Some(report));
        for line in ["", "tests: ", "tests: 5 passed, many failed", "test result: ok. 3 passed; 0 failed"] {
            assert_eq!(Report::read(line), None, "{line}");
        }
    }

    #[test]
    fn a_crate_has_one_binary_of_tests_and_no_two_have_one_name() {
        let packages = packages().expect("members");
        assert!(packages.contains(&WHOLE_SYSTEM.to_owned()) && packages.len() > 10, "{packages:?}");
        let mut seen = BTreeSet::new();
        for package in &packages {
            let targets = targets(package).expect("listed");
            assert!(targets.len() <= 1, "{package} links more than one binary of tests: {targets:?}");
            for target in targets {
                assert!(seen.insert(target.clone()), "{target} is the name of two tests: cargo would run both");
            }
        }
        assert!(seen.contains(SYSTEM), "{seen:?}");
    }

    #[test]
    fn a_program_whose_tests_are_not_built_has_none() {
        let mut without = 0;
        for package in packages().expect("members") {
            let folder = root().join(&package);
            let manifest = read(&folder.join("Cargo.toml")).expect("a manifest");
            let main = folder.join("src/main.rs");
            if !manifest.contains("\ntest = false\n") || !main.is_file() {
                continue;
            }
            without += 1;
            let files = modules(&folder.join("src")).into_iter().map(|name| folder.join(format!("src/{name}.rs")));
            for file in files.filter(|file| file.is_file() && (*file == main || !folder.join("src/lib.rs").is_file())) {
                let text = read(&file).expect("a file");
                assert!(!text.contains("#[cfg(test)]"), "{} has tests that are never run", file.display());
            }
        }
        assert!(without > 5, "only {without} programs are without tests");
    }

    #[test]
    fn every_module_that_a_step_chooses_is_there_and_no_other_has_its_name_at_the_end() {
        let folder = root().join(WHOLE_SYSTEM).join("tests").join(SYSTEM);
        let modules = modules(&folder);
        // A filter is a part of a name: what a step chooses, it also chooses inside of other modules.
        let skipped = [COMMAND, DEPLOYMENT];
        for outer in modules.iter().filter(|outer| folder.join(outer).is_dir() && !skipped.contains(&outer.as_str())) {
            for inner in self::modules(&folder.join(outer)) {
                let is_chosen = PUSHING.contains(&inner.as_str()) || ON_LOCALSTACK.contains(&inner.as_str());
                assert!(!is_chosen, "{outer}::{inner} is run wherever {inner} is");
            }
        }
        let chosen = [LOCALSTACK, DEPLOYMENT, COMMAND, SOAK].into_iter().chain(PUSHING).chain(ON_LOCALSTACK);
        for name in chosen {
            assert!(modules.contains(name), "{name} is not there: {modules:?}");
            let confused = modules.iter().find(|other| *other != name && other.ends_with(name));
            assert_eq!(confused, None, "`{}` would choose both", module(name));
        }
    }

    fn modules(folder: &Path) -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).expect("listed").filter_map(Result::ok);
        entries.filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned())).collect()
    }
}
