//! A stack of a test's own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rollcall_aws::Environment;
use rollcall_gateway::Limits;
use rollcall_lambda::{LambdaInvoke, lambda_client};
use rollcall_stack::{Bounded, FUNCTIONS, Interceptor, Stack, StackConfig, listen};
use rollcall_tests::{Backend, Ended, Http, HttpReply, Program, Up, User, free_port, strip};
use serde_json::{Value, json};
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
        let Backend::LocalStack(url) = Backend::chosen() else { panic!("these tests are about LocalStack") };
        let functions = tempfile::tempdir().expect("a folder");
        for function in FUNCTIONS {
            strip(function, functions.path());
        }
        let name = format!("infra-{:08x}", rand::rng().random::<u32>());
        Self { user: User::new(), url, name, functions, port: free_port() }
    }

    /// `infra/deploy` or `infra/destroy`, for this stack.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(script(name));
        command.args(["--stack", &self.name, "--endpoint-url", &self.url]);
        command
    }

    /// A deployment with these keys: as a fleet needs it that is served here, and without building anything.
    pub(crate) fn deployment(&self, keys: &Value) -> Command {
        let file = self.write("keys.json", &keys.to_string());
        let mut command = self.command("deploy");
        command.arg("--functions").arg(self.functions.path()).arg("--keys").arg(file);
        command.args(["--set", &format!("ConnectionsUrl=http://127.0.0.1:{}/local", self.port)]);
        command
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.user.folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// Serves what is deployed.
    pub(crate) async fn serve(&self) -> (Program, Up) {
        let (port, prefix) = (self.port.to_string(), format!("{}-", self.name));
        let up = ["up", "--backend", "lambda", "--endpoint-url", &self.url, "--function-prefix", &prefix];
        let program = self.user.start(&[&up[..], &["--ws-port", &port, "--http-port", "0"]].concat());
        let up = Up::of(&program).await;
        (program, up)
    }

    /// Serves what is deployed, in this process and with something between.
    pub(crate) async fn gateway(&self, interceptor: Option<Interceptor>) -> Stack {
        let port = |port, what| listen(port, what, "").expect("a port");
        let (ws, connections, http) = (port(self.port, "sockets"), port(0, "@connections"), port(0, "HTTP"));
        let client = lambda_client(&Environment, &self.url);
        let invoke = LambdaInvoke::new(client, &format!("{}-", self.name), Arc::new(|_, _| {}));
        let backend = rollcall_stack::Backend::Elsewhere(Arc::new(Bounded::new(invoke)));
        let limits = Limits::default();
        Stack::start(StackConfig { ws, connections, http, limits, interceptor, backend }).await.expect("it starts")
    }

    /// What there is of it: its stack, its secret, its bucket for code.
    pub(crate) async fn there(&self) -> Vec<&'static str> {
        let named = json!({"SecretId": format!("{}/keys", self.name)});
        let secret = self.call("secretsmanager.DescribeSecret", &named).await.status;
        let bucket = format!("/{}-code-000000000000-us-east-1", self.name);
        let bucket = self.api().send("HEAD", &bucket, "").await.status;
        let asked = [("stack", self.describe().await), ("secret", secret == 200), ("bucket", bucket == 200)];
        asked.into_iter().filter_map(|(what, there)| there.then_some(what)).collect()
    }

    async fn describe(&self) -> bool {
        let query = format!("Action=DescribeStacks&Version=2010-05-15&StackName={}", self.name);
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let reply = self.api().send_with("POST", "/", &headers, query).await;
        assert!(reply.status == 200 || reply.text.contains("does not exist"), "{reply:?}");
        reply.status == 200
    }

    /// Calls an operation of a service that speaks JSON.
    pub(crate) async fn call(&self, operation: &str, body: &Value) -> HttpReply {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", operation)];
        self.api().send_with("POST", "/", &headers, body.to_string()).await
    }

    /// LocalStack, which asks for no signature.
    fn api(&self) -> Http {
        Http::new(self.url.clone(), "")
    }

    /// Takes the stack away.
    pub(crate) async fn destroy(&self) {
        let ended = ended(self.command("destroy").arg("--yes")).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
}

/// Runs a command until it ends.
pub(crate) async fn ended(command: &mut Command) -> Ended {
    Program::start(command).ended_within(PATIENCE).await
}

/// Runs a command that fails; gives what it says then.
pub(crate) async fn refused(command: &mut Command) -> String {
    let ended = ended(command.stdin(Stdio::null())).await;
    assert_eq!((ended.code, &*ended.stdout), (Some(1), ""), "{ended:?}");
    assert!(!ended.stderr.contains("Traceback"), "{ended:?}");
    ended.stderr
}

pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("infra").join(name)
}
