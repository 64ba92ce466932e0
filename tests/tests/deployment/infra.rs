//! A stack of a test's own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::RngExt as _;
use rollcall_stack::FUNCTIONS;
use rollcall_tests::{Backend, Ended, Program, Up, User, free_port, strip};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

/// How long a deployment may take: the first one of all installs the AWS SDK as well.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);

/// Somebody with a stack of their own in the LocalStack that the tests run on.
pub(crate) struct Infra {
    pub(crate) user: User,
    pub(crate) url: String,
    pub(crate) name: String,
    functions: TempDir,
    port: u16,
}

impl Infra {
    pub(crate) fn new() -> Self {
        let Backend::LocalStack(url) = Backend::chosen() else {
            panic!("these tests are about LocalStack")
        };
        let functions = tempfile::tempdir().expect("a folder");
        for function in FUNCTIONS {
            strip(function, functions.path());
        }
        let name = format!("infra-{:08x}", rand::rng().random::<u32>());
        Self {
            user: User::new(),
            url,
            name,
            functions,
            port: free_port(),
        }
    }

    /// `infra/deploy` or `infra/destroy`, for this stack.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(script(name));
        command.args(["--stack", &self.name, "--endpoint-url", &self.url]);
        command
    }

    /// A deployment with these keys: as a fleet needs it that is served here, and without building anything.
    pub(crate) fn deployment(&self, keys: &Value) -> Command {
        let file = self.write("keys.json", &keys.to_string());
        let mut command = self.command("deploy");
        command
            .arg("--functions")
            .arg(self.functions.path())
            .arg("--keys")
            .arg(file);
        command.args([
            "--set",
            &format!("ConnectionsUrl=http://127.0.0.1:{}/local", self.port),
        ]);
        command
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.user.folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// Serves what is deployed.
    pub(crate) async fn serve(&self) -> (Program, Up) {
        let (port, prefix) = (self.port.to_string(), format!("{}-", self.name));
        let up = [
            "up",
            "--backend",
            "lambda",
            "--endpoint-url",
            &self.url,
            "--function-prefix",
            &prefix,
        ];
        let program = self
            .user
            .start(&[&up[..], &["--ws-port", &port, "--http-port", "0"]].concat());
        let up = Up::of(&program).await;
        (program, up)
    }

    /// Takes the stack away.
    pub(crate) async fn destroy(&self) {
        let ended = ended(self.command("destroy").arg("--yes")).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
}

/// Runs a command until it ends.
async fn ended(command: &mut Command) -> Ended {
    Program::start(command).ended_within(PATIENCE).await
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .join("infra")
        .join(name)
}
