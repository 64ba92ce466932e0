//! The template with its APIs, which LocalStack can't make: created in a MiniStack, read back, and tried.

use std::path::PathBuf;
use std::process::Command;

use crate::built::built;
use crate::infra;
use crate::run::{output, profile, root, say, target};
use crate::runner::{self, Report};
use crate::running::{Running, free_port, part, word};

/// What is deployed.
const STACK: &str = "verify-apis";

/// Deploys everything that AWS would have, checks what was created, and lets nodes live on it.
pub(crate) fn check() -> Result<Report, String> {
    part("build", built)?;
    let ministack = part("set up", start)?;
    let url = ministack.said("endpoint")?;
    let stack = part("deploy with infra/deploy", || Deployed::to(&url))?;
    let mut report = part("what was created", || infra::created(&url, STACK))?;
    report.add(part("what every deployment does", || stack.everywhere(&url))?);
    part("down", || ministack.stop())?;
    Ok(report)
}

/// A file of the folder with all that is about MiniStack.
fn script(name: &str) -> PathBuf {
    root().join("tests/ministack").join(name)
}

fn start() -> Result<Running, String> {
    let python = output(Command::new(root().join("infra/python")).arg("verify"))?;
    let mut serve = Command::new("setpriv");
    serve.args(["--pdeathsig", "TERM", python.trim(), "-B"]).arg(script("serve.py"));
    Running::start(serve.args(["--port", &free_port()?.to_string()]))
}

/// A stack, and the keys that its nodes' tokens are signed with.
struct Deployed {
    ws_url: String,
    key: PathBuf,
}

impl Deployed {
    fn to(url: &str) -> Result<Self, String> {
        let state = target().join("verify/ministack");
        let keys = state.join("keys.json");
        std::fs::create_dir_all(&state).map_err(|error| error.to_string())?;
        let mut key = Command::new(profile().join("rollcall"));
        let made = output(key.args(["key", "--deploy"]).env("XDG_STATE_HOME", &state))?;
        std::fs::write(&keys, made).map_err(|error| format!("{}: {error}", keys.display()))?;
        let mut deploy = Command::new(infra::environment()?.join("python"));
        deploy.arg("-B").arg(script("deploy.py")).args(["--stack", STACK, "--endpoint-url", url]);
        let ready = output(deploy.arg("--functions").arg(profile()).arg("--keys").arg(&keys))?;
        Ok(Self { ws_url: word(&ready, "WebSocketUrl")?, key: state.join("rollcall/development.key") })
    }

    /// What every deployment does, without what MiniStack can't do.
    fn everywhere(&self, url: &str) -> Result<Report, String> {
        let listed = output(Command::new(infra::environment()?.join("python")).arg("-B").arg(script("lacks.py")))?;
        let lacks: Vec<_> = listed.lines().collect();
        say(&format!("skipped, for the reasons in tests/ministack/lacks.py: {}", lacks.join(", ")));
        runner::everywhere_but(
            &lacks,
            &[
                ("ROLLCALL_CLOUD_URL", &self.ws_url),
                ("ROLLCALL_CLOUD_KEY", &self.key.to_string_lossy()),
                ("ROLLCALL_CLOUD_TABLE", STACK),
                ("AWS_ENDPOINT_URL", url),
                ("AWS_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
            ],
        )
    }
}
