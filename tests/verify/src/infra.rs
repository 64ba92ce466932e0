//! What is deployed to AWS, checked without an account: Python's tests of the template and of `infra/deploy`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::run::{follow, output, root, say, succeed, target};
use crate::runner::Report;

/// The Python that the list of what is installed was made for.
const PYTHON: &str = "python3.11";

/// The tests in `tests/infra`.
pub(crate) fn check() -> Result<Report, String> {
    let mut report = Report::default();
    let mut tests = Command::new(environment()?.join("python"));
    tests.current_dir(root()).args(["-B", "-m", "pytest", "--quiet", "-p", "no:cacheprovider", "tests/infra"]);
    follow(&mut tests, |line| report.add(counted(line)))?;
    if report.passed == 0 { Err("no test ran".to_owned()) } else { Ok(report) }
}

/// What pytest says at its end: `1 failed, 83 passed, 2 skipped in 2.70s`.
fn counted(line: &str) -> Report {
    let mut report = Report::default();
    let Some((counts, _)) = line.rsplit_once(" in ") else { return report };
    for count in counts.split(", ") {
        match count.split_once(' ').map(|(number, how)| (number.parse().unwrap_or_default(), how)) {
            Some((number, "passed")) => report.passed = number,
            Some((number, "failed" | "error" | "errors")) => report.failed += number,
            Some((number, "skipped")) => report.skipped = number,
            _ => {}
        }
    }
    report
}

/// The programs of a virtual environment with what the tests and `infra/deploy` need, among them `aws`. It is made if it
/// is not there yet, or was made from another list.
pub(crate) fn environment() -> Result<PathBuf, String> {
    let (folder, list) = (target().join("infra/venv"), root().join("tests/infra/requirements.txt"));
    let (programs, stamp) = (folder.join("bin"), folder.join("made-from.txt"));
    let version = output(Command::new(PYTHON).arg("--version")).map_err(|problem| {
        format!("{problem}: {PYTHON} is needed; Debian 12: apt install python3.11 python3.11-venv")
    })?;
    let wanted = fs::read_to_string(&list).map_err(|error| format!("{}: {error}", list.display()))? + &version;
    if fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == wanted) {
        return Ok(programs);
    }
    say("installing cfn-lint, the SAM translator and the AWS CLI from PyPI (about a minute)");
    succeed(Command::new(PYTHON).args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut install = Command::new(programs.join("python"));
    install.args(["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--require-hashes"]);
    succeed(install.arg("--requirement").arg(&list))
        .map_err(|problem| format!("{problem}; PyPI must be reachable once: see `pip config list`"))?;
    fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pytests_counts_are_read() {
        assert_eq!(counted("83 passed in 2.70s"), Report { passed: 83, failed: 0, skipped: 0 });
        assert_eq!(
            counted("1 failed, 80 passed, 2 skipped, 1 error in 2.70s"),
            Report { passed: 80, failed: 2, skipped: 2 }
        );
        assert_eq!(counted("....F... [100%]"), Report::default());
    }
}
