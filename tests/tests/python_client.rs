//! A client that is not ours: Python's `websockets`, and `boto3` for `@connections`, drive the gateway.
#![allow(clippy::expect_used, clippy::panic)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rollcall_tests::{Cloud, Program, functions};
use tokio::process::Command;

/// Where the script and its requirements are.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python");

#[tokio::test]
async fn a_client_that_is_not_ours_connects_checks_in_and_is_managed() {
    let python = environment().await;
    let home = tempfile::tempdir().expect("a folder");
    let cloud = Cloud::start().await;

    let mut command = Command::new(python);
    command.arg(Path::new(SCRIPTS).join("client.py"));
    command.args([cloud.ws_url(), cloud.stack.connections_url(), cloud.token("ap-1")]);
    // Neither a proxy nor an AWS configuration of this machine's user is for loopback.
    command.env_clear().env("HOME", home.path()).env("PYTHONDONTWRITEBYTECODE", "1");
    let mut client = Program::start(&mut command);
    client.says("connected").await;
    let node = cloud.stored("ap-1").await.expect("stored");
    client.tell(node.open().expect("connected").connection.id.as_str()).await;
    let ended = client.ended().await;
    assert_eq!((ended.code, &*ended.stdout), (Some(0), "connected\ndone\n"), "{ended:?}");

    let node = cloud.stored("ap-1").await.expect("stored");
    assert_eq!((node.seq, node.firmware.as_deref()), (Some(2), Some("2.4.1")), "what it said is stored");
    let events = cloud.journal.until("disconnect", "stored", 1).await;
    let node = cloud.stored("ap-1").await.expect("stored");
    let closed = node.held.expect("held").closed.unwrap_or_else(|| panic!("closed: {events:?}"));
    assert_eq!(closed.code, Some(1000), "so is how it was closed");
    cloud.stop().await;
}

/// The Python of a virtual environment with what is required, which is made if it is not there yet, or was made from
/// other requirements or by another Python.
async fn environment() -> PathBuf {
    let target = functions().parent().expect("target").to_owned();
    let folder = target.join("venv");
    let python = folder.join("bin/python");
    let stamp = folder.join("made-from.txt");
    // One at a time, if tests run twice at once. The lock ends with this function, or with this process.
    let lock = File::create(target.join("venv.lock")).expect("a file");
    lock.lock().expect("locked");

    let mut version = Command::new("python3");
    let version =
        version.args(["-c", "import sys; assert sys.version_info >= (3, 10), sys.version; print(sys.version)"]);
    let version =
        done(version, "Python 3.10 or newer is needed: apt install python3 python3-venv, or brew install python3")
            .await;
    let requirements = Path::new(SCRIPTS).join("requirements.txt");
    let wanted = format!("{version}{}", fs::read_to_string(&requirements).expect("requirements"));
    if fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == wanted) {
        return python;
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&folder);
    done(&mut make, "Debian has venv in a package of its own: apt install python3-venv").await;
    let mut install = Command::new(&python);
    install
        .args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--requirement"])
        .arg(&requirements);
    done(&mut install, "a package index must be reachable once: see pip config list").await;
    fs::write(&stamp, wanted).expect("written");
    python
}

/// What a command says that must not fail; if it does, `advice` says what to do.
async fn done(command: &mut Command, advice: &str) -> String {
    let output = command.kill_on_drop(true).output().await;
    let output = output.unwrap_or_else(|error| panic!("{:?} does not run: {error}\n{advice}", command.as_std()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?} fails:\n{errors}\n{advice}", command.as_std());
    String::from_utf8_lossy(&output.stdout).into_owned()
}
