//! The console keeps to its OpenAPI document: asked by schemathesis, which makes requests from it, valid and invalid.

use std::time::Duration;

use rollcall_tests::{Cloud, Program, WRITE_KEY, python, scripts};
use serde_json::{Map, Value};
use tokio::process::Command;

/// Far longer than its some hundreds of requests take.
const PATIENCE: Duration = Duration::from_mins(10);

#[tokio::test]
async fn the_console_does_what_its_openapi_document_says_and_nothing_else() {
    let schemathesis = python("schemathesis").await.with_file_name("schemathesis");
    let cloud = Cloud::start().await;
    let home = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(schemathesis);
    command.arg("--config-file").arg(scripts().join("schemathesis.toml")).args([
        "--no-color",
        "run",
        "--checks",
        "all",
        // A node that was deleted is revoked, and is shown as such: its version is what a new credential has to be
        // above. `--checks all` overrides a check that the configuration file disables.
        "--exclude-checks",
        "use_after_free",
        // Which methods a path has does not depend on what its names stand for (RFC 9110, section 9.3.7), which its checks
        // would have: tests/requests.rs asks.
        "--exclude-method",
        "OPTIONS",
    ]);
    // The document needs a key, too, so that it is read here.
    let document = cloud.console().get("/v1/openapi.json").await;
    let file = home.path().join("openapi.json");
    std::fs::write(&file, &document.text).expect("written");
    command.arg(file).args(["--url", &cloud.stack.http_url()]);
    // Nor is a configuration of this machine's user asked.
    command.env_clear().env("HOME", home.path()).env("PYTHONDONTWRITEBYTECODE", "1").current_dir(&home);
    command.env("ROLLCALL_CONSOLE_KEY", WRITE_KEY);
    let ended = Program::start(&mut command).ended_within(PATIENCE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let document = document.json();
    let asked = |path: &Map<String, Value>| path.keys().filter(|method| *method != "options").count();
    let paths = document["paths"].as_object().expect("paths").values();
    let operations: usize = paths.filter_map(Value::as_object).map(asked).sum();
    let tested = ended.stdout.lines().find_map(|line| line.trim().strip_prefix("Tested: ")?.parse::<usize>().ok());
    assert!(tested.is_some_and(|tested| tested >= operations), "of {operations} operations: {ended:?}");
    cloud.stop().await;
}
