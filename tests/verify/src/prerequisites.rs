//! What the machine must have for the steps that are chosen: all that is missing is said before the first of them.

use std::process::{Command, Stdio};

use crate::run::root;

/// Something that a step needs of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// The linker of every Rust program, and the compiler of the C in some crates.
    CCompiler,
    /// It ends programs by their process ids.
    Kill,
    /// Linux itself: LocalStack and MiniStack without Docker run nowhere else.
    Linux,
    /// One that `infra/python` finds.
    Python,
    /// It ends a child with its parent.
    Setpriv,
    /// It makes functions as small as those that are deployed.
    Strip,
}

impl Need {
    /// How a person gets it.
    fn advice(self) -> &'static str {
        match self {
            Self::CCompiler => "a C compiler (cc): apt install build-essential",
            Self::Kill => "kill: apt install procps",
            Self::Linux => "Linux: only there do LocalStack and MiniStack run without Docker",
            Self::Python => "Python 3.11, 3.12 or 3.13 with venv: apt install python3 python3-venv",
            Self::Setpriv => "setpriv: apt install util-linux",
            Self::Strip => "strip: apt install binutils",
        }
    }

    /// Whether the machine has it.
    fn is_met(self) -> bool {
        match self {
            Self::CCompiler => runs(Command::new("cc").arg("--version")),
            Self::Kill => runs(Command::new("kill").arg("-l")),
            Self::Linux => cfg!(target_os = "linux"),
            Self::Python => runs(&mut Command::new(root().join("infra/python"))),
            Self::Setpriv => runs(Command::new("setpriv").arg("--version")),
            // That of macOS does not say its version.
            Self::Strip => silent(&mut Command::new("strip")).status().is_ok(),
        }
    }
}

fn runs(command: &mut Command) -> bool {
    silent(command).status().is_ok_and(|status| status.success())
}

fn silent(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

/// What to say of these steps, each with what it needs, if the machine lacks anything.
pub(crate) fn missing<'a>(steps: impl IntoIterator<Item = (&'a str, &'a [Need])>) -> Option<String> {
    lacking(steps, Need::is_met)
}

/// The same, where `is_met` says what there is. It is asked once for each need.
fn lacking<'a>(
    steps: impl IntoIterator<Item = (&'a str, &'a [Need])>,
    is_met: impl Fn(Need) -> bool,
) -> Option<String> {
    let (mut needed, mut able): (Vec<(Need, Vec<&str>)>, Vec<&str>) = (vec![], vec![]);
    for (step, needs) in steps {
        able.push(step);
        for need in needs {
            match needed.iter_mut().find(|(other, _)| other == need) {
                Some((_, by)) => by.push(step),
                None => needed.push((*need, vec![step])),
            }
        }
    }
    needed.retain(|(need, _)| !is_met(*need));
    able.retain(|step| needed.iter().all(|(_, by)| !by.contains(step)));
    if needed.is_empty() {
        return None;
    }
    let lines: Vec<_> =
        needed.iter().map(|(need, by)| format!("  {} (needed by {})", need.advice(), by.join(", "))).collect();
    let mut said = format!("this machine lacks:\n{}", lines.join("\n"));
    if !able.is_empty() {
        said.push_str("\nwhat it can run without that: cargo verify ");
        said.push_str(&able.join(" "));
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [(&str, &[Need]); 3] = [
        ("infra", &[Need::Python]),
        ("units", &[Need::CCompiler]),
        ("localstack", &[Need::Linux, Need::CCompiler, Need::Python, Need::Setpriv]),
    ];

    #[test]
    fn all_that_is_missing_is_said_at_once_with_the_steps_that_need_it() {
        let said = lacking(STEPS, |need| need == Need::CCompiler).expect("three are missing");
        assert_eq!(
            said,
            "this machine lacks:\n  \
             Python 3.11, 3.12 or 3.13 with venv: apt install python3 python3-venv (needed by infra, localstack)\n  \
             Linux: only there do LocalStack and MiniStack run without Docker (needed by localstack)\n  \
             setpriv: apt install util-linux (needed by localstack)\n\
             what it can run without that: cargo verify units"
        );
    }

    #[test]
    fn what_no_chosen_step_needs_may_be_missing() {
        assert_eq!(lacking(STEPS[1..2].iter().copied(), |need| need == Need::CCompiler), None);
        assert_eq!(lacking(STEPS, |_| true), None);
        assert_eq!(missing([("format", &[][..])]), None);
    }

    #[test]
    fn the_tests_themselves_were_linked_with_a_c_compiler() {
        assert!(Need::CCompiler.is_met());
        assert_eq!(Need::Linux.is_met(), cfg!(target_os = "linux"));
        assert!(!runs(&mut Command::new("no program of this name")));
    }
}
