//! Clients that are generated from the console's OpenAPI document, as an application would have them: for Python by
//! openapi-python-client, and for TypeScript by openapi-typescript and openapi-fetch.

use std::fs;
use std::path::{Path, PathBuf};

use rollcall_tests::{Cloud, NodeJs, Program, READ_KEY, WRITE_KEY, python, scripts, typescript, typescript_sources};
use tokio::process::Command;

#[tokio::test]
async fn a_generated_python_client_has_the_types_of_the_api_and_works() {
    let python = python("openapi").await;
    let cloud = Cloud::start().await;
    let home = tempfile::tempdir().expect("a folder");
    let document = write_document(&cloud, home.path()).await;

    let mut generate = Command::new(python.with_file_name("openapi-python-client"));
    generate.args(["generate", "--fail-on-warning", "--meta", "none"]).arg("--path").arg(document);
    generate.arg("--config").arg(scripts().join("openapi.yaml"));
    generate.arg("--output-path").arg(home.path().join("rollcall_console"));
    succeeds(&mut generate, home.path()).await;
    let mut compile = Command::new(&python);
    succeeds(compile.args(["-m", "compileall", "-q", "rollcall_console"]), home.path()).await;

    let mut application = Command::new(&python);
    application.arg(scripts().join("generated.py")).args([&*cloud.stack.http_url(), WRITE_KEY, READ_KEY]);
    assert_eq!(succeeds(&mut application, home.path()).await, "done\n");
    cloud.stop().await;
}

#[tokio::test]
async fn a_generated_typescript_client_has_the_types_of_the_api_and_works() {
    let NodeJs { node, packages } = typescript().await;
    let cloud = Cloud::start().await;
    let home = tempfile::tempdir().expect("a folder");
    let document = write_document(&cloud, home.path()).await;
    std::os::unix::fs::symlink(&packages, home.path().join("node_modules")).expect("a link");
    for file in ["package.json", "tsconfig.json", "client.ts"] {
        fs::copy(typescript_sources().join(file), home.path().join(file)).expect("copied");
    }

    let mut generate = Command::new(&node);
    generate.arg(packages.join("openapi-typescript/bin/cli.js")).arg(document).args(["--output", "console.ts"]);
    succeeds(&mut generate, home.path()).await;
    // It checks the types, and writes JavaScript only if they are right.
    let mut compile = Command::new(&node);
    succeeds(compile.arg(packages.join("typescript/bin/tsc")).args(["--project", "."]), home.path()).await;

    let mut application = Command::new(&node);
    application.args(["out/client.js", &*cloud.stack.http_url(), WRITE_KEY, READ_KEY]);
    assert_eq!(succeeds(&mut application, home.path()).await, "done\n");
    cloud.stop().await;
}

/// Writes the console's document to a file in this folder.
async fn write_document(cloud: &Cloud, folder: &Path) -> PathBuf {
    let file = folder.join("openapi.json");
    fs::write(&file, cloud.http(READ_KEY).get("/v1/openapi.json").await.text).expect("written");
    file
}

/// Runs a command that must succeed in this folder, and returns what it says. Neither a proxy nor a configuration of
/// this machine's user is for it.
async fn succeeds(command: &mut Command, home: &Path) -> String {
    command.env_clear().env("HOME", home).env("PYTHONPATH", home).current_dir(home);
    let ended = Program::start(command).ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout
}
