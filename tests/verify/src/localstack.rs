//! LocalStack set up, the tests on it, LocalStack down.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::run::{minutes, profile, root, say, signal, succeed, target};
use crate::runner::{self, Report};

/// Where to look for a free port: below those that the system gives to connections, and beside those of the tests.
const PORTS: std::ops::Range<u16> = 30_100..30_200;

/// The whole system on LocalStack: every test that can run there, then what every deployment does, on one that
/// `rollcall deploy` made and `rollcall up` serves.
pub(crate) fn check() -> Result<Report, String> {
    part("build", runner::build)?;
    let localstack = part("set up", LocalStack::start)?;
    let mut report = part("tests", || runner::on_localstack(&localstack.url))?;
    report.add(part("tests, every push lost", || runner::on_localstack_without_pushes(&localstack.url))?);
    report.add(part("deployed with `rollcall deploy`", || deployed(&localstack.url))?);
    part("down", || localstack.stop())?;
    Ok(report)
}

/// Does a part, and says how long it took.
fn part<T>(name: &str, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let began = Instant::now();
    say(&format!("--> {name}"));
    let done = work().map_err(|problem| format!("{name}: {problem}"))?;
    say(&format!("<-- {name}: {}", minutes(began.elapsed()).trim()));
    Ok(done)
}

/// A program that says `ready …` and then runs until it is told to end. It also ends with this process.
struct Running {
    child: Child,
    ready: String,
}

impl Running {
    fn start(command: &mut Command) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{command:?} can't be run: {error}"))?;
        let mut ready = String::new();
        if let Some(stdout) = child.stdout.take() {
            // What it says later, nobody reads: it says nothing.
            let _ = BufReader::new(stdout).read_line(&mut ready);
        }
        let running = Self { child, ready: ready.trim().to_owned() };
        if running.ready.starts_with("ready ") { Ok(running) } else { Err(format!("{command:?} does not get ready")) }
    }

    /// A word of its ready line: what follows `name=`.
    fn said(&self, name: &str) -> Result<String, String> {
        let words = self.ready.split_whitespace().filter_map(|word| word.split_once('='));
        let mut named = words.filter(|(word, _)| *word == name);
        named.next().map(|(_, value)| value.to_owned()).ok_or_else(|| format!("no {name} in {:?}", self.ready))
    }

    fn stop(mut self) -> Result<(), String> {
        signal(&self.child, "INT");
        self.child.wait().map(|_| ()).map_err(|error| error.to_string())
    }
}

/// Nothing stays behind when a check fails.
impl Drop for Running {
    fn drop(&mut self) {
        signal(&self.child, "INT");
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16, String> {
    let free = PORTS.into_iter().find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.ok_or_else(|| format!("no port of {PORTS:?} is free"))
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

/// What every deployment does, as a developer would deploy it.
fn deployed(url: &str) -> Result<Report, String> {
    let state = target().join("verify");
    let key = state.join("rollcall/development.key");
    let rollcall = profile().join("rollcall");
    let functions = profile().to_string_lossy().into_owned();
    let command = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]).arg(&rollcall).args(arguments).env("XDG_STATE_HOME", &state);
        command
    };
    let port = free_port()?.to_string();
    let connections = format!("http://127.0.0.1:{port}/local");
    let deploy = ["deploy", "--endpoint-url", url, "--functions", &functions, "--connections-url", &connections];
    succeed(&mut command(&deploy))?;
    let up = ["up", "--backend", "lambda", "--endpoint-url", url, "--ws-port", &port, "--http-port", "0"];
    let up = Running::start(&mut command(&up))?;
    let ws_url = up.said("ws")?;
    let key = key.to_string_lossy().into_owned();
    let report = runner::everywhere(&[
        ("ROLLCALL_CLOUD_URL", &ws_url),
        ("ROLLCALL_CLOUD_KEY", &key),
        ("AWS_ENDPOINT_URL", url),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ])?;
    up.stop()?;
    Ok(report)
}
