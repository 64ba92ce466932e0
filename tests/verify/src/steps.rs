//! The steps, in the order in which each lane takes them.

use std::process::Command;

use crate::built::built;
use crate::prerequisites::Need::{self, CCompiler, Kill, Linux, Python, Setpriv, Strip};
use crate::run::{cargo, output, profile, root, succeed};
use crate::runner::Report;
use crate::{cloud, infra, localstack, ministack, mutations, purity, rails, resolution, runner, tools};

/// Something that is checked.
pub(crate) struct Step {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it is for.
    pub(crate) purpose: &'static str,
    /// What the machine must have for it.
    pub(crate) needs: &'static [Need],
    /// Which steps it comes after.
    pub(crate) lane: Lane,
    /// Checks it; gives the tests that it ran, or what is wrong.
    pub(crate) check: fn() -> Result<Report, String>,
}

/// Steps of one lane run one after the other; the lanes run at the same time. Each lane waits for much that is not the
/// processor's work, and fills the other's pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// The code by itself, and the whole system on the embedded backend.
    Code,
    /// What others wrote, and the whole system on LocalStack and on MiniStack.
    Beside,
}

/// Everything that CI checks. Everything is built first, because both lanes need it: LocalStack is then set up while clippy
/// reads the code.
pub(crate) static STEPS: [Step; 18] = [
    Step { name: "format", purpose: "the code is formatted", needs: &[], lane: Lane::Code, check: format },
    Step {
        name: "purity",
        purpose: "pure crates depend on what is on their lists",
        needs: &[],
        lane: Lane::Code,
        check: purity::check,
    },
    Step {
        name: "build",
        purpose: "every program is built, and every test of several crates",
        needs: &[CCompiler],
        lane: Lane::Code,
        check: build,
    },
    Step {
        name: "lints",
        purpose: "clippy has nothing to say, tests and benchmarks included",
        needs: &[CCompiler],
        lane: Lane::Code,
        check: lints,
    },
    Step {
        name: "docs",
        purpose: "the documentation builds without a warning",
        needs: &[CCompiler],
        lane: Lane::Code,
        check: docs,
    },
    Step {
        name: "units",
        purpose: "every crate on its own, and the rules over every short history",
        needs: &[CCompiler, Kill],
        lane: Lane::Code,
        check: runner::units,
    },
    Step {
        name: "embedded",
        purpose: "the whole system on the embedded backend",
        needs: &[CCompiler, Kill, Python],
        lane: Lane::Code,
        check: runner::embedded,
    },
    Step {
        name: "rails",
        purpose: "the receiver of events in Ruby, if the machine has Rails",
        needs: &[CCompiler],
        lane: Lane::Code,
        check: rails::check,
    },
    Step {
        name: "resolution",
        purpose: "`cargo up` builds no dependency again that the tests have built",
        needs: &[CCompiler],
        lane: Lane::Code,
        check: resolution::check,
    },
    Step {
        name: "unused",
        purpose: "every dependency is used, by cargo-shear",
        needs: &[Python],
        lane: Lane::Code,
        check: tools::shear,
    },
    Step {
        name: "infra",
        purpose: "what is deployed to AWS: least privilege, nothing public, nothing lost",
        needs: &[Python],
        lane: Lane::Beside,
        check: infra::check,
    },
    Step {
        name: "localstack",
        purpose: "the whole system on LocalStack",
        needs: &[Linux, CCompiler, Kill, Python, Setpriv, Strip],
        lane: Lane::Beside,
        check: localstack::check,
    },
    Step {
        name: "ministack",
        purpose: "what is deployed with its APIs, which LocalStack can't make, created and tried on MiniStack",
        needs: &[Linux, CCompiler, Kill, Python, Setpriv],
        lane: Lane::Beside,
        check: ministack::check,
    },
    Step {
        name: "sample",
        purpose: "places that are broken on purpose, a few of them: the simulation notices each",
        needs: &[CCompiler],
        lane: Lane::Beside,
        check: mutations::sample,
    },
    Step {
        name: "memory",
        purpose: "no process grows with what it handles",
        needs: &[CCompiler, Kill],
        lane: Lane::Beside,
        check: runner::memory,
    },
    Step {
        name: "simulation",
        purpose: "simulated years of a fleet's life, in which every promise holds",
        needs: &[CCompiler],
        lane: Lane::Beside,
        check: simulation,
    },
    Step {
        name: "dependencies",
        purpose: "licences, sources and bans, by cargo-deny",
        needs: &[Python],
        lane: Lane::Beside,
        check: tools::deny,
    },
    Step {
        name: "cloud",
        purpose: "a deployed stack, if ROLLCALL_CLOUD_URL names one",
        needs: &[CCompiler],
        lane: Lane::Beside,
        check: cloud::check,
    },
];

/// What takes too long for every run: only by name.
pub(crate) static MORE: [Step; 1] = [Step {
    name: "mutations",
    purpose: "places that are broken on purpose, all of them: the simulation notices each",
    needs: &[CCompiler],
    lane: Lane::Code,
    check: mutations::all,
}];

/// What may be asked for.
pub(crate) fn help() -> String {
    let lines = STEPS.iter().chain(&MORE).map(|step| format!("  {:12}  {}\n", step.name, step.purpose));
    let steps: String = lines.collect();
    format!("cargo verify [STEP]...\n\nWithout steps, all are run but mutations. The steps:\n{steps}")
        .trim_end()
        .to_owned()
}

fn format() -> Result<Report, String> {
    succeed(&mut cargo(&["fmt", "--all", "--check"])).map(|()| Report::default())
}

fn build() -> Result<Report, String> {
    built().map(|_| Report::default())
}

fn lints() -> Result<Report, String> {
    let clippy = ["clippy", "--profile", "local", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    succeed(&mut cargo(&clippy)).map(|()| Report::default())
}

/// A campaign of this many lives, and one of them twice: it must be the same to the byte.
fn simulation() -> Result<Report, String> {
    built()?;
    let simulate = |arguments: &[&str]| {
        let mut simulation = Command::new(profile().join("rollcall-sim"));
        simulation.current_dir(root()).args(arguments);
        simulation
    };
    succeed(&mut simulate(&["--seeds", "1..220", "--nodes", "10", "--days", "4"]))?;
    let [once, again] =
        [0, 1].map(|_| output(&mut simulate(&["--seed", "7", "--nodes", "10", "--days", "2", "--json"])));
    let digest = |text: &str| Some(text.split_once("\"digest\":\"")?.1.split_once('"')?.0.to_owned());
    match (digest(&once?), digest(&again?)) {
        (Some(once), Some(again)) if once == again => Ok(Report::default()),
        (once, again) => Err(format!("the same seed gave two runs: {once:?} and {again:?}")),
    }
}

fn docs() -> Result<Report, String> {
    let doc = ["doc", "--profile", "local", "--workspace", "--no-deps", "--document-private-items", "--locked"];
    succeed(cargo(&doc).env("RUSTDOCFLAGS", "-D warnings")).map(|()| Report::default())
}
