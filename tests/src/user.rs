//! A user of the command, with a place of their own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use rollcall_stack::FUNCTIONS;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::functions::functions;
use crate::program::{Ended, Program};
use crate::socket::Socket;

/// Far longer than anything takes that a test waits for.
const PATIENCE: Duration = Duration::from_mins(5);

/// Somebody who uses the command, with a key, functions and data of their own.
#[derive(Debug)]
pub struct User {
    /// Their place.
    pub folder: TempDir,
}

impl User {
    /// A new one.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        let user = Self { folder: tempfile::tempdir().expect("a folder") };
        std::fs::create_dir(user.functions()).expect("a folder");
        for function in FUNCTIONS {
            symlink(functions().join(function), user.functions().join(function)).expect("a link");
        }
        user
    }

    /// Their functions: links, so that their processes can be told from others'.
    pub fn functions(&self) -> PathBuf {
        self.folder.path().join("functions")
    }

    /// The arguments that run a cloud on any ports.
    pub fn up(&self, more: &[&str]) -> Vec<String> {
        self.up_on(0, 0, more)
    }

    /// The arguments that run a cloud on these ports.
    pub fn up_on(&self, ws: u16, dynamodb: u16, more: &[&str]) -> Vec<String> {
        let (ws, dynamodb) = (ws.to_string(), dynamodb.to_string());
        let functions = self.functions().to_string_lossy().into_owned();
        let arguments =
            ["up", "--functions", &functions, "--ws-port", &ws, "--http-port", "0", "--dynamodb-port", &dynamodb];
        arguments.iter().chain(more).map(ToString::to_string).collect()
    }

    /// The command with these arguments.
    pub fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(functions().join("rollcall"));
        command.args(arguments).current_dir(&self.folder).env("XDG_STATE_HOME", self.folder.path().join("state"));
        command.env_remove("ROLLCALL_CONSOLE_URL").env_remove("ROLLCALL_CONSOLE_KEY").env_remove("ROLLCALL_STACK");
        command.env_remove("ROLLCALL_TOKEN");
        command
    }

    /// Runs the command with these arguments, until it is dropped or ends.
    pub fn start(&self, arguments: &[impl AsRef<OsStr>]) -> Program {
        Program::start(&mut self.command(arguments))
    }

    /// Runs the command with these arguments until it ends.
    pub async fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Ended {
        self.start(arguments).ended().await
    }

    /// What `rollcall token` prints: one line, and nothing besides.
    pub async fn token(&self, node: &str) -> String {
        let ended = self.run(&["token", node]).await;
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
        let token = ended.stdout.strip_suffix('\n').expect("a line");
        assert!(token.split('.').count() == 3 && !token.contains(char::is_whitespace), "no JWT: {token:?}");
        token.to_owned()
    }

    /// A raw connection of a node, let in with its token.
    pub async fn socket(&self, up: &Up, node: &str) -> Socket {
        Socket::open(&up.ws, &self.token(node).await).await.expect("let in")
    }

    /// What `rollcall table nodes --json` prints.
    pub async fn nodes(&self, dynamodb: &str) -> Value {
        let ended = self.run(&["table", "nodes", "--json", "--endpoint-url", dynamodb]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
    }

    /// The processes that were started with a path of this user's, by id: a cloud and its functions.
    pub fn processes(&self) -> BTreeMap<u32, String> {
        let own = self.functions().to_string_lossy().into_owned();
        let ids = std::fs::read_dir("/proc")
            .expect("processes")
            .filter_map(|entry| entry.expect("an entry").file_name().to_string_lossy().parse::<u32>().ok());
        // One that has just ended can't be read any more.
        let lines = ids.filter_map(|id| Some((id, std::fs::read(format!("/proc/{id}/cmdline")).ok()?)));
        let lines = lines.map(|(id, line)| (id, String::from_utf8_lossy(&line).replace('\0', " ")));
        lines.filter(|(_, line)| line.contains(&own)).collect()
    }

    /// Waits until none of them is there any more.
    pub async fn nothing_is_left(&self) {
        let gone = async {
            let mut every = tokio::time::interval(Duration::from_millis(10));
            while !self.processes().is_empty() {
                every.tick().await;
            }
        };
        let gone = tokio::time::timeout(PATIENCE, gone).await;
        assert!(gone.is_ok(), "still running: {:#?}", self.processes());
    }
}

