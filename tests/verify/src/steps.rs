//! The steps, quick ones first.

use crate::run::{cargo, succeed};
use crate::runner::Report;
use crate::{cloud, infra, localstack, purity, runner, tools};

/// Something that is checked.
pub(crate) struct Step {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it is for.
    pub(crate) purpose: &'static str,
    /// Checks it; gives the tests that it ran, or what is wrong.
    pub(crate) check: fn() -> Result<Report, String>,
}

/// Everything that CI checks.
pub(crate) const STEPS: [Step; 11] = [
    Step { name: "format", purpose: "the code is formatted", check: format },
    Step { name: "purity", purpose: "the rules depend on what is on their list", check: purity::check },
    Step { name: "dependencies", purpose: "licences, sources and bans, by cargo-deny", check: tools::deny },
    Step { name: "unused", purpose: "every dependency is used, by cargo-machete", check: tools::machete },
    Step {
        name: "infra",
        purpose: "what is deployed to AWS: least privilege, nothing public, nothing lost",
        check: infra::check,
    },
    Step { name: "lints", purpose: "clippy has nothing to say, tests and benchmarks included", check: lints },
    Step { name: "docs", purpose: "the documentation builds without a warning", check: docs },
    Step {
        name: "units",
        purpose: "every crate on its own, and the rules over every short history",
        check: runner::units,
    },
    Step { name: "embedded", purpose: "the whole system on the embedded backend", check: runner::embedded },
    Step { name: "localstack", purpose: "the whole system on LocalStack", check: localstack::check },
    Step { name: "cloud", purpose: "a deployed stack, if ROLLCALL_CLOUD_URL names one", check: cloud::check },
];

fn format() -> Result<Report, String> {
    succeed(&mut cargo(&["fmt", "--all", "--check"])).map(|()| Report::default())
}

fn lints() -> Result<Report, String> {
    let clippy = ["clippy", "--profile", "local", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    succeed(&mut cargo(&clippy)).map(|()| Report::default())
}

fn docs() -> Result<Report, String> {
    let doc = ["doc", "--profile", "local", "--workspace", "--no-deps", "--document-private-items", "--locked"];
    succeed(cargo(&doc).env("RUSTDOCFLAGS", "-D warnings")).map(|()| Report::default())
}
