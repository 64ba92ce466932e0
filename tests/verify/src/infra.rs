//! What is deployed to AWS, checked without an account: Python's tests of the template and of `infra/deploy`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{follow, output, root};
use crate::runner::Report;

/// The tests in `tests/infra`.
pub(crate) fn check() -> Result<Report, String> {
    pytest(&mut tests("tests/infra")?)
}

/// What the functions called, as it was noted in this folder, beside what the template lets them call.
pub(crate) fn calls(noted: &Path) -> Result<Report, String> {
    pytest(tests("tests/infra/calls.py")?.env("ROLLCALL_CALLS", noted))
}

/// What was created from the template in the MiniStack at this URL.
pub(crate) fn created(url: &str, stack: &str) -> Result<Report, String> {
    let mut tests = tests("tests/ministack")?;
    pytest(tests.env("ROLLCALL_MINISTACK_URL", url).env("ROLLCALL_MINISTACK_STACK", stack))
}

fn tests(path: &str) -> Result<Command, String> {
    let mut tests = Command::new(environment()?.join("python"));
    tests.current_dir(root()).args(["-B", "-m", "pytest", "--quiet", "-p", "no:cacheprovider", path]);
    Ok(tests)
}

fn pytest(tests: &mut Command) -> Result<Report, String> {
    let mut report = Report::default();
    let done = follow(tests, |line| report.add(counted(line)));
    done.map_err(|problem| format!("{problem}\n{report}"))?;
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

/// The programs of the virtual environment of `infra/deploy`, which is made if it is not there.
pub(crate) fn environment() -> Result<PathBuf, String> {
    venv(&[])
}

/// The programs of a virtual environment, which is made if it is not there: its folder, its list, and what that has.
pub(crate) fn venv(arguments: &[&str]) -> Result<PathBuf, String> {
    // It says itself what is missing.
    let python = output(Command::new(root().join("infra/python")).arg("verify"))?;
    let mut venv = Command::new(python.trim());
    let programs = output(venv.current_dir(root()).arg("-B").arg("infra/venv.py").args(arguments))?;
    Ok(PathBuf::from(programs.trim()))
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
