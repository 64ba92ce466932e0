//! `localstack/host/localstack`, as a user runs it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall_tests::{Ended, Program, free_port, functions, kill};
use tokio::process::Command;

/// Far longer than anything takes that a test waits for.
const PATIENCE: Duration = Duration::from_mins(5);

/// The LocalStack at a port of a test's own, installed where the others are.
pub(crate) struct Script {
    pub(crate) port: u16,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self { port: free_port() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The files of this one.
    pub(crate) fn folder(&self) -> PathBuf {
        folder().join(format!("at-{}", self.port))
    }

    pub(crate) fn command(&self, name: &str, more: &[&str]) -> Command {
        let mut command = Command::new(script());
        command.args([name, "--port", &self.port.to_string(), "--folder"]).arg(folder()).args(more);
        command
    }

    pub(crate) fn start(&self, name: &str, more: &[&str]) -> Program {
        Program::start(&mut self.command(name, more))
    }

    pub(crate) async fn run(&self, name: &str) -> Ended {
        self.start(name, &[]).ended().await
    }

    /// The processes that belong to this one, with their command lines: LocalStack, the JVM, functions.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        let own = self.folder().to_string_lossy().into_owned();
        let supervisor = format!("--port {} ", self.port);
        let ids = std::fs::read_dir("/proc").expect("Linux").filter_map(Result::ok);
        let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let read = |id: u32, what: &str| std::fs::read(format!("/proc/{id}/{what}")).unwrap_or_default();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\0', " ");
        let ids = ids.map(|id| (id, text(&read(id, "cmdline")), text(&read(id, "environ"))));
        ids.filter(|(_, line, environ)| {
            [line, environ].iter().any(|text| text.contains(&own)) || line.contains(&supervisor)
        })
        .map(|(id, line, _)| (id, line))
        .collect()
    }

    /// The process of this one whose command line has this in it.
    pub(crate) fn process(&self, what: &str) -> u32 {
        let found = self.processes().into_iter().find(|(_, line)| line.contains(what));
        found.unwrap_or_else(|| panic!("no {what} in {:#?}", self.processes())).0
    }

    /// Waits until none of them is there any more.
    pub(crate) async fn nothing_is_left(&self) {
        let gone = async {
            while !self.processes().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let gone = tokio::time::timeout(PATIENCE, gone).await;
        assert!(gone.is_ok(), "still running: {:#?}", self.processes());
        let _ = std::fs::remove_dir_all(self.folder());
    }
}

/// A test that fails leaves nothing behind either.
impl Drop for Script {
    fn drop(&mut self) {
        for (process, _) in self.processes() {
            kill(process);
        }
    }
}

pub(crate) fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("localstack/host/localstack")
}

/// Where LocalStack is installed.
pub(crate) fn folder() -> PathBuf {
    functions().parent().expect("target").join("localstack")
}
