//! LocalStack set up, the tests on it, LocalStack down.

use std::path::PathBuf;
use std::process::Command;

use crate::built::built;
use crate::infra;
use crate::run::{output, profile, root, succeed, target};
use crate::runner::{self, Report};
use crate::running::{Running, free_port, part};

/// What [`infra/deploy`](Stacks) makes: as many as tests run at once.
pub(crate) const STACKS: [&str; 2] = ["verify-1", "verify-2"];

/// The whole system on LocalStack, deployed with `infra/deploy`: what every deployment does, on a stack as it is and served
/// by `rollcall up`; then every test that can run there, which tells the functions of a stack what it wants of them.
pub(crate) fn check() -> Result<Report, String> {
    part("build", built)?;
    let localstack = part("set up", LocalStack::start)?;
    let stacks = part("deploy with infra/deploy", || Stacks::deploy(&localstack.url))?;
    let mut report = part("what every deployment does", || stacks.everywhere())?;
    report.add(part("tests", || runner::on_localstack(&localstack.url))?);
    report.add(part("deployments", || runner::deployments(&localstack.url))?);
    part("down", || localstack.stop())?;
    Ok(report)
}

struct LocalStack {
    running: Running,
    url: String,
}

impl LocalStack {
    fn start() -> Result<Self, String> {
        let script = root().join("localstack/host/localstack");
        let folder = target().join("localstack");
        succeed(Command::new(&script).arg("install").arg("--folder").arg(&folder))?;
        let port = free_port()?;
        let mut run = Command::new("setpriv");
        run.args(["--pdeathsig", "TERM"]).arg(script).args(["run", "--port", &port.to_string()]);
        let running = Running::start(run.arg("--folder").arg(folder))?;
        Ok(Self { url: running.said("endpoint")?, running })
    }

    fn stop(self) -> Result<(), String> {
        self.running.stop()
    }
}

/// Stacks that `infra/deploy` makes, as an operator would: one for each test that runs at once.
struct Stacks {
    url: String,
    state: PathBuf,
    port: u16,
}

impl Stacks {
    fn deploy(url: &str) -> Result<Self, String> {
        infra::environment()?;
        let stacks = Self { url: url.to_owned(), state: target().join("verify"), port: free_port()? };
        let keys = stacks.state.join("keys.json");
        std::fs::create_dir_all(&stacks.state).map_err(|error| error.to_string())?;
        let made = output(&mut stacks.rollcall(&["key", "--deploy"]))?;
        std::fs::write(&keys, made).map_err(|error| format!("{}: {error}", keys.display()))?;
        // One after the other: the second finds the code uploaded.
        for stack in STACKS {
            let mut deploy = Command::new(root().join("infra/deploy"));
            deploy.args(["--stack", stack, "--endpoint-url", url, "--set", &stacks.connections_parameter()]);
            succeed(deploy.arg("--functions").arg(profile()).arg("--keys").arg(&keys))?;
        }
        Ok(stacks)
    }

    fn connections_parameter(&self) -> String {
        format!("ConnectionsUrl=http://127.0.0.1:{}/local", self.port)
    }

    /// The command, with keys of its own.
    fn rollcall(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]).arg(profile().join("rollcall")).args(arguments);
        command.env("XDG_STATE_HOME", &self.state);
        command
    }

    /// What every deployment does, on one as it was deployed, with `rollcall up` for the sockets.
    fn everywhere(&self) -> Result<Report, String> {
        let (stack, port) = (STACKS[0], self.port.to_string());
        let up = ["up", "--backend", "lambda", "--endpoint-url", &self.url, "--ws-port", &port, "--http-port", "0"];
        let mut up = self.rollcall(&up);
        let up = Running::start(up.args(["--function-prefix", &format!("{stack}-")]))?;
        let (ws_url, key) = (up.said("ws")?, self.state.join("rollcall/development.key"));
        let report = runner::everywhere(&[
            ("ROLLCALL_CLOUD_URL", &ws_url),
            ("ROLLCALL_CLOUD_KEY", &key.to_string_lossy()),
            ("ROLLCALL_CLOUD_TABLE", stack),
            ("AWS_ENDPOINT_URL", &self.url),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ])?;
        up.stop()?;
        Ok(report)
    }
}
