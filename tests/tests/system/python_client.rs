//! A client that is not ours: Python's `websockets`, and `boto3` for `@connections`, drive the gateway.

use rollcall_tests::{Cloud, Program, python, scripts};
use tokio::process::Command;

#[tokio::test]
async fn a_client_that_is_not_ours_connects_checks_in_and_is_managed() {
    let python = python("client").await;
    let home = tempfile::tempdir().expect("a folder");
    let cloud = Cloud::start().await;

    let mut command = Command::new(python);
    command.arg(scripts().join("client.py"));
    command.args([cloud.ws_url(), cloud.stack.connections_url().to_owned(), cloud.token("ap-1")]);
    // Neither a proxy nor an AWS configuration of this machine's user is for loopback.
    command.env_clear().env("HOME", home.path()).env("PYTHONDONTWRITEBYTECODE", "1");
    let mut client = Program::start(&mut command);
    client.says("connected").await;
    let node = cloud.stored("ap-1").await.expect("stored");
    client.tell(node.open().expect("connected").connection.id.as_str()).await;
    let ended = client.ended().await;
    assert_eq!((ended.code, &*ended.stdout), (Some(0), "connected\ndone\n"), "{ended:?}");

    let node = cloud.stored("ap-1").await.expect("stored");
    assert_eq!((node.seq, node.firmware.as_deref()), (Some(3), Some("2.4.1")), "what it said is stored");
    let events = cloud.journal.until("disconnect", "stored", 1).await;
    let node = cloud.stored("ap-1").await.expect("stored");
    let closed = node.held.expect("held").closed.unwrap_or_else(|| panic!("closed: {events:?}"));
    assert_eq!(closed.code, Some(1000), "so is how it was closed");
    cloud.stop().await;
}
