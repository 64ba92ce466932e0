//! Deployments that go wrong, and stacks that are not to go.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Stdio;

use rollcall_core::Attribute;
use rollcall_tests::{Api, Program, localstack_dynamodb};
use rollcall_token::Signer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use super::TURN;
use super::infra::{Infra, PATIENCE, ended, refused};

/// What there is of a stack that is deployed.
const ALL: [&str; 3] = ["stack", "secret", "bucket"];

fn keys() -> Value {
    let signer = Signer::eddsa("only", include_bytes!("../../../../shared/token/tests/token/keys/ed25519.der"));
    let jwks: Value = serde_json::from_str(&signer.jwks().expect("a key")).expect("JSON");
    json!({"token_keys": jwks, "console_keys": [format!("write:{}", "a".repeat(64))]})
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn a_deployment_that_failed_half_way_says_what_is_there_and_the_same_command_goes_on_when_its_cause_is_gone() {
    let _turn = TURN.lock().await;
    let infra = Infra::new();
    let in_the_way = json!({"logGroupName": format!("/rollcall/{}/Poll", infra.name)});
    assert_eq!(infra.call("Logs_20140328.CreateLogGroup", &in_the_way).await.status, 200);
    let said = refused(&mut infra.deployment(&keys())).await;
    assert!(said.contains(&format!("created the bucket {}-code-", infra.name)), "{said}");
    assert!(said.contains(&format!("deploy: {} is not deployed (", infra.name)), "{said}");
    assert!(said.lines().any(|line| line.starts_with("  PollLogs: ") && line.contains("already exists")), "{said}");
    let there = said.lines().find_map(|line| line.strip_prefix("existing resources: ")).expect("the resources");
    assert!(
        ["Nodes", "Records", "Firmware"].iter().all(|name| there.contains(name)) && !there.contains("Poll"),
        "{said}"
    );
    assert!(there.ends_with(". Correct the cause, and run the same command again"), "{said}");
    assert_eq!(infra.there().await, ALL);

    assert_eq!(infra.call("Logs_20140328.DeleteLogGroup", &in_the_way).await.status, 200);
    let done = ended(&mut infra.deployment(&keys())).await;
    assert!(done.code == Some(0) && done.stdout.starts_with("ready "), "{done:?}");
    assert!(done.stderr.contains("its remains are deleted"), "{done:?}");
    assert!(done.stderr.contains("the functions start, the table answers"), "{done:?}");
    stays_until_it_is_named(&infra).await;
}

/// `infra/destroy` of what is deployed.
async fn stays_until_it_is_named(infra: &Infra) {
    let signer = Signer::hs256("none", &[0; 32]);
    let api = Api::new(String::new(), localstack_dynamodb(&infra.url), &infra.name, signer);
    api.set("ap-1", Attribute::CredentialVersion, 7).await;
    let said = refused(&mut infra.command("destroy")).await;
    assert!(said.contains(&format!("{} in account 000000000000, us-east-1: every node", infra.name)), "{said}");
    assert!(said.ends_with("destroy: nothing is deleted\n"), "{said}");
    for answer in ["", "yes", "rollcall"] {
        let mut asked = Program::start(&mut infra.command("destroy"));
        asked.tell(answer).await;
        let ended = asked.ended_within(PATIENCE).await;
        assert!(ended.code == Some(1) && ended.stderr.ends_with("nothing is deleted\n"), "{answer:?}: {ended:?}");
    }
    assert_eq!(infra.there().await, ALL);
    assert!(api.stored("ap-1").await.is_some(), "what is stored stays");

    let mut asked = Program::start(&mut infra.command("destroy"));
    asked.tell(&infra.name).await;
    let ended = asked.ended_within(PATIENCE).await;
    assert!(ended.code == Some(0) && ended.stderr.contains("LocalStack retains nothing"), "{ended:?}");
    assert_eq!(infra.there().await, ["secret", "bucket"], "the keys are not the stack's");
    let said = refused(infra.command("destroy").arg("--yes")).await;
    assert_eq!(said, format!("destroy: there is no stack {} in us-east-1\n", infra.name));
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn what_is_wrong_is_refused_before_anything_is_created() {
    let _turn = TURN.lock().await;
    let infra = Infra::new();
    for (settings, expected) in [
        (
            &["Lifetime=7200", "Registration=ajar"][..],
            &["Lifetime=7200: it must be from 1", "Registration=ajar: it must be one"][..],
        ),
        (
            &["Lifetimes=60"],
            &["--set Lifetimes=60: it must be NAME=VALUE, with one of the names AlarmTopic, Architecture,"],
        ),
        (&["Release=0"], &["--set Release=0: it must be NAME=VALUE"]),
        (&["WebSocketDomain=nodes.example.com"], &["WebSocketDomain needs WebSocketCertificate"]),
    ] {
        let mut command = infra.deployment(&keys());
        command.args(settings.iter().flat_map(|setting| ["--set", setting]));
        let said = refused(&mut command).await;
        assert!(said.starts_with("deploy: --set"), "{said}");
        for expected in expected {
            assert!(said.contains(expected), "{settings:?}: {said}");
        }
        assert_eq!(infra.there().await, [""; 0], "{settings:?}");
    }
    let mut secret = keys();
    secret["console_keys"][0] = json!("write:the key itself");
    for (keys, expected) in [(json!({}), "token_keys"), (secret, "of each key only its hash")] {
        let said = refused(&mut infra.deployment(&keys)).await;
        assert!(said.starts_with("deploy: --keys ") && said.contains(expected), "{said}");
        assert!(!said.contains("the key itself"), "{said}");
        assert_eq!(infra.there().await, [""; 0], "{expected}");
    }
    let said = refused(&mut infra.command("deploy")).await;
    assert!(said.starts_with("deploy: --keys FILE is needed the first time; docs/security.md"), "{said}");
    let said = refused(infra.deployment(&keys()).args(["--functions", "/nowhere"])).await;
    assert!(said.starts_with("deploy: there is no binary of the function"), "{said}");
    assert_eq!(infra.there().await, [""; 0]);
}

/// A folder with these programs and no others, for a `PATH`.
struct Tools(TempDir);

impl Tools {
    fn new() -> Self {
        let tools = Self(tempfile::tempdir().expect("a folder"));
        for tool in ["sh", "dirname", "basename"] {
            tools.link(tool, &format!("command -v {tool}"));
        }
        tools.link("python3", &super::infra::script("python").to_string_lossy());
        tools
    }

    /// Links to what a shell command prints.
    fn link(&self, tool: &str, whereabouts: &str) {
        let said = std::process::Command::new("sh").args(["-c", whereabouts]).output().expect("a shell");
        let path = PathBuf::from(String::from_utf8_lossy(&said.stdout).trim());
        symlink(path, self.0.path().join(tool)).expect("a link");
    }
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn a_missing_tool_is_named_with_how_to_install_it_before_anything_is_created() {
    let _turn = TURN.lock().await;
    let infra = Infra::new();
    let (tools, file) = (Tools::new(), infra.write("keys.json", &keys().to_string()));
    let deploy = |url: &str| {
        let mut command = Command::new(super::infra::script("deploy"));
        command.args(["--stack", &infra.name, "--endpoint-url", url, "--keys"]).arg(&file).env("PATH", tools.0.path());
        command.args(["--set", "ConnectionsUrl=http://127.0.0.1:1/local"]).stdin(Stdio::null());
        command
            .env_remove("AWS_DEFAULT_REGION")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "a")
            .env("AWS_SECRET_ACCESS_KEY", "b");
        command
    };
    let said = refused(&mut deploy(&infra.url)).await;
    assert_eq!(said, "deploy: cargo is missing: https://rustup.rs installs it\n");

    // What cargo does without a subcommand of that name. The address is loopback to the system, and not to whoever reads
    // it: what is built for elsewhere takes more.
    let cargo = tools.0.path().join("cargo");
    std::fs::write(&cargo, "#!/bin/sh\necho \"error: no such command: \\`$1\\`\" >&2\nexit 101\n").expect("written");
    std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let said = refused(&mut deploy(&infra.url.replace("127.0.0.1", "0.0.0.0"))).await;
    let expected = "deploy: cargo-lambda is missing: `pip3 install cargo-lambda` installs it";
    assert!(said.starts_with(expected), "{said}");

    std::fs::remove_file(tools.0.path().join("python3")).expect("removed");
    let said = refused(&mut deploy(&infra.url)).await;
    assert!(said.starts_with("deploy: Python 3.11, 3.12 or 3.13 with venv is needed, and there is no"), "{said}");
    assert_eq!(infra.there().await, [""; 0]);
}