/// Where a cloud is that has said that it is ready.
#[derive(Debug)]
pub struct Up {
    /// Where nodes connect.
    pub ws: String,
    /// Where the HTTP API is.
    pub http: String,
    /// Where DynamoDB is.
    pub dynamodb: String,
    /// The table's name.
    pub table: String,
    /// Where `@connections` is.
    pub connections: String,
}

impl Up {
    /// What a program says that runs a cloud.
    pub async fn of(program: &Program) -> Self {
        let line = program.says("ready ").await;
        let named = |name: &str| {
            let word = line.split_whitespace().find_map(|word| word.strip_prefix(name));
            word.unwrap_or_else(|| panic!("no {name} in {line:?}")).to_owned()
        };
        Self {
            ws: named("ws="),
            http: named("http="),
            dynamodb: named("dynamodb="),
            table: named("table="),
            connections: named("connections="),
        }
    }
}

/// The one sentence of a command that failed.
pub fn problem(ended: &Ended) -> String {
    problem_with(1, ended)
}

/// The same, with this exit code.
pub fn problem_with(code: i32, ended: &Ended) -> String {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let mut problems = ended.stderr.lines().filter_map(|line| line.strip_prefix("rollcall: "));
    let (Some(problem), None) = (problems.next(), problems.next()) else { panic!("no one sentence: {ended:?}") };
    assert!(ended.stderr.ends_with(&format!("rollcall: {problem}\n")), "it comes last: {ended:?}");
    assert!(!ended.stdout.contains("ready"), "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "something panics: {ended:?}");
    problem.to_owned()
}

/// The sentence and the code of a command that failed with `--json`, and with this exit code.
pub fn json_problem(code: i32, ended: &Ended) -> (String, String) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let last = ended.stderr.lines().last().unwrap_or_else(|| panic!("nothing is said: {ended:?}"));
    let said: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_eq!(said.as_object().map(serde_json::Map::len), Some(1), "one object, with one field: {ended:?}");
    assert!(!ended.stderr.contains("rollcall: "), "it is said once: {ended:?}");
    let text = |name: &str| said["error"][name].as_str().unwrap_or_else(|| panic!("no {name}: {ended:?}")).to_owned();
    (text("message"), text("code"))
}

/// How many ports a process of tests has to hand out, and where they begin: below those that the system gives to
/// connections.
const PORTS: u16 = 100;
const FIRST_PORT: u16 = 20_000;

/// A port for a server that is to be told its number. Not one that the system chose: those it may give to any
/// connection, in the time until the server has it.
pub fn free_port() -> u16 {
    static OFFSET: AtomicU16 = AtomicU16::new(0);
    let first = first_port();
    let ports = std::iter::repeat_with(|| first + 1 + OFFSET.fetch_add(1, Ordering::Relaxed) % (PORTS - 1));
    let mut free = ports.take(PORTS.into()).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().expect("a free port")
}

/// The first port of those that only this process hands out. Whoever listens on it has them all.
fn first_port() -> u16 {
    static HELD: OnceLock<(u16, TcpListener)> = OnceLock::new();
    let held = HELD.get_or_init(|| {
        let mut firsts = (0..100).map(|block| FIRST_PORT + block * PORTS);
        let hold = |first| Some((first, TcpListener::bind(("127.0.0.1", first)).ok()?));
        firsts.find_map(hold).expect("a hundred ports that no other process of tests has")
    });
    held.0
}
